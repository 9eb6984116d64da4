"""Customers for benchmarks, and the empty tables that they start from."""

from pathlib import Path

import numpy as np
import polars as pl
from django.conf import settings
from django.core.files import File
from django.db import connection
from openpyxl import Workbook  # type: ignore[import-untyped]

from customers import importing, starting
from customers.models import Customer, Import, RejectedRow
from segmentation_site.jobs import leases
from segmentation_site.jobs.models import JobStatus
from segments.models import Segmentation

COLUMNS = (
    "external_id",
    "first_name",
    "last_name",
    "email",
    "gender",
    "age",
    "annual_income",
    "spending_score",
    "city",
    "country",
)


def customers_file(count: int, *, changed: float = 0.0) -> Path:
    """A CSV with ten columns and `count` good rows in five groups; of `changed`, 0 to 1, the scores are others."""
    path = Path(settings.DATA_DIR) / f"customers-{count}-{changed:g}.csv"
    if not path.exists():
        _frame(count, changed).write_csv(path)
    return path


def customers_workbook(count: int) -> Path:
    """The same as a workbook, numbers as numbers."""
    path = Path(settings.DATA_DIR) / f"customers-{count}.xlsx"
    if not path.exists():
        book = Workbook(write_only=True)
        sheet = book.create_sheet("Customers")
        frame = _frame(count, 0)
        for row in (frame.columns, *frame.iter_rows()):
            sheet.append(row)
        book.save(path)
    return path


def _frame(count: int, changed: float) -> pl.DataFrame:
    random = np.random.default_rng(1)
    group = random.choice(5, count, p=[0.4, 0.2, 0.17, 0.12, 0.11])
    middle = np.array([[55, 50], [86, 82], [88, 17], [26, 79], [26, 21]])[group]
    income = np.clip(random.normal(middle[:, 0], 8), 10, 200).round(1)
    score = np.clip(random.normal(middle[:, 1], 8), 1, 100).round(0)
    score[: int(changed * count)] = 100 - score[: int(changed * count)]
    number = pl.int_range(1, count + 1, eager=True)
    return pl.DataFrame(
        {
            "external_id": number,
            "first_name": "Ada",
            "last_name": pl.select(pl.format("Number {}", number)).to_series(),
            "email": pl.select(pl.format("customer{}@example.com", number)).to_series(),
            "gender": np.where(random.random(count) < 0.56, "female", "male"),
            "age": np.clip(random.normal(39, 14, count), 18, 90).round(0),
            "annual_income": income,
            "spending_score": score,
            "city": "Lyon",
            "country": "France",
        }
    )


def nobody() -> None:
    """Empty tables, and nothing of what was there before left in the way."""
    for segmentation in Segmentation.objects.all():
        from segments.defining import delete_segmentation

        delete_segmentation(segmentation)
    RejectedRow.objects.all().delete()
    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {Customer._meta.db_table}, {Import._meta.db_table} CASCADE")
        cursor.execute("CHECKPOINT")


def imported(path: Path) -> Import:
    """The file through the importer, as the command does it."""
    with path.open("rb") as file:
        one = starting.start_import(File(file, name=path.name), by=None, ring=False)
    leases.carry_out(Import, one.pk, importing.execute)
    one.refresh_from_db()
    assert one.status == JobStatus.DONE, one.error_detail
    return one


def customers_in_place(count: int) -> None:
    """Exactly `count` customers; imported only when other ones are there."""
    if Customer.objects.count() != count:
        nobody()
        imported(customers_file(count))
        vacuum()


def vacuum() -> None:
    """What autovacuum does in time."""
    with connection.cursor() as cursor:
        cursor.execute(f"VACUUM ANALYZE {Customer._meta.db_table}")
