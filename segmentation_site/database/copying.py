"""COPY in both directions: the fastest ways into and out of PostgreSQL that were measured.

COPY TO handed on a row at a time is seven times slower than in chunks of 64 KB.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from django.db import connection
from psycopg import sql

CHUNK = 64 * 1024


def copy_in(statement: sql.Composed | sql.SQL, chunks: Iterable[bytes]) -> int:
    """Send chunks of bytes through a `COPY … FROM STDIN` statement; returns the number of rows that PostgreSQL counted."""
    with connection.cursor() as cursor:
        with cursor.copy(statement) as copy:
            for chunk in chunks:
                copy.write(chunk)
        return int(cursor.rowcount)


def copy_out(statement: sql.Composed | sql.SQL, parameters: list[Any] | None = None) -> Iterator[bytes]:
    """The bytes of a `COPY … TO STDOUT` statement in chunks of about 64 KB."""
    buffer = bytearray()
    with connection.cursor() as cursor, cursor.copy(statement, parameters) as copy:
        for row in copy:
            buffer += row
            if len(buffer) >= CHUNK:
                yield bytes(buffer)
                buffer.clear()
    if buffer:
        yield bytes(buffer)
