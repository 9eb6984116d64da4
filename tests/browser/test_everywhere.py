"""What works on every page: keys, search, charts as files, and paper."""

import csv
import io
import re
from collections.abc import Callable
from pathlib import Path

from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from customers.models import Customer
from segments import defining
from segments.models import Run, Segment
from tests.browser.test_every_page import serious_findings
from tests.pages.conftest import mall, published

SignIn = Callable[[User], None]
__all__ = ["mall", "published"]


def test_keys_lead_everywhere_until_somebody_turns_them_off(
    site: str, page: Page, sign_in: SignIn, admin: User
) -> None:
    one = Customer.objects.create(external_id="ada-1", first_name="Ada", last_name="Lovelace")
    sign_in(admin)
    page.keyboard.press("/")
    search = page.get_by_role("dialog", name="Search")
    expect(search.get_by_role("link", name="Audit trail")).to_be_visible()
    page.keyboard.type("lovel")
    expect(search.get_by_role("link", name="Ada Lovelace")).to_be_visible()
    expect(search.get_by_role("link", name="Audit trail")).to_be_hidden()
    assert not serious_findings(page)
    page.keyboard.press("ArrowDown")
    expect(search.get_by_role("link", name="Ada Lovelace")).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_url(f"{site}/customers/{one.pk}")

    page.keyboard.press("g")
    page.keyboard.press("s")
    page.wait_for_url(f"{site}/segments/")
    page.keyboard.press("?")
    keys = page.get_by_role("dialog", name="Keyboard shortcuts")
    expect(keys).to_be_visible()
    assert not serious_findings(page)
    keys.get_by_label("Keys work on this device").uncheck()
    page.keyboard.press("Escape")
    expect(keys).to_be_hidden()
    page.keyboard.press("/")
    expect(search).to_be_hidden()


def test_a_chart_is_saved_as_its_table_and_a_page_is_printed_as_a_report(
    site: str, page: Page, sign_in: SignIn, published: Run, admin: User, tmp_path: Path
) -> None:
    defining.edit_segment(Segment.objects.order_by("pk")[0], name='=HYPERLINK("x")')
    sign_in(admin)
    page.goto(f"{site}/runs/{published.public_id}")
    picture = page.get_by_role("figure").filter(has_text="typical customer").first
    with page.expect_download() as download:
        picture.get_by_role("button", name="Save as CSV").click()
    assert download.value.suggested_filename == "map-of-customers.csv"
    heads, *rows = csv.reader(io.StringIO(Path(download.value.path()).read_text("utf-8-sig")))
    assert heads[:2] == ["Segment", "Customers"]
    assert sum(int(row[1]) for row in rows) == 200
    assert """'=HYPERLINK("x")""" in [row[0] for row in rows]

    table = page.get_by_role("region", name="Segments against the average")
    expect(table.get_by_text("far above").first).to_be_visible()
    page.get_by_text("In standard deviations").click()
    expect(table.get_by_text("far above").first).to_be_hidden()
    expect(table.get_by_text(re.compile(r"^\+1\.\d\d")).first).to_be_visible()

    page.emulate_media(media="print")
    expect(picture.locator("canvas")).to_be_visible()
    expect(page.get_by_role("heading", name="Differences")).to_be_visible()
    for gone in ("navigation", "button", "combobox"):
        expect(page.get_by_role(gone).locator("visible=true")).to_have_count(0)
