"""From a run to segments in use, on to other ones, and back again; and a segment with its name into a file."""

import csv
import io
from collections.abc import Callable
from pathlib import Path

from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from customers.models import Customer
from segments.models import Segment, Segmentation
from tests.pages.conftest import mall
from tests.segments import given

SignIn = Callable[[User], None]
LONG = 60_000
__all__ = ["mall"]


def test_segments_come_into_use_are_replaced_and_come_back(
    site: str, page: Page, sign_in: SignIn, admin: User, mall: Callable[[], None]
) -> None:
    mall()
    Customer.objects.update(consent="granted")
    segmentation = given.segmentation("Income and spending", ["annual_income", "spending_score"], k=5)
    address = f"{site}/segmentations/{segmentation.slug}"
    use = page.get_by_role("button", name="Use these segments")

    def run() -> str:
        page.goto(address)
        page.get_by_role("button", name="Start a run").click()
        expect(use).to_be_visible(timeout=LONG)
        return page.url

    sign_in(admin)
    first = run()
    expect(page.get_by_role("heading", name="Map")).to_be_visible()
    use.click()
    expect(page.get_by_text("In use since")).to_be_visible()

    # A second run, with one segment less: what using it would move is told before.
    given.redefine(segmentation, k=4)
    second = run()
    expect(page.get_by_role("heading", name="What using it would move")).to_be_visible()
    page.get_by_role("link", name="Compare with another run").click()
    expect(page.get_by_role("table")).to_contain_text("Before")
    expect(page.get_by_text("adjusted Rand index")).to_be_visible()
    page.get_by_role("navigation", name="Breadcrumb").get_by_role("link").last.click()
    page.wait_for_url(second)
    use.click()
    expect(page.get_by_text("In use since")).to_be_visible()

    # And back.
    page.goto(first)
    page.get_by_role("button", name="Go back to these segments").click()
    expect(page.get_by_text("In use since")).to_be_visible()
    in_use = Segmentation.objects.get().published_run
    assert in_use is not None
    assert first.endswith(in_use.public_id)

    # A segment gets a name, which a file of its members has.
    page.goto(f"{site}/segments/")
    page.locator(".segment-card-name a").first.click()
    page.get_by_label("Name").fill("Big spenders")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("heading", name="Big spenders", level=1)).to_be_visible()
    size = Segment.objects.get(name="Big spenders").profiles.get(run=in_use).size
    page.get_by_role("link", name="Export").last.click()
    page.get_by_role("button", name="Make the file").click()
    link = page.get_by_role("link", name="Fetch the file")
    expect(link).to_be_visible(timeout=LONG)
    with page.expect_download() as download:
        link.click()
    _head, *rows = csv.reader(io.StringIO(Path(download.value.path()).read_text("utf-8-sig")))
    assert len(rows) == size
