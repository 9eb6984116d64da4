"""Nobody needs a mouse: the focus is always seen, and both wizards can be walked from end to end."""

from collections.abc import Callable
from pathlib import Path

from django.contrib.auth.models import User
from playwright.sync_api import Locator, Page, expect

from customers.models import Customer
from segments.models import Segmentation

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
        if goal.evaluate("one => one === document.activeElement"):
            return
        page.keyboard.press("Tab")
        assert page.evaluate(IS_SEEN), f"nobody sees that “{page.evaluate(FOCUSED)}” has the focus"
    raise AssertionError(f"{goal} is not reached by keyboard")


def test_the_sidebar_is_reached_and_the_focus_is_seen(site: str, page: Page, sign_in: SignIn, admin: User) -> None:
    sign_in(admin)
    page.goto(f"{site}/segmentations/")
    for name in ("Overview", "Segments", "Customers", "Imports", "API keys"):
        tab_to(page, page.get_by_role("link", name=name, exact=True).last)


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
