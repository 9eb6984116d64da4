"""Imports beside the least that the database must do for them."""

import csv
import resource
import statistics
import time
from itertools import islice
from pathlib import Path

from django.db import connection, transaction
from postgres_copy.copy_from import CopyMapping
from psycopg import sql
from python_calamine import CalamineWorkbook

from benchmarks import given
from benchmarks.measuring import Claim, Contestant, Limit, Measured, interleaved
from customers.models import Customer
from segmentation_site.database.copying import CHUNK, copy_in

TABLE = sql.Identifier(Customer._meta.db_table)
MOST_ROWS_OF_A_WORKBOOK = 100_000
# Beyond the 15 times that are claimed nobody needs to wait.
ENOUGH_TIMES = 20
NAMES = sql.SQL(", ").join(map(sql.Identifier, given.COLUMNS))


def measure_import(customers: int, rounds: int) -> Measured:
    """All rows new: our import, and COPY of the same file into the same empty table with its indexes built after."""
    path = given.customers_file(customers)
    ours, floor = "import: checks, counts, rejects, way back", "COPY, then build the indexes"
    peer, copying = f"bulk_create of 5,000, at most {ENOUGH_TIMES} x ours", "django-postgres-copy, no checks"
    seconds = interleaved(
        {
            ours: Contestant(lambda: given.imported(path), before=given.nobody),
            floor: Contestant(lambda: _copy_then_index(path), before=given.nobody),
            copying: Contestant(lambda: _postgres_copy(path), before=given.nobody),
        },
        rounds,
    )
    # It takes minutes for a million: once is enough, and no longer than it takes to see that it is slower by far.
    most = ENOUGH_TIMES * statistics.median(seconds[ours])
    bulk = Contestant(lambda: _bulk_create(path, most), before=given.nobody)
    seconds |= interleaved({peer: bulk}, 1, warm_up=False)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    title = f"{customers:,} new customers of {len(given.COLUMNS)} columns"
    claims = (Claim(ours, floor, 1.3), Claim(ours, copying, 1.0), Claim(ours, peer, 1 / 15))
    return Measured(title, seconds, claims, limits=(Limit("peak memory of the process", peak, 1500, "MB"),))


def measure_import_again(customers: int, rounds: int) -> Measured:
    """All known, one in ten changed: our import, and COPY into a staging table with MERGE of the rows that differ."""
    original, changed = given.customers_file(customers), given.customers_file(customers, changed=0.1)
    given.customers_in_place(customers)

    def restore() -> None:
        given.imported(original)
        given.vacuum()

    ours, floor = "import again", "COPY into staging, MERGE"
    seconds = interleaved(
        {
            ours: Contestant(lambda: given.imported(changed), before=restore),
            floor: Contestant(lambda: _copy_and_merge(changed), before=restore),
        },
        rounds,
    )
    return Measured(f"{customers:,} known customers, 10 % changed", seconds, (Claim(ours, floor, 1.2),))


def measure_xlsx(customers: int, rounds: int) -> Measured:
    """A workbook of at most 100,000 rows into an empty table, and calamine's reading of its sheet as Python values."""
    count = min(customers, MOST_ROWS_OF_A_WORKBOOK)
    path = given.customers_workbook(count)
    ours, floor = "import of a workbook", "calamine alone"
    seconds = interleaved(
        {
            ours: Contestant(lambda: given.imported(path), before=given.nobody),
            floor: Contestant(lambda: CalamineWorkbook.from_path(path).get_sheet_by_index(0).to_python()),
        },
        rounds,
    )
    return Measured(f"{count:,} rows of {len(given.COLUMNS)} columns", seconds, (Claim(ours, floor, 1.5),))


def _copy(path: Path, into: sql.Composable) -> None:
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT csv, HEADER true)").format(into, NAMES)
    with path.open("rb") as file:
        copy_in(statement, iter(lambda: file.read(CHUNK), b""))


def _copy_then_index(path: Path) -> None:
    """Of the importer's work only what no importer can leave out."""
    table = Customer._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute(
            "SELECT indexname, indexdef, conname, pg_get_constraintdef(constraints.oid)"
            " FROM pg_indexes LEFT JOIN pg_constraint AS constraints ON conname = indexname AND contype IN ('p', 'u')"
            " WHERE tablename = %s",
            [table],
        )
        indexes = cursor.fetchall()
        for name, _, constraint, _ in indexes:
            drop = "ALTER TABLE {table} DROP CONSTRAINT {name} CASCADE" if constraint else "DROP INDEX {name}"
            cursor.execute(sql.SQL(drop).format(table=TABLE, name=sql.Identifier(name)))
        cursor.execute(sql.SQL("ALTER TABLE {} ALTER COLUMN phone SET DEFAULT ''").format(TABLE))
        _copy(path, TABLE)
        for name, index, constraint, definition in indexes:
            if constraint:
                cursor.execute(
                    sql.SQL("ALTER TABLE {} ADD CONSTRAINT {} {}").format(
                        TABLE, sql.Identifier(name), sql.SQL(definition)
                    )
                )
            else:
                cursor.execute(index)
        cursor.execute("COMMIT")


def _bulk_create(path: Path, most: float) -> None:
    """What people write who know the ORM only; given up after `most` seconds."""
    numbers = {"age", "annual_income", "spending_score"}
    began = time.perf_counter()
    with path.open(newline="", encoding="utf-8") as file, transaction.atomic():
        rows = csv.DictReader(file)
        while batch := list(islice(rows, 5000)):
            Customer.objects.bulk_create(
                Customer(**{key: float(value) if key in numbers else value for key, value in row.items()})
                for row in batch
            )
            if time.perf_counter() - began > most:
                transaction.set_rollback(True)
                return


def _postgres_copy(path: Path) -> None:
    """As its documentation has it: into a temporary table, from there into the model's with its indexes in place."""
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("ALTER TABLE {} ALTER COLUMN phone SET DEFAULT ''").format(TABLE))
    with transaction.atomic():
        CopyMapping(Customer, str(path), {name: name for name in given.COLUMNS}, quote_character='"').save(silent=True)


def _copy_and_merge(path: Path) -> None:
    changes = [name for name in given.COLUMNS if name != "external_id"]
    with connection.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute(
            sql.SQL("CREATE TEMPORARY TABLE staged ON COMMIT DROP AS SELECT {} FROM {} WITH NO DATA").format(
                NAMES, TABLE
            )
        )
        _copy(path, sql.Identifier("staged"))
        cursor.execute("ANALYZE staged (external_id)")
        cursor.execute("SET LOCAL work_mem = '256MB'")
        cursor.execute(
            sql.SQL(
                "MERGE INTO {table} AS customer USING staged ON customer.external_id = staged.external_id"
                " WHEN MATCHED AND ({differs}) THEN UPDATE SET {changes}"
                " WHEN NOT MATCHED THEN INSERT ({names}) VALUES ({values})"
            ).format(
                table=TABLE,
                names=NAMES,
                differs=sql.SQL(" OR ").join(
                    sql.SQL("staged.{0} IS DISTINCT FROM customer.{0}").format(sql.Identifier(name)) for name in changes
                ),
                changes=sql.SQL(", ").join(
                    sql.SQL("{0} = staged.{0}").format(sql.Identifier(name)) for name in changes
                ),
                values=sql.SQL(", ").join(sql.SQL("staged.{}").format(sql.Identifier(name)) for name in given.COLUMNS),
            )
        )
        cursor.execute("COMMIT")
