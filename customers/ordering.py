"""Building the indexes by which people sort and narrow the list of customers, and dropping those nobody wants now.

An index of each column would make every import slower; these are built on demand (docs/decisions/0023), beside
everybody who reads and writes.
"""

import hashlib
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from django.db import DatabaseError, connection
from django.db.models.functions import Now
from django.db.models.sql import Query
from psycopg import sql

from customers import attributes
from customers.files.schema import Column
from customers.models import Customer, WantedOrder
from customers.searching.conditions import comparable

MOST = 8
KEPT = timedelta(days=30)
# Held by whoever builds, for as long as that takes.
BUILDERS_LOCK = 0x5E6_0003
_PREFIX = "customer_by_"
# Names of a table that takes another's place are these and an ending: see segmentation_site.database.replacing.
_LONGEST_NAME = 50
# An import or a new attribute that waits behind us gives up after 3 s, so we give up before.
_PATIENCE = "2s"

logger = logging.getLogger(__name__)


def index_name(column: Column) -> str:
    """What the index of that column is called."""
    name = f"{_PREFIX}{attributes.name_in_table(column.key)}"
    if len(name) <= _LONGEST_NAME:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{name[: _LONGEST_NAME - 9]}_{digest}"


def build() -> list[str]:
    """Build the indexes that are wanted and drop the others; the names of the former.

    Nothing is done when somebody else is at it. What cannot be done now, because somebody changes the table or has been
    reading it for long, is done the next time.
    """
    if connection.in_atomic_block:
        raise RuntimeError("Indexes are built outside of transactions: those who write would have to wait otherwise.")
    built: list[str] = []
    with _alone() as is_alone:
        if is_alone:
            _forget()
            wanted = {index_name(column): column for column in _wanted()}
            standing = _standing()
            try:
                for name, is_valid in standing.items():
                    if name not in wanted or not is_valid:
                        _execute(sql.SQL("DROP INDEX CONCURRENTLY IF EXISTS {}").format(sql.Identifier(name)))
                for name, column in wanted.items():
                    if not standing.get(name):
                        _execute(_create(name, column))
                        built.append(name)
                if built:
                    # Of an expression the planner knows nothing before.
                    _execute(sql.SQL("ANALYZE {}").format(_customers()))
            except DatabaseError as error:
                logger.warning("Indexes of customers are left for the next time: %s", type(error).__name__)
    return built


def is_behind() -> bool:
    """Whether an index is wanted that cannot be used yet, or one stands that was left unfinished."""
    standing = _standing()
    return not all(standing.values()) or any(index_name(column) not in standing for column in _wanted())


def step_aside() -> None:
    """End the building that goes on now, if any, for somebody who changes the table; it is done again later."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_cancel_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND classid = 0 AND objid = %s"
            " AND objsubid = 1 AND granted AND pid <> pg_backend_pid()"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
            [BUILDERS_LOCK],
        )


@contextmanager
def _alone() -> Iterator[bool]:
    """Whether nobody else builds, and nobody does until the block ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [BUILDERS_LOCK])
        is_alone = bool(cursor.fetchone()[0])
        if not is_alone:
            yield False
            return
        try:
            cursor.execute("SELECT set_config('lock_timeout', %s, false)", [_PATIENCE])
            yield True
        finally:
            cursor.execute("RESET lock_timeout")
            cursor.execute("SELECT pg_advisory_unlock(%s)", [BUILDERS_LOCK])


def _forget() -> None:
    """What was not wanted for long, of more than MOST those wanted longest ago, and attributes that are gone."""
    WantedOrder.objects.exclude(key__in=[column.key for column in _wanted()]).delete()


def _wanted() -> list[Column]:
    """The columns that are wanted, the latest first."""
    known = {column.key: column for column in attributes.columns()}
    recent = WantedOrder.objects.filter(wanted_at__gte=Now() - KEPT, key__in=known)
    return [known[key] for key in recent.values_list("key", flat=True)[:MOST]]


def _standing() -> dict[str, bool]:
    """The indexes of ours that are there, and whether each can be used: one whose builder was killed can not."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname, indisvalid FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid"
            " WHERE indrelid = %s::regclass AND starts_with(relname, %s)",
            [Customer._meta.db_table, _PREFIX],
        )
        return dict(cursor.fetchall())


def _create(name: str, column: Column) -> sql.Composed:
    """The statement that builds the index as the list asks: what it compares by, those who are not known apart."""
    expression, _none = Query(Customer).get_compiler(connection=connection).compile(comparable(column))
    blank = attributes.blank_of(column.key)
    known: sql.Composable = sql.SQL("")
    if blank is not None:
        named = sql.Identifier(attributes.name_in_table(column.key))
        known = sql.SQL(" WHERE {} <> {}").format(named, sql.Literal(blank))
    return sql.SQL("CREATE INDEX CONCURRENTLY {} ON {} (({}), id){}").format(
        sql.Identifier(name),
        _customers(),
        sql.SQL(expression),
        known,
    )


def _customers() -> sql.Identifier:
    return sql.Identifier(Customer._meta.db_table)


def _execute(statement: sql.Composed) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)
