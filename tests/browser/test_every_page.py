"""Every page, with names that were meant to harm it: nothing runs, nothing breaks out, everybody can use it."""

from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.contrib.auth.models import User
from playwright.sync_api import Dialog, Page

from customers.models import Customer, Import, RejectedRow
from segmentation_site.access.keys import create_key
from segments import defining
from segments.models import Segment
from tests.browser.conftest import PHONE
from tests.segments import given as given_segments

SignIn = Callable[[User], None]
SCRIPT = '</script><img src=x onerror="alert(1)">'
LONG = "Unbreakable" * 9
RIGHT_TO_LEFT = "\u202e\u0642\u0637\u0627\u0639"


# What the page would be narrower without, the innermost last.
STICKING_OUT = """() => [...document.querySelectorAll("body *")].filter(one => {
    const [shown, width] = [one.style.display, document.documentElement.scrollWidth];
    one.style.display = "none";
    const is = document.documentElement.scrollWidth < width;
    one.style.display = shown;
    return is;
}).slice(-1).map(one => one.outerHTML.slice(0, 200))"""


@pytest.fixture
def addresses(transactional_db: None, admin: User) -> list[str]:
    """The pages of a site whose names are all hostile, with one of everything."""
    for number in range(60):
        Customer.objects.create(
            external_id=f"{SCRIPT}{number}" if number else LONG,
            first_name=SCRIPT,
            last_name=RIGHT_TO_LEFT if number % 2 else "=cmd()",
            age=20 + number % 50,
            annual_income=20 + 60 * (number % 2) + number % 7,
            spending_score=15 + 70 * (number % 3 == 0) + number % 5,
        )
    definition = defining.read_definition({"features": ["annual_income", "spending_score"], "k": 4})
    segmentation = defining.create_segmentation(name=SCRIPT, definition=definition, description=LONG * 5)
    run = given_segments.publish(given_segments.run(segmentation))
    for segment, name in zip(Segment.objects.all(), (SCRIPT, LONG[:100], RIGHT_TO_LEFT, "=cmd()"), strict=True):
        defining.edit_segment(segment, name=name, action=SCRIPT, description=SCRIPT)
    one = Import.objects.create(
        file_name=f"{SCRIPT}.csv", status="done", rows=1, created=0, updated=0, unchanged=0, rejected=1
    )
    RejectedRow.objects.create(
        source_import=one,
        line=2,
        reasons=[{"field": "age", "code": "not_a_number", "detail": f"“{SCRIPT}” is not a number."}],
        cells={SCRIPT: SCRIPT, "Age": LONG},
    )
    create_key(SCRIPT, scopes=["members:read"], by=admin)
    customer = Customer.objects.order_by("pk")[1]
    return [
        "/",
        "/customers/",
        f"/customers/{customer.pk}",
        "/imports/",
        "/imports/new",
        f"/imports/{one.public_id}",
        "/segmentations/",
        "/segmentations/new",
        f"/segmentations/{segmentation.slug}",
        f"/segmentations/{segmentation.slug}/edit",
        f"/runs/{run.public_id}",
        "/segments/",
        *(f"/segments/{segment.public_id}" for segment in Segment.objects.all()),
        "/api-keys/",
        "/api-keys/new",
        "/status",
        "/accounts/password/",
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_name_harms_a_page_and_everybody_can_use_it(
    site: str, page: Page, sign_in: SignIn, admin: User, addresses: list[str], scheme: str
) -> None:
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    dialogs: list[str] = []

    def hear(dialog: Dialog) -> None:
        dialogs.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", hear)
    sign_in(admin)
    serious = {}
    for address in addresses:
        answer = page.goto(f"{site}{address}")
        assert answer, address
        assert answer.status == 200, address
        page.wait_for_load_state("networkidle")
        found = [
            f"{violation['id']}: {[node['html'][:120] for node in violation['nodes'][:3]]}"
            for violation in Axe().run(page).response["violations"]
            if violation["impact"] in ("serious", "critical")
        ]
        if found:
            serious[address] = found
    assert not serious
    assert not dialogs


def test_no_page_is_wider_than_a_phone(
    site: str, page: Page, sign_in: SignIn, admin: User, addresses: list[str]
) -> None:
    page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    sign_in(admin)
    too_wide = {}
    for address in addresses:
        page.goto(f"{site}{address}")
        page.wait_for_load_state("networkidle")
        if page.evaluate("document.documentElement.scrollWidth") > PHONE[0]:
            too_wide[address] = page.evaluate(STICKING_OUT)
    assert not too_wide


def test_the_whole_site_works_with_the_keyboard_alone(site: str, page: Page, sign_in: SignIn, admin: User) -> None:
    sign_in(admin)
    page.goto(f"{site}/segmentations/")
    reached = set()
    for _ in range(30):
        page.keyboard.press("Tab")
        focused = page.evaluate("document.activeElement.textContent.trim().split('\\n').pop().trim()")
        outline = page.evaluate(
            "(() => { const s = getComputedStyle(document.activeElement);"
            " return s.outlineStyle !== 'none' || s.boxShadow !== 'none' })()"
        )
        reached.add(focused)
        if page.evaluate("document.activeElement === document.body"):
            continue
        assert outline, f"nobody sees that “{focused}” has the focus"
    assert {"Overview", "Segments", "Customers", "Imports", "API keys"} <= reached
