"""Every page, with names that were meant to harm it: nothing runs, nothing breaks out, everybody can use it."""

import csv
import io
from collections.abc import Callable
from datetime import timedelta
from urllib.parse import quote

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.contrib.auth.models import User
from django.utils import timezone
from playwright.sync_api import Dialog, Page, expect

from customers.models import Customer, Import, RejectedRow
from segmentation_site.access.keys import create_key
from segmentation_site.webhooks import registering
from segmentation_site.webhooks.events import Event
from segmentation_site.webhooks.models import Delivery, Webhook
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
# Tables and texts of which one has to scroll to see the rest, though there is room for all.
CUT_OFF = """() => [...document.querySelectorAll("main .table-box, main .snippet, main .stat, main .card")]
    .filter(one => one.checkVisibility() && !one.closest("details:not([open])"))
    .filter(one => one.scrollWidth > one.clientWidth + 1)
    .map(one => `${one.scrollWidth} in ${one.clientWidth}: ${one.innerText.slice(0, 80)}`)"""
# Rows of lists that have become columns of letters.
TORN = """most => [...document.querySelectorAll("main tr")].filter(one => one.offsetHeight > most)
    .map(one => `${one.offsetHeight} high: ${one.innerText.slice(0, 80)}`)"""


def dialogs_of(page: Page) -> list[str]:
    """What dialogues say that a page opens from now on: only a script that got in would open one."""
    said: list[str] = []

    def hear(dialog: Dialog) -> None:
        said.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", hear)
    return said


def serious_findings(page: Page) -> list[str]:
    """What axe finds on the page that keeps people from using it."""
    return [
        f"{violation['id']}: {[node['html'][:120] for node in violation['nodes'][:3]]}"
        for violation in Axe().run(page).response["violations"]
        if violation["impact"] in ("serious", "critical")
    ]


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
    given_segments.publish(given_segments.run(segmentation))
    run = given_segments.run(segmentation)
    for segment, name in zip(Segment.objects.all(), (SCRIPT, LONG[:100], RIGHT_TO_LEFT, "=cmd()"), strict=True):
        defining.edit_segment(segment, name=name, action=SCRIPT, description=SCRIPT)
    one = Import.objects.create(
        file_name=f"{SCRIPT}.csv",
        status="done",
        rows=1,
        created=0,
        updated=0,
        unchanged=0,
        rejected=1,
        undoable_until=timezone.now() + timedelta(days=1),
    )
    RejectedRow.objects.create(
        source_import=one,
        line=2,
        reasons=[{"field": "age", "code": "not_a_number", "detail": f"“{SCRIPT}” is not a number."}],
        cells={SCRIPT: SCRIPT, "Age": LONG},
    )
    create_key(SCRIPT, scopes=["members:read"], by=admin)
    webhook, _ = registering.create(
        name=SCRIPT, url=f"https://8.8.8.8/{LONG * 5}?{quote(SCRIPT)}", events=list(Event), by=admin
    )
    registering.rotate(webhook, by=admin)
    Webhook.objects.update(is_enabled=False, disabled_reason=SCRIPT)
    told = {"response_excerpt": SCRIPT + LONG * 5, "error": LONG + SCRIPT, "tried_at": timezone.now(), "seconds": 0.3}
    Delivery.objects.create(webhook=webhook, event_id="evt_1", type=Event.RUN_PUBLISHED, status="failed", **told)
    Delivery.objects.create(webhook=webhook, event_id="evt_2", type=Event.RUN_FINISHED)
    customer = Customer.objects.order_by("pk")[1]
    return [
        "/",
        f"/search?q={quote(SCRIPT[:20])}",
        "/search?q=Unbreakable",
        "/customers/",
        f"/customers/{customer.pk}",
        "/imports/",
        "/imports/new",
        f"/imports/{one.public_id}",
        f"/imports/{one.public_id}/undo",
        "/segmentations/",
        "/segmentations/new",
        f"/segmentations/{segmentation.slug}/edit",
        f"/segmentations/{segmentation.slug}/schedule",
        f"/segmentations/{segmentation.slug}",
        f"/runs/{run.public_id}",
        "/segments/",
        *(f"/segments/{segment.public_id}" for segment in Segment.objects.all()),
        "/exports/",
        "/exports/new",
        "/api-keys/",
        "/api-keys/new",
        "/webhooks/",
        "/webhooks/new",
        f"/webhooks/{webhook.public_id}",
        f"/webhooks/{webhook.public_id}/edit",
        "/status",
        "/accounts/password/",
        "/accounts/second-factor",
        "/people/",
        "/people/new",
        "/audit/",
        f"/customers/{customer.pk}/erase",
        f"/runs/{run.public_id}/compare",
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_name_harms_a_page_and_everybody_can_use_it(
    site: str, page: Page, sign_in: SignIn, admin: User, addresses: list[str], scheme: str
) -> None:
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    dialogs = dialogs_of(page)
    sign_in(admin)
    serious = {}
    for address in addresses:
        answer = page.goto(f"{site}{address}")
        assert answer, address
        assert answer.status == 200, address
        if found := serious_findings(page):
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
        if page.evaluate("document.documentElement.scrollWidth") > PHONE[0]:
            too_wide[address] = page.evaluate(STICKING_OUT)
    assert not too_wide


def test_the_columns_of_a_hostile_file_are_shown_as_they_are(
    site: str, page: Page, sign_in: SignIn, admin: User
) -> None:
    sheet = io.StringIO()
    csv.writer(sheet).writerows(
        [
            ["Customer id", SCRIPT, "=cmd()", LONG * 2, RIGHT_TO_LEFT],
            *([f"{LONG}{row}", SCRIPT, "=1+1", LONG, RIGHT_TO_LEFT] for row in range(3)),
        ]
    )
    dialogs = dialogs_of(page)
    sign_in(admin)
    page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    page.goto(f"{site}/imports/new")
    page.set_input_files(
        "input[type=file]",
        {"name": f"{SCRIPT}.csv".replace("/", "_"), "mimeType": "text/csv", "buffer": sheet.getvalue().encode()},
    )
    page.get_by_role("button", name="Upload and look at it").click()
    expect(page.get_by_role("heading", name="What do these columns mean?")).to_be_visible()
    expect(page.get_by_text(SCRIPT, exact=True).first).to_be_visible()
    assert not serious_findings(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0], page.evaluate(STICKING_OUT)

    page.get_by_role("button", name="Start the import").click()
    expect(page.get_by_role("link", name="Find segments")).to_be_visible(timeout=60_000)
    assert Customer.objects.count() == 3
    assert not serious_findings(page)
    assert not dialogs


def test_nothing_is_cut_off_on_a_wide_screen_nor_torn_on_a_phone(
    site: str, page: Page, sign_in: SignIn, admin: User
) -> None:
    for number in range(60):
        Customer.objects.create(
            external_id=f"{1000 + number}",
            first_name="Marguerite",
            last_name="Oppenheimer",
            age=20 + number % 50,
            annual_income=20 + 60 * (number % 2) + number % 7,
            spending_score=15 + 70 * (number % 3 == 0) + number % 5,
        )
    run = given_segments.publish(
        given_segments.run(given_segments.segmentation("Income and spending", ["annual_income", "spending_score"], k=4))
    )
    segment = Segment.objects.order_by("pk")[0]
    addresses = [
        "/",
        "/customers/",
        f"/customers/{Customer.objects.order_by('pk')[0].pk}",
        f"/segmentations/{run.segmentation.slug}",
        f"/runs/{run.public_id}",
        f"/segments/{segment.public_id}",
    ]
    sign_in(admin)
    cut_off = {}
    for address in addresses:
        page.goto(f"{site}{address}")
        if found := page.evaluate(CUT_OFF):
            cut_off[address] = found
    assert not cut_off

    page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    torn = {}
    for address in addresses:
        page.goto(f"{site}{address}")
        if found := page.evaluate(TORN, PHONE[1] / 3):
            torn[address] = found
    assert not torn
