"""What people typed is not lost: not to somebody else's change, not to a session that ends in the middle of a form."""

from collections.abc import Callable

from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from playwright.sync_api import Page, expect

from segments.models import Run, Segment
from tests import given
from tests.pages.conftest import mall, published

SignIn = Callable[[User], None]
__all__ = ["mall", "published"]


def test_two_people_who_change_one_segment_both_know_of_it(
    site: str, page: Page, sign_in: SignIn, published: Run, admin: User
) -> None:
    segment = Segment.objects.order_by("pk")[0]
    sign_in(admin)
    other = page.context.new_page()
    for tab in (page, other):
        tab.goto(f"{site}/segments/{segment.public_id}")
    page.get_by_label("Name").fill("Savers")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("Saved.")).to_be_visible()

    other.get_by_label("Notes").fill("They wait for sales.")
    other.get_by_role("button", name="Save", exact=True).click()
    expect(other.get_by_role("alert")).to_contain_text("Somebody else changed this segment")
    expect(other.get_by_label("Notes")).to_have_value("They wait for sales.")
    expect(other.get_by_role("heading", name="Saved now").locator("..")).to_contain_text("Savers")
    segment.refresh_from_db()
    assert (segment.name, segment.description) == ("Savers", "")

    # Knowing it, they may put theirs in its place.
    other.get_by_label("Name").fill("Savers who wait")
    other.get_by_role("button", name="Save", exact=True).click()
    expect(other.get_by_text("Saved.")).to_be_visible()
    segment.refresh_from_db()
    assert (segment.name, segment.description) == ("Savers who wait", "They wait for sales.")
    other.close()


def test_what_was_typed_is_back_after_signing_in_again(
    site: str, page: Page, sign_in: SignIn, published: Run, admin: User
) -> None:
    sign_in(admin)
    page.goto(f"{site}/segmentations/new")
    page.get_by_label("Name").fill("By age alone")
    page.get_by_label("Annual income").first.uncheck()
    page.get_by_text("I choose").click()
    page.get_by_role("spinbutton", name="Exactly").fill("7")
    Session.objects.all().delete()
    page.get_by_role("button", name="Create and run").click()

    page.get_by_label("Username").fill(admin.username)
    page.get_by_label("Password").fill(given.PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_text("what you typed is back here")).to_be_visible()
    assert page.url == f"{site}/segmentations/new"
    expect(page.get_by_label("Name")).to_have_value("By age alone")
    expect(page.get_by_label("Annual income").first).not_to_be_checked()
    expect(page.get_by_role("spinbutton", name="Exactly")).to_have_value("7")

    # It is shown once: who comes back later finds an empty form.
    page.reload()
    expect(page.get_by_label("Name")).to_have_value("")
