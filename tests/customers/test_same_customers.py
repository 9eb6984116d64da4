"""The same table written in every way that files are written gives the same customers."""

import gzip
import io
from collections.abc import Callable
from typing import Any

import polars as pl
import pytest
from openpyxl import Workbook  # type: ignore[import-untyped]

from customers import registering
from customers.files.generating import write_customers
from customers.models import Customer, RejectedRow
from tests.customers.given import carried_out, counts, started

pytestmark = pytest.mark.django_db(transaction=True)

COUNT = 2_000


def _table() -> pl.DataFrame:
    file = io.BytesIO()
    write_customers(COUNT, 7, file)
    file.seek(0)
    return pl.read_csv(file, infer_schema=False).with_columns(
        # A number with decimals, which some write with a comma.
        pl.format("{}.25", pl.int_range(pl.len()) % 90).alias("Visits"),
        # The only letter here that Windows-1252 does not have.
        pl.col("City").str.replace("ń", "n", literal=True),
    )


def _csv(table: pl.DataFrame) -> bytes:
    return table.write_csv().encode()


def _tsv_of_windows(table: pl.DataFrame) -> bytes:
    """With decimal commas, in an encoding that is not UTF-8."""
    return (
        table.with_columns(pl.col("Visits").str.replace(".", ",", literal=True))
        .write_csv(separator="\t")
        .encode("cp1252")
    )


def _xlsx(table: pl.DataFrame) -> bytes:
    """As a spreadsheet stores it: numbers as numbers."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet("Customers")
    sheet.append(table.columns)
    for row in table.iter_rows():
        sheet.append([_as_number(cell) for cell in row])
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def _as_number(cell: str | None) -> Any:
    try:
        return float(cell or "")
    except ValueError:
        return cell


def _ndjson(table: pl.DataFrame) -> bytes:
    file = io.BytesIO()
    table.write_ndjson(file)
    return file.getvalue()


def _parquet(table: pl.DataFrame) -> bytes:
    file = io.BytesIO()
    table.write_parquet(file)
    return file.getvalue()


FORMATS: dict[str, Callable[[pl.DataFrame], bytes]] = {
    "csv": _csv,
    "gzip": lambda table: gzip.compress(_csv(table)),
    "tsv in windows-1252 with decimal commas": _tsv_of_windows,
    "xlsx": _xlsx,
    "ndjson": _ndjson,
    "packed ndjson": lambda table: gzip.compress(_ndjson(table)),
    "parquet": _parquet,
}


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_gives_the_same_customers_and_the_same_rejected_rows(name: str) -> None:
    registering.register(key="visits", label="Visits", kind="number")
    table = _table()
    expected = _import(_csv(table))
    Customer.objects.all().delete()
    RejectedRow.objects.all().delete()
    assert _import(FORMATS[name](table)) == expected


def _import(content: bytes) -> Any:
    from customers.searching import changed

    one = carried_out(started(content))
    assert one.status == "done", one.error_detail
    left_out = ("change_sequence", "created_at", "updated_at")
    customers = {
        row["external_id"]: {key: value for key, value in row.items() if key not in left_out}
        for row in changed(after=0, size=COUNT)
    }
    reasons = sorted(
        (row.cells["First name"], row.cells["Last name"], sorted(reason["code"] for reason in row.reasons))
        for row in RejectedRow.objects.all()
    )
    return counts(one), customers, reasons
