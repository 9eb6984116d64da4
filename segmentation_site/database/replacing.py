"""Filling an empty table at the speed of a bare COPY: a copy of it without indexes is filled, indexed and put in place.

Indexes that are built after a million rows take half the time of indexes that grow with each row, and readers see the
old, empty table until the last moment: only the exchange itself locks it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from django.db import DatabaseError, connection, transaction
from psycopg import sql

# Somebody who reads the empty table ends within this, or the rows are written the slow way.
_PATIENCE = "3s"


@dataclass(frozen=True, slots=True)
class _Index:
    name: str
    definition: str
    constraint: str | None


class Replacement:
    """A table that takes the place of another one, made, filled and exchanged in one transaction."""

    def __init__(self, table: str) -> None:
        self.table = table
        self.name = f"{table}_incoming"

    @property
    def identifier(self) -> sql.Identifier:
        return sql.Identifier(self.name)

    def create(self) -> int:
        """Make it, empty and without indexes; returns the id that its first row will get.

        Its ids go on where the other table's are, so that no id is ever used twice.
        """
        old, new = sql.Identifier(self.table), self.identifier
        with connection.cursor() as cursor:
            cursor.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(new))
            cursor.execute(
                sql.SQL(
                    "CREATE TABLE {} (LIKE {} INCLUDING DEFAULTS INCLUDING IDENTITY INCLUDING CONSTRAINTS"
                    " INCLUDING STORAGE)"
                ).format(new, old)
            )
            first = _next_id(self.table)
            cursor.execute("SELECT setval(pg_get_serial_sequence(%s, 'id'), %s, false)", [self.name, first])
        return first

    def take_place(self) -> bool:
        """Build the indexes and exchange the tables. False when the other one is not empty, or busy: nothing is done.

        The caller holds whatever lock keeps others from writing to it.
        """
        old = sql.Identifier(self.table)
        indexes = list(_indexes(self.table))
        self._build(indexes)
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("SELECT set_config('lock_timeout', %s, true)", [_PATIENCE])
                cursor.execute(sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(old))
                cursor.execute(sql.SQL("SELECT EXISTS (SELECT FROM {})").format(old))
                if cursor.fetchone()[0]:
                    return False
                self._exchange(indexes)
        except DatabaseError:
            # Somebody reads on and on, or something of the operator's own hangs on the table.
            return False
        return True

    def drop(self) -> None:
        """Remove it, when it was not put in place."""
        with connection.cursor() as cursor:
            cursor.execute(sql.SQL("DROP TABLE {}").format(self.identifier))

    def _build(self, indexes: list[_Index]) -> None:
        with connection.cursor() as cursor:
            for index in indexes:
                statement = re.sub(
                    r"^(CREATE (?:UNIQUE )?INDEX) .+? ON .+? USING ",
                    lambda found: f"{found[1]} {{}} ON {{}} USING ",
                    index.definition.replace("{", "{{").replace("}", "}}"),
                )
                cursor.execute(sql.SQL(statement).format(_incoming(index.name), self.identifier))

    def _exchange(self, indexes: list[_Index]) -> None:
        old = sql.Identifier(self.table)
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_get_serial_sequence(%s, 'id')::regclass::text", [self.table])
            sequence = cursor.fetchone()[0]
            cursor.execute("SELECT pg_get_serial_sequence(%s, 'id')::regclass::text", [self.name])
            incoming_sequence = cursor.fetchone()[0]
            cursor.execute(sql.SQL("DROP TABLE {}").format(old))
            cursor.execute(sql.SQL("ALTER TABLE {} RENAME TO {}").format(self.identifier, old))
            cursor.execute(
                sql.SQL("ALTER SEQUENCE {} RENAME TO {}").format(
                    sql.Identifier(incoming_sequence), sql.Identifier(sequence)
                )
            )
            for index in indexes:
                cursor.execute(
                    sql.SQL("ALTER INDEX {} RENAME TO {}").format(_incoming(index.name), sql.Identifier(index.name))
                )
                if index.constraint:
                    cursor.execute(
                        sql.SQL("ALTER TABLE {} ADD CONSTRAINT {} {} USING INDEX {}").format(
                            old, sql.Identifier(index.name), sql.SQL(index.constraint), sql.Identifier(index.name)
                        )
                    )


def _incoming(index: str) -> sql.Identifier:
    return sql.Identifier(f"{index[:50]}_incoming")


def _next_id(table: str) -> int:
    """The id after the last one that was given out."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval(pg_get_serial_sequence(%s, 'id'))", [table])
        return int(cursor.fetchone()[0])


def _indexes(table: str) -> Iterator[_Index]:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT relname, pg_get_indexdef(indexrelid),
                CASE contype WHEN 'p' THEN 'PRIMARY KEY' WHEN 'u' THEN 'UNIQUE' END
            FROM pg_index
            JOIN pg_class ON pg_class.oid = indexrelid
            LEFT JOIN pg_constraint ON conindid = indexrelid AND conrelid = indrelid AND contype IN ('p', 'u')
            WHERE indrelid = %s::regclass
            ORDER BY indexrelid
            """,
            [table],
        )
        for name, definition, constraint in cursor.fetchall():
            yield _Index(name, definition, constraint)
