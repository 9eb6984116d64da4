"""Where the good rows of an import wait for its end: a table of its own, or the table that becomes the customers'.

Workers only.
"""

import io
from collections.abc import Mapping, Sequence

import polars as pl
from django.db import connection
from psycopg import sql

from customers import attributes
from customers.files.checking import Checked
from customers.files.reading import LINE
from customers.files.schema import Kind
from customers.merging import column
from customers.models import Customer, Import
from segmentation_site.database.copying import copy_in
from segmentation_site.database.replacing import Replacement

_LINE = sql.Identifier(LINE)
# Texts compare as the customers' ids do.
_TEXT = sql.SQL('text COLLATE "C"')
_TYPES = {
    Kind.NUMBER: sql.SQL("double precision"),
    Kind.DATE: sql.SQL("date"),
    Kind.BOOLEAN: sql.SQL("boolean"),
}


class Staged:
    """A table of an import's own with a column LINE and one for each key, inside one transaction until `drop`.

    Nobody else ever sees it, and whatever ends the transaction early takes it along. It is no temporary table, because
    only one process of the database can read those.
    """

    def __init__(self, one: Import, columns: Mapping[str, Kind]) -> None:
        # A frozen worker may still hold the one of an attempt before.
        self.identifier = sql.Identifier(f"import_{one.pk}_{one.attempt}_rows")
        self.columns = columns
        with connection.cursor() as cursor:
            cursor.execute(
                sql.SQL("CREATE UNLOGGED TABLE {} ({} bigint, {}) WITH (autovacuum_enabled = false)").format(
                    self.identifier,
                    _LINE,
                    sql.SQL(", ").join(
                        sql.SQL("{} {}").format(sql.Identifier(key), _TYPES.get(kind, _TEXT))
                        for key, kind in self.columns.items()
                    ),
                )
            )

    def written(self, checked: Checked) -> bytes:
        """The accepted rows as `add` takes them; needs no database."""
        return _csv(checked.accepted.select(self._keys(checked.accepted)), is_plain=checked.is_plain)

    def add(self, rows: pl.DataFrame, written: bytes) -> None:
        """Rows, and what `written` made of them."""
        statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT csv, FREEZE)").format(
            self.identifier, sql.SQL(", ").join(map(sql.Identifier, self._keys(rows)))
        )
        copy_in(statement, [written])

    def remove(self, lines: Sequence[int]) -> None:
        """Take rows out again, by their lines; an array of the column's own type is hashed, others are searched."""
        with connection.cursor() as cursor:
            statement = sql.SQL("DELETE FROM {} WHERE {} = ANY(%s::bigint[])").format(self.identifier, _LINE)
            cursor.execute(statement, [list(lines)])

    def drop(self) -> None:
        """It has done its work."""
        with connection.cursor() as cursor:
            cursor.execute(sql.SQL("DROP TABLE {}").format(self.identifier))

    def _keys(self, rows: pl.DataFrame) -> list[str]:
        return [LINE, *(key for key in self.columns if key in rows.columns)]


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
        self.statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT csv, FREEZE{})").format(
            self.replacement.identifier,
            sql.SQL(", ").join(map(column, self.keys)),
            sql.SQL(", FORCE_NOT_NULL ({})").format(sql.SQL(", ").join(map(column, texts))) if texts else sql.SQL(""),
        )

    def written(self, checked: Checked) -> bytes:
        """The accepted rows as `add` takes them; needs no database."""
        rows = checked.accepted.select(self.keys)
        filled = rows.with_columns(pl.col(key).fill_null(blank) for key, blank in self.filled.items())
        return _csv(filled, is_plain=checked.is_plain)

    def add(self, rows: pl.DataFrame, written: bytes) -> None:
        """Rows, and what `written` made of them."""
        self.lines.append(rows[LINE])
        copy_in(self.statement, [written])

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


def _csv(rows: pl.DataFrame, *, is_plain: bool) -> bytes:
    file = io.BytesIO()
    # To look at every text for what must be quoted takes a third of the time.
    rows.write_csv(file, include_header=False, quote_style="never" if is_plain else "necessary")
    return file.getvalue()
