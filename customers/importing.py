"""The heavy room of imports: read, check, stage, merge. Workers only.

Rows go piece by piece through checking into a temporary table, which vanishes with the connection whatever happens;
then one transaction merges them, keeps the rejected rows and ends the job. Whoever looks sees the old state or the
new one.
"""

import logging
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import IO, Any, BinaryIO, cast

import polars as pl
from django.db import DatabaseError, connection, transaction
from django.db.models import Field
from psycopg import sql

from customers import attributes
from customers.files import checking, mapping, reading, sampling
from customers.files.mapping import MappedColumn
from customers.files.reading import LINE
from customers.files.sampling import Sample
from customers.models import CHANGE_SEQUENCE, Customer, Import, ImportMode, RejectedRow, lock_writers
from customers.problems import file_problems_told
from customers.signals import import_finished
from segmentation_site.database.copying import CHUNK, copy_in
from segmentation_site.jobs.leases import Lease
from segmentation_site.jobs.problems import Problem

logger = logging.getLogger(__name__)

# Rejected rows wait on disk beyond this, so that a file of nothing but bad rows needs no memory.
REJECTED_IN_MEMORY = 16 * 1024 * 1024
# Enough for the hash of a merge of some million rows to stay in memory.
MERGE_MEMORY = "256MB"
MANY_ROWS = 10_000
_CUSTOMERS = sql.Identifier(Customer._meta.db_table)


class FileGone(Problem):
    code = "file_gone"
    sentence = "The uploaded file is no longer in storage."
    remedy = "Upload it again."


@dataclass(slots=True)
class _Table:
    """The file while it is imported: how it is read, and the ids of its good rows."""

    file: BinaryIO
    sample: Sample
    mapped: tuple[MappedColumn, ...]
    kept: list[pl.DataFrame] = field(default_factory=list)

    def pieces(self) -> Iterator[reading.Piece]:
        return reading.read_table(self.file, self.sample.dialect, len(self.sample.headers))


@dataclass(frozen=True, slots=True)
class _Merged:
    """What became of the good rows."""

    created: int
    updated: int


class _RejectedRows:
    """The rejected rows of an import until they are written, as the text that COPY takes."""

    def __init__(self, one: Import, spool: IO[bytes]) -> None:
        self.one = one
        self.spool = spool
        self.count = 0

    def add(self, rejected: pl.DataFrame) -> None:
        """`rejected` as checking gives it."""
        if rejected.height:
            self.count += rejected.height
            rejected.with_columns(source_import_id=pl.lit(self.one.pk)).write_csv(self.spool, include_header=False)

    def write(self) -> None:
        """Into the database, at once."""
        self.spool.seek(0)
        copy_in(
            sql.SQL("COPY {} (line, reasons, cells, source_import_id) FROM STDIN (FORMAT csv)").format(
                sql.Identifier(RejectedRow._meta.db_table)
            ),
            iter(lambda: self.spool.read(CHUNK), b""),
        )


def execute(one: Import, lease: Lease[Import]) -> None:
    """Carry out one import, from its file to its report. It may be cancelled at every piece; nothing is seen before."""
    lease.phase("reading")
    with (
        file_problems_told(),
        _opened(one) as file,
        _staging(one) as staging,
        tempfile.SpooledTemporaryFile(max_size=REJECTED_IN_MEMORY) as spool,
    ):
        rejected = _RejectedRows(one, spool)
        table = _look(one, file)
        accepted = _check_and_stage(table, staging, rejected, lease)
        accepted -= _give_back_superseded(table, staging, rejected)
        with lease.writing():
            lease.phase("merging", accepted)
            if not one.is_dry_run:
                lock_writers()
            accepted -= _give_back_unknown(one, table, staging, rejected)
            merged = merge(one, table.mapped, staging)
            rejected.write()
            lease.progress(accepted)
            lease.finish(
                rows=accepted + rejected.count,
                created=merged.created,
                updated=merged.updated,
                unchanged=accepted - merged.created - merged.updated,
                rejected=rejected.count,
            )
            one.refresh_from_db()
            import_finished.send(sender=Import, import_=one)
        if not one.is_dry_run and merged.created + merged.updated >= MANY_ROWS:
            _tell_the_planner()


def _tell_the_planner() -> None:
    """PostgreSQL counts a table's rows by itself a minute later; until then pages of a first import took ten times as
    long.
    """
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("ANALYZE {}").format(_CUSTOMERS))


@contextmanager
def _opened(one: Import) -> Iterator[BinaryIO]:
    try:
        stored = one.file.open("rb")
    except FileNotFoundError as error:
        raise FileGone() from error
    with stored as file:
        yield cast(BinaryIO, file)


def _look(one: Import, file: BinaryIO) -> _Table:
    columns = attributes.columns()
    sample = sampling.take_sample(file, mapping.known_headers(columns))
    return _Table(file, sample, mapping.apply(sample, columns, one.mapping))


def _check_and_stage(table: _Table, staging: sql.Identifier, rejected: _RejectedRows, lease: Lease[Import]) -> int:
    """Every row into the staging table or among the rejected ones; the number of the former."""
    keys = [one.column.key for one in table.mapped]
    _create(staging, keys)
    lease.phase("checking", max(0, reading.count_lines(table.file) - table.sample.dialect.rows_from + 1))
    statement = sql.SQL("COPY {} FROM STDIN (FORMAT csv)").format(staging)
    accepted = 0
    for piece in table.pieces():
        checked = checking.check(piece, table.mapped, table.sample.headers)
        rejected.add(checked.rejected)
        if checked.accepted.height:
            copy_in(statement, [checked.accepted.write_csv(include_header=False).encode()])
            table.kept.append(checked.accepted.select(LINE, id="external_id"))
            accepted += checked.accepted.height
        lease.progress(accepted + rejected.count)
    return accepted


def _create(staging: sql.Identifier, keys: Iterable[str]) -> None:
    """An empty table with the columns that the file brings, of the types that they have with customers."""
    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL("CREATE TEMPORARY TABLE {} AS SELECT 0::bigint AS line, {} FROM {} WITH NO DATA").format(
                staging, sql.SQL(", ").join(map(sql.Identifier, keys)), _CUSTOMERS
            )
        )


@contextmanager
def _staging(one: Import) -> Iterator[sql.Identifier]:
    """The name of the import's own staging table, which is gone after the block, and when the process dies in it."""
    staging = sql.Identifier(f"import_{one.pk}_rows")
    drop = sql.SQL("DROP TABLE IF EXISTS pg_temp.{}").format(staging)
    with connection.cursor() as cursor:
        cursor.execute(drop)
    _drop_orphans(one)
    try:
        yield staging
    finally:
        # A connection that broke took the table with it.
        if connection.is_usable():
            with connection.cursor() as cursor:
                cursor.execute(drop)


def _drop_orphans(one: Import) -> None:
    """Temporary tables outlive a crash of the database until autovacuum finds them.

    Here go those of imports that have ended, and of earlier attempts at this one.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            r"""
            SELECT nspname, relname FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
            WHERE relpersistence = 't' AND relname LIKE 'import\_%%\_rows' AND relnamespace <> pg_my_temp_schema()
                AND NOT EXISTS (
                    SELECT FROM customers_import AS other WHERE other.status = 'running' AND other.id <> %s
                        AND relname = 'import_' || other.id || '_rows'
                )
            """,
            [one.pk],
        )
        for names in cursor.fetchall():
            try:
                with transaction.atomic():
                    cursor.execute("SET LOCAL lock_timeout = '1s'")
                    cursor.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(sql.Identifier(*names)))
            except DatabaseError as error:
                logger.warning("%s is left to autovacuum: %s", names[1], type(error).__name__)


def _give_back_superseded(table: _Table, staging: sql.Identifier, rejected: _RejectedRows) -> int:
    """Of several rows with one id the last counts; the others are given back. Returns how many those are."""
    if not table.kept:
        return 0
    again = checking.superseded(pl.concat(table.kept))
    reasons = {
        line: ("external_id", "duplicate", f"This customer comes again in line {by:,}, which counts.")
        for line, by in again.iter_rows()
    }
    _give_back(table, staging, reasons, rejected)
    return len(reasons)


def _give_back_unknown(one: Import, table: _Table, staging: sql.Identifier, rejected: _RejectedRows) -> int:
    """In an import that only updates, rows of unknown customers are given back. Returns how many those are."""
    if one.mode != ImportMode.UPDATE:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL(
                "SELECT line FROM {} AS staged WHERE NOT EXISTS"
                " (SELECT FROM {} AS customer WHERE customer.external_id = staged.external_id)"
            ).format(staging, _CUSTOMERS)
        )
        lines = [line for (line,) in cursor.fetchall()]
    reason = ("external_id", "unknown_customer", "There is no such customer, and this import only updates.")
    _give_back(table, staging, dict.fromkeys(lines, reason), rejected)
    return len(lines)


def _give_back(
    table: _Table, staging: sql.Identifier, reasons: dict[int, tuple[str, str, str]], rejected: _RejectedRows
) -> None:
    """Take staged rows out again, and read the file once more for what they were."""
    if not reasons:
        return
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("DELETE FROM {} WHERE line = ANY(%s)").format(staging), [list(reasons)])
    for piece in table.pieces():
        rejected.add(checking.give_back(piece, reasons, table.sample.headers))


def merge(one: Import, mapped: Iterable[MappedColumn], staging: sql.Identifier) -> _Merged:
    """Bring the staged rows to the customers: new ones are added, known ones changed where they differ.

    An empty cell says nothing and changes nothing. Only rows that differ are written, and only those get a new change
    sequence. A dry run counts what it would do. The caller holds the writers' lock.
    """
    merging = _Merging(one, [column.column.key for column in mapped], staging)
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("SET LOCAL work_mem = {}").format(sql.Literal(MERGE_MEMORY)))
        cursor.execute(sql.SQL("ANALYZE {} (external_id)").format(staging))
        cursor.execute(merging.count() if one.is_dry_run else merging.write())
        created, updated = cursor.fetchone()
    return _Merged(created, updated)


class _Merging:
    """The statements of a merge, for the columns that the file brings."""

    def __init__(self, one: Import, keys: list[str], staging: sql.Identifier) -> None:
        facts = [key for key in keys if key != "external_id"]
        self.creates = one.mode != ImportMode.UPDATE
        self.updates = one.mode != ImportMode.CREATE and bool(facts)
        self.names = {
            "customers": _CUSTOMERS,
            "staging": staging,
            "next_change": sql.SQL("nextval({})").format(sql.Literal(CHANGE_SEQUENCE)),
            "import_id": sql.Literal(one.pk),
            "columns": sql.SQL(", ").join(sql.Identifier(column.key) for column in attributes.columns()),
            "values": sql.SQL(", ").join(
                _value(column.key, is_staged=column.key in keys) for column in attributes.columns()
            ),
            "differs": sql.SQL(" OR ").join(
                sql.SQL("staged.{0} IS NOT NULL AND staged.{0} IS DISTINCT FROM customer.{0}").format(
                    sql.Identifier(key)
                )
                for key in facts
            ),
            "changes": sql.SQL(", ").join(
                sql.SQL("{0} = coalesce(staged.{0}, customer.{0})").format(sql.Identifier(key)) for key in facts
            ),
        }

    def write(self) -> sql.Composed:
        """Writes, and answers with the numbers of customers created and updated."""
        update = """
            WHEN MATCHED AND ({differs}) THEN
                UPDATE SET {changes}, change_sequence = {next_change}, updated_at = now(),
                    source_import_id = {import_id}
        """
        create = """
            WHEN NOT MATCHED THEN
                INSERT ({columns}, source_import_id) VALUES ({values}, {import_id})
        """
        return sql.SQL(
            f"""
            WITH merged AS (
                MERGE INTO {{customers}} AS customer
                USING (SELECT * FROM {{staging}} ORDER BY line) AS staged
                ON customer.external_id = staged.external_id
                {update if self.updates else ""}
                {create if self.creates else ""}
                {"" if self.updates or self.creates else "WHEN MATCHED THEN DO NOTHING"}
                RETURNING merge_action() AS action
            )
            SELECT count(*) FILTER (WHERE action = 'INSERT'), count(*) FILTER (WHERE action = 'UPDATE') FROM merged
            """  # noqa: S608 - only clauses of our own are put together
        ).format(**self.names)

    def count(self) -> sql.Composed:
        """Writes nothing, and answers with the numbers of customers that would be created and updated."""
        return sql.SQL(
            f"""
            SELECT
                count(*) FILTER (WHERE customer.id IS NULL AND {self.creates}),
                count(*) FILTER (WHERE customer.id IS NOT NULL AND {"({differs})" if self.updates else "false"})
            FROM {{staging}} AS staged
            LEFT JOIN {{customers}} AS customer ON customer.external_id = staged.external_id
            """  # noqa: S608 - only clauses of our own are put together
        ).format(**self.names)


def _value(key: str, *, is_staged: bool) -> sql.Composable:
    """A value as a new customer gets it: the column's own word for nothing where the file says nothing."""
    column: Field[Any, Any] = Customer._meta.get_field(key)  # type: ignore[assignment]
    staged = sql.SQL("staged.{}").format(sql.Identifier(key)) if is_staged else sql.SQL("NULL")
    if column.null:
        return staged
    nothing = sql.Literal(str(column.get_default()))
    return sql.SQL("coalesce({}, {})").format(staged, nothing) if is_staged else nothing
