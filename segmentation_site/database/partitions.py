"""LIST partitions that are filled and indexed before anybody sees them, and dropped whole.

Loading a million rows into a new table, indexing it and attaching it took 0.49 s; into a table with two indexes 1.6
s; with validated foreign keys 5.1 s.
"""

from collections.abc import Iterable

from django.db import connection
from psycopg import sql

from segmentation_site.database.copying import copy_in


def partition_name(parent: str, key: int) -> str:
    """The name of the partition of `parent` that holds `key`."""
    return f"{parent}_{key}"


def load_partition(parent: str, key_column: str, key: int, columns: list[str], chunks: Iterable[bytes]) -> int:
    """Create the partition of `parent` for one key, COPY binary rows into it, index it and attach it; returns its rows.

    Call it inside a transaction: nothing is visible before that commits. A partition that an earlier attempt left is
    replaced. `columns` are those of the binary stream, without the key column, which takes the key as its default.
    """
    table, name = sql.Identifier(parent), sql.Identifier(partition_name(parent, key))
    column, value = sql.Identifier(key_column), sql.Literal(key)
    with connection.cursor() as cursor:
        drop_partition(parent, key)
        # The check spares the scan that attaching would make; the default keeps the constant key out of the stream.
        cursor.execute(
            sql.SQL(
                "CREATE TABLE {name} (LIKE {table} INCLUDING DEFAULTS INCLUDING STORAGE,"
                " CONSTRAINT {check} CHECK ({column} = {value}))"
            ).format(
                name=name, table=table, column=column, value=value, check=sql.Identifier(f"{parent}_{key}_key_check")
            )
        )
        cursor.execute(
            sql.SQL("ALTER TABLE {name} ALTER COLUMN {column} SET DEFAULT {value}").format(
                name=name, column=column, value=value
            )
        )
        rows = copy_in(
            sql.SQL("COPY {name} ({columns}) FROM STDIN (FORMAT binary)").format(
                name=name, columns=sql.SQL(", ").join(map(sql.Identifier, columns))
            ),
            chunks,
        )
        # ATTACH builds every index of the parent that the new table lacks, after its rows are in: that is the cheap
        # order.
        cursor.execute(
            sql.SQL("ALTER TABLE {table} ATTACH PARTITION {name} FOR VALUES IN ({value})").format(
                table=table, name=name, value=value
            )
        )
        cursor.execute(
            sql.SQL("ALTER TABLE {name} DROP CONSTRAINT {check}").format(
                name=name, check=sql.Identifier(f"{parent}_{key}_key_check")
            )
        )
        cursor.execute(sql.SQL("ANALYZE {name}").format(name=name))
    return rows


def drop_partition(parent: str, key: int) -> None:
    """Drop the partition of one key, whole; nothing happens when there is none."""
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(sql.Identifier(partition_name(parent, key))))
