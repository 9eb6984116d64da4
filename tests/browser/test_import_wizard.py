"""A workbook whose columns are wrongly understood and whose rows are partly bad, to a good end, and back again."""

import csv
import io
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from openpyxl import Workbook  # type: ignore[import-untyped]
from playwright.sync_api import Page, expect

from customers.models import Customer

LONG = 60_000
HEADERS = ("Client", "Points", "Age", "City")
ROWS = (
    *((f"c-{number}", 20 + number, 30 + number, "Lyon") for number in range(20)),
    ("c-20", 500, 40, "Paris"),
    ("c-21", 30, "old", "Paris"),
)


def workbook(path: Path) -> Path:
    """Two sheets; the customers are on the second."""
    book = Workbook()
    book.active.title = "Notes"
    book.active.append(["Read me"])
    book.active.append(["The customers are on the next sheet."])
    sheet = book.create_sheet("Customers")
    for row in (HEADERS, *ROWS):
        sheet.append(row)
    book.save(path / "customers.xlsx")
    return path / "customers.xlsx"


def text_file(path: Path) -> Path:
    file = path / "customers.csv"
    file.write_text("\n".join(";".join(map(str, row)) for row in (HEADERS, *ROWS)), "cp1252")
    return file


@pytest.mark.parametrize("write", [workbook, text_file], ids=["xlsx", "csv"])
def test_a_file_that_is_wrongly_understood_and_partly_bad_comes_in_and_goes_again(
    site: str,
    page: Page,
    sign_in: Callable[[User], None],
    admin: User,
    tmp_path: Path,
    write: Callable[[Path], Path],
) -> None:
    sign_in(admin)
    page.goto(f"{site}/imports/new")
    page.locator("input[type=file]").set_input_files(write(tmp_path))
    page.get_by_role("button", name="Upload and look at it").click()

    # What is missing blocks the start, and says so.
    expect(page.get_by_role("heading", name="What do these columns mean?")).to_be_visible()
    start = page.get_by_role("button", name="Start the import")
    expect(start).to_be_disabled()
    if write is workbook:
        page.get_by_text("How the file is written").click()
        page.get_by_label("Sheet").select_option("Customers")
        expect(page.get_by_role("rowheader", name="Client")).to_be_visible()
    expect(page.get_by_text("Choose the column that holds the customer id")).to_be_visible()

    # The columns are put right, one of them after a mistake.
    page.get_by_role("combobox", name="Client").select_option(label="Customer id")
    page.get_by_role("combobox", name="Points").select_option(label="Age")
    expect(page.get_by_text("Chosen for two columns").first).to_be_visible()
    page.get_by_role("combobox", name="Points").select_option(label="Spending score")
    expect(page.get_by_text("“500” is above 100.")).to_be_visible()
    expect(page.get_by_text("“old” is not a number.")).to_be_visible()
    expect(start).to_be_enabled()

    # First it is only checked: nothing is saved.
    page.get_by_role("button", name="Check only").click()
    expect(page.get_by_text("This was a dry run.")).to_be_visible(timeout=LONG)
    assert not Customer.objects.exists()
    page.get_by_role("button", name="Import it now").click()
    expect(page.get_by_role("heading", name="Why rows were rejected")).to_be_visible(timeout=LONG)
    report = page.locator("main").inner_text()
    assert re.search(r"Created\s+20\b", report)
    assert re.search(r"Rejected\s+2\b", report)

    # The bad rows come back with their reasons.
    with page.expect_download() as download:
        page.get_by_role("link", name="Rejected rows").click()
    header, *rejected = csv.reader(io.StringIO(Path(download.value.path()).read_text("utf-8-sig")))
    assert header == [*HEADERS, "Rejected line", "Rejected field", "Rejected because"]
    assert [(row[0], row[5]) for row in rejected] == [("c-20", "spending_score"), ("c-21", "age")]

    # And all of it is taken back.
    page.get_by_role("link", name="Undo").click()
    expect(page.get_by_role("heading", name="Undo this import?")).to_be_visible()
    assert re.search(r"Customers go\s+20\b", page.locator("main").inner_text())
    page.get_by_role("button", name="Undo the import").click()
    expect(page.get_by_text("This import was taken back.")).to_be_visible(timeout=LONG)
    assert not Customer.objects.exists()
