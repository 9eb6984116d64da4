"""Nobody needs a mouse: the focus is always seen, and both wizards can be walked from end to end."""

from collections.abc import Callable
from pathlib import Path

from django.contrib.auth.models import User
from playwright.sync_api import Locator, Page, expect

from customers.models import Customer
from segments.models import Segmentation

IS_AT_REST = "() => !document.querySelector('.htmx-request, .htmx-swapping, .htmx-settling')"
SignIn = Callable[[User], None]
FOCUSED = "document.activeElement === document.body ? '' : document.activeElement.textContent.trim().split('\\n').pop()"
IS_SEEN = """() => [document.activeElement, ...document.querySelectorAll(":focus-within")]
    .map(one => getComputedStyle(one)).some(style => style.outlineStyle !== "none" || style.boxShadow !== "none")"""
# Further than the last thing on any page that one can go to.
EVERYTHING = 80
MINUTE = 60_000


def tab_to(page: Page, goal: Locator) -> None:
    """Press Tab until the focus is on `goal`, and see it on the way."""
    for _ in range(EVERYTHING):
        # A part of the page that is being replaced would take the focus with it.
        page.wait_for_function(IS_AT_REST)
        if goal.evaluate("one => one === document.activeElement"):
            return
        page.keyboard.press("Tab")
        assert page.evaluate(IS_SEEN), f"nobody sees that “{page.evaluate(FOCUSED)}” has the focus"
    raise AssertionError(f"{goal} is not reached by keyboard")


def test_the_sidebar_is_reached_and_the_focus_is_seen(site: str, page: Page, sign_in: SignIn, admin: User) -> None:
    sign_in(admin)
    page.goto(f"{site}/segmentations/")
    for name in ("Overview", "Segments", "Customers", "Imports", "API keys"):
        # Without the way back to the overview, which stands over the heading.
        tab_to(page, page.locator("#nav-sidebar").get_by_role("link", name=name, exact=True).last)


def test_a_file_is_imported_and_divided_without_a_mouse(
    site: str, page: Page, sign_in: SignIn, admin: User, mall_file: Path
) -> None:
    sign_in(admin)
    page.goto(f"{site}/imports/new")
    chooser = page.locator("input[type=file]")
    tab_to(page, chooser)
    # Enter would open the system's own dialogue, where no browser can be driven any further.
    chooser.set_input_files(mall_file)
    tab_to(page, page.get_by_role("button", name="Upload and look at it"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="What do these columns mean?")).to_be_visible()
    tab_to(page, page.get_by_role("button", name="Start the import"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Find segments")).to_be_visible(timeout=MINUTE)
    assert Customer.objects.count() == 200

    tab_to(page, page.get_by_role("link", name="Find segments"))
    page.keyboard.press("Enter")
    tab_to(page, page.get_by_role("checkbox", name="Age"))
    page.keyboard.press("Space")
    tab_to(page, page.get_by_role("radio", name="Find the best number"))
    page.keyboard.press("ArrowDown")
    number = page.get_by_role("spinbutton", name="Exactly")
    tab_to(page, number)
    number.press("ControlOrMeta+a")
    page.keyboard.type("4")
    tab_to(page, page.get_by_label("Name"))
    page.keyboard.type("By keyboard")
    tab_to(page, page.get_by_role("button", name="Create and run"))
    page.keyboard.press("Enter")
    use = page.get_by_role("button", name="Use these segments")
    expect(use).to_be_visible(timeout=MINUTE)
    tab_to(page, use)
    page.keyboard.press("Enter")
    expect(page.get_by_text("In use since")).to_be_visible()
    published = Segmentation.objects.get().published_run
    assert published
    assert published.k == 4
    assert len(published.definition["features"]) == 3


def test_a_file_is_put_right_checked_imported_and_taken_back_without_a_mouse(
    site: str, page: Page, sign_in: SignIn, admin: User, tmp_path: Path
) -> None:
    file = tmp_path / "people.csv"
    file.write_text("Client;Points;Joined on\n1;30;03/04/2024\n2;500;05/06/2024\n")
    sign_in(admin)
    page.goto(f"{site}/imports/new")
    page.locator("input[type=file]").set_input_files(file)
    tab_to(page, page.get_by_role("button", name="Upload and look at it"))
    page.keyboard.press("Enter")

    # A choice keeps the focus when its effect is shown; the dates lead to the choice that settles them.
    client = page.get_by_role("combobox", name="Client")
    tab_to(page, client)
    page.keyboard.press("ArrowDown")
    expect(client).to_have_value("external_id")
    expect(page.get_by_role("button", name="Start the import")).to_be_enabled()
    expect(client).to_be_focused()
    tab_to(page, page.get_by_role("combobox", name="Points"))
    page.keyboard.type("Spend")
    expect(page.get_by_text("“500” is above 100.")).to_be_visible()
    tab_to(page, page.get_by_role("link", name="Say which", exact=True))
    page.keyboard.press("Enter")
    order = page.locator("#date-order")
    expect(order).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_text("“03/04/2024” is read as 3 April 2024")).to_be_visible()
    expect(order).to_be_focused()
    tab_to(page, page.get_by_role("radio", name="Add and update"))
    with page.expect_response("**/map"):
        page.keyboard.press("ArrowDown")
    chosen = page.locator("input[name=mode]:checked")
    expect(chosen).to_have_value("create")
    expect(chosen).to_be_focused()

    # First it is only checked, then imported, then taken back.
    tab_to(page, page.get_by_role("button", name="Check only"))
    page.keyboard.press("Enter")
    now = page.get_by_role("button", name="Import it now")
    expect(now).to_be_visible(timeout=MINUTE)
    tab_to(page, now)
    page.keyboard.press("Enter")
    undo = page.get_by_role("link", name="Undo")
    expect(undo).to_be_visible(timeout=MINUTE)
    assert [str(one.joined_on) for one in Customer.objects.all()] == ["2024-04-03"]
    tab_to(page, undo)
    page.keyboard.press("Enter")
    tab_to(page, page.get_by_role("button", name="Undo the import"))
    page.keyboard.press("Enter")
    expect(page.get_by_text("This import was taken back.")).to_be_visible(timeout=MINUTE)
    assert not Customer.objects.exists()
