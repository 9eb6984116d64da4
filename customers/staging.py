"""Where the good rows of an import wait for its end: a temporary table, or the table that becomes the customers'.

Workers only.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import polars as pl
from django.db import DatabaseError, connection, transaction
from psycopg import sql

from customers import attributes
from customers.files.reading import LINE
from customers.files.schema import Kind
from customers.merging import column
from customers.models import Customer, Import
from segmentation_site.database.copying import copy_in
from segmentation_site.database.replacing import Replacement

logger = logging.getLogger(__name__)

# Texts compare as the customers' ids do.
_TEXT = sql.SQL('text COLLATE "C"')
_TYPES = {
    Kind.NUMBER: sql.SQL("double precision"),
    Kind.DATE: sql.SQL("date"),
    Kind.BOOLEAN: sql.SQL("boolean"),
}


class Staged:
    """A temporary table of an import's own, which is gone when its connection is, whatever happens.

    It has a column `line` and one for each key.
    """

    def __init__(self, one: Import, columns: Mapping[str, Kind]) -> None:
        self.one = one
        self.columns = columns
        self.identifier = sql.Identifier(f"import_{one.pk}_rows")

    @contextmanager
    def made(self) -> Iterator["Staged"]:
        """It is there in the block."""
        drop = sql.SQL("DROP TABLE IF EXISTS pg_temp.{}").format(self.identifier)
        with connection.cursor() as cursor:
            cursor.execute(drop)
        _drop_orphans(self.one)
        with connection.cursor() as cursor:
            cursor.execute(
                sql.SQL("CREATE TEMPORARY TABLE {} (line bigint, {})").format(
                    self.identifier,
                    sql.SQL(", ").join(
                        sql.SQL("{} {}").format(sql.Identifier(key), _TYPES.get(kind, _TEXT))
                        for key, kind in self.columns.items()
                    ),
                )
            )
        try:
            yield self
        finally:
            # A connection that broke took the table with it.
            if connection.is_usable():
                with connection.cursor() as cursor:
                    cursor.execute(drop)

    def add(self, rows: pl.DataFrame) -> None:
        """Rows as checking accepts them."""
        keys = [LINE, *(key for key in self.columns if key in rows.columns)]
        statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT csv)").format(
            self.identifier, sql.SQL(", ").join(map(sql.Identifier, keys))
        )
        copy_in(statement, [rows.select(keys).write_csv(include_header=False).encode()])

    def remove(self, lines: Sequence[int]) -> None:
        """Take rows out again, by their lines; an array of the column's own type is hashed, others are searched."""
        with connection.cursor() as cursor:
            statement = sql.SQL("DELETE FROM {} WHERE line = ANY(%s::bigint[])").format(self.identifier)
            cursor.execute(statement, [list(lines)])


class Incoming:
    """The customers' table itself, made anew beside the empty one; inside one transaction from `create` to its end."""

    def __init__(self, one: Import, keys: Sequence[str]) -> None:
        self.keys = list(keys)
        self.replacement = Replacement(Customer._meta.db_table)
        self.lines: list[pl.Series] = []
        self.first = self.replacement.create()
        self.defaults = {"source_import_id": str(one.pk), "created_import_id": str(one.pk)}
        texts = []
        for key in (known.key for known in attributes.columns()):
            if (blank := attributes.blank_of(key)) is not None:
                if key not in self.keys:
                    self.defaults[key] = blank
                elif not blank:
                    texts.append(key)
        self._alter("SET DEFAULT {}", self.defaults)
        self.filled = {key: blank for key in self.keys if (blank := attributes.blank_of(key))}
        self.statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT csv{})").format(
            self.replacement.identifier,
            sql.SQL(", ").join(map(column, self.keys)),
            sql.SQL(", FORCE_NOT_NULL ({})").format(sql.SQL(", ").join(map(column, texts))) if texts else sql.SQL(""),
        )

    def add(self, rows: pl.DataFrame) -> None:
        """Rows as checking accepts them."""
        self.lines.append(rows[LINE])
        filled = rows.select(self.keys).with_columns(pl.col(key).fill_null(blank) for key, blank in self.filled.items())
        copy_in(self.statement, [filled.write_csv(include_header=False).encode()])

    def remove(self, lines: Sequence[int]) -> None:
        """Take rows out again, by their lines: ids count up from the first as rows come."""
        places = pl.concat(self.lines).is_in(list(lines)).arg_true() + self.first
        with connection.cursor() as cursor:
            statement = sql.SQL("DELETE FROM {} WHERE id = ANY(%s::bigint[])").format(self.replacement.identifier)
            cursor.execute(statement, [places.to_list()])

    def take_place(self) -> bool:
        """Become the customers' table. False when somebody else brought customers meanwhile."""
        builtin = {field.column: field.db_default for field in Customer._meta.fields if field.has_db_default()}
        self._alter("DROP DEFAULT", {key: "" for key in self.defaults if key not in builtin})
        return self.replacement.take_place()

    def _alter(self, deed: str, columns: dict[str, str]) -> None:
        with connection.cursor() as cursor:
            for name, value in columns.items():
                cursor.execute(
                    sql.SQL("ALTER TABLE {} ALTER COLUMN {} " + deed).format(
                        self.replacement.identifier, sql.Identifier(name), sql.Literal(value)
                    )
                )


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
