"""The feed of changes, a page at a time."""

from typing import Any

from django.db import connection
from psycopg import sql

from customers.columns import joined
from segments.models import Change, Run, Segment, Segmentation


def changes(segmentation: Segmentation, *, since: int, size: int) -> tuple[list[dict[str, Any]], int | None]:
    """The first `size` entries after a sequence, ascending, and the last sequence looked at if there are more.

    Entries of customers who are gone are left out, but for the one that says so: it has all that a tool can do.
    """
    # Sequences count up by one: a range is a page, and no planner that knows little of a new table can read further,
    # as long as both its ends are written out.
    # What lies beyond the last change is still being written, or was by somebody who died.
    until = since + size
    customers = joined(sql.SQL("change.customer_id"))
    statement = sql.SQL(
        """
        SELECT change.sequence, change.kind AS type,
            coalesce(nullif(change.external_id, ''), customer.external_id) AS external_id,
            was.public_id AS from_segment_id, is_now.public_id AS to_segment_id, run.public_id AS run_id,
            to_char(change.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS at
        FROM (
            SELECT * FROM {changes}
            WHERE segmentation_id = {segmentation} AND sequence > {since}
                AND sequence <= {until}
                AND sequence <= (SELECT last_change FROM {segmentations} WHERE id = {segmentation})
        ) AS change
        {join}
        LEFT JOIN {segments} AS was ON was.id = change.from_segment_id
        LEFT JOIN {segments} AS is_now ON is_now.id = change.to_segment_id
        LEFT JOIN {runs} AS run ON run.id = change.run_id
        ORDER BY change.sequence
        """
    ).format(
        changes=sql.Identifier(Change._meta.db_table),
        segmentation=sql.Literal(segmentation.pk),
        segmentations=sql.Identifier(Segmentation._meta.db_table),
        since=sql.Literal(since),
        until=sql.Literal(until),
        join=customers.join,
        segments=sql.Identifier(Segment._meta.db_table),
        runs=sql.Identifier(Run._meta.db_table),
    )
    with connection.cursor() as cursor:
        cursor.execute(statement)
        names = [column.name for column in cursor.description]
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    return [row for row in rows if row["external_id"] is not None], until if until < segmentation.last_change else None
