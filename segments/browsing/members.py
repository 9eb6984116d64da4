"""Who is in a segment: pages by key, and everybody in one stream; always of one and the same run."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.db import connection, transaction
from psycopg import sql

from customers.columns import joined
from segmentation_site.database.copying import copy_out
from segments.kmeans.explaining import BORDERLINE_BELOW, CLOSE_BELOW, FitWord
from segments.models import Assignment, Run, Segment

# A character that no JSON text holds as it is: COPY then quotes nothing, and each line is the JSON itself.
_NEVER = ("\x01", "\x02")

# segments.kmeans.explaining.fit_word, in SQL.
_FIT = sql.SQL(
    "CASE WHEN runner_up_distance <= 0 OR 1 - distance / runner_up_distance < {} THEN {}"
    " WHEN 1 - distance / runner_up_distance < {} THEN {} ELSE {} END"
).format(
    *map(sql.Literal, (BORDERLINE_BELOW, FitWord.BORDERLINE.value, CLOSE_BELOW, FitWord.CLOSE.value)),
    sql.Literal(FitWord.TYPICAL.value),
)
# RFC 3339, the same in JSON pages and in streams.
_MOMENT = sql.SQL("to_char(coalesce(came.published_at, came.finished_at) AT TIME ZONE 'UTC', {})").format(
    sql.Literal('YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
)


class Stream(StrEnum):
    """How everybody can be had at once."""

    CSV = "csv"
    NDJSON = "ndjson"


@dataclass(frozen=True, slots=True)
class Members:
    """The members of one run, if need be only those of one of its segments, with some values of the customers."""

    run: Run
    segment: Segment | None = None
    fields: tuple[str, ...] = ()

    def page(self, after: int, size: int) -> tuple[list[dict[str, Any]], int | None]:
        """Members after a primary key of a customer, by key, and that of the last one; None on the last page."""
        statement = self._statement(
            sql.SQL("member.customer_id AS key, "),
            sql.SQL("AND customer_id > {} ORDER BY customer_id LIMIT {}").format(
                sql.Literal(after), sql.Literal(size + 1)
            ),
        )
        with connection.cursor() as cursor:
            cursor.execute(sql.SQL("{} ORDER BY key").format(statement))
            names = [column.name for column in cursor.description]
            rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        following = rows[size - 1]["key"] if len(rows) > size else None
        rows = rows[:size]
        for row in rows:
            del row["key"]
        return rows, following

    def stream(self, form: Stream) -> Iterator[bytes]:
        """Everybody, in chunks of about 64 KB, in constant memory and from one snapshot."""
        if form is Stream.CSV:
            inner = self._statement(sql.SQL(""), sql.SQL(""), for_spreadsheets=True)
            copy = sql.SQL("COPY ({}) TO STDOUT (FORMAT csv, HEADER true)").format(inner)
        else:
            inner = self._statement(sql.SQL(""), sql.SQL(""))
            copy = sql.SQL(
                "COPY (SELECT row_to_json(one) FROM ({}) AS one) TO STDOUT (FORMAT csv, DELIMITER {}, QUOTE {})"
            ).format(inner, *map(sql.Literal, _NEVER))
        with transaction.atomic():
            with connection.cursor() as cursor:
                # A pull of millions takes as long as its reader needs.
                cursor.execute("SET LOCAL statement_timeout = 0")
            yield from copy_out(copy)

    def _statement(
        self, before: sql.Composable, which: sql.Composable, *, for_spreadsheets: bool = False
    ) -> sql.Composed:
        """The rows. The inner query is limited first: a bound that only one side of the join knows costs the planner
        100 ms at a depth of 900,000.
        """
        customers = joined(sql.SQL("member.customer_id"), self.fields, for_spreadsheets=for_spreadsheets)
        of_segment = (
            sql.SQL("AND segment_id = {}").format(sql.Literal(self.segment.pk)) if self.segment else sql.SQL("")
        )
        return sql.SQL(
            """
            SELECT {before} {external_id}, segment.public_id AS segment_id, member.distance,
                {fit} AS fit, {moment} AS joined_at, {run} AS run_id{values}
            FROM (
                SELECT customer_id, segment_id, distance, runner_up_distance, joined_run_id FROM {assignments}
                WHERE run_id = {run_key} {of_segment} {which}
            ) AS member
            {join}
            JOIN {segments} AS segment ON segment.id = member.segment_id
            LEFT JOIN {runs} AS came ON came.id = member.joined_run_id
            """
        ).format(
            before=before,
            external_id=customers.external_id,
            values=sql.SQL("").join(sql.SQL(", {}").format(value) for value in customers.values),
            fit=_FIT,
            moment=_MOMENT,
            run=sql.Literal(self.run.public_id),
            assignments=sql.Identifier(Assignment._meta.db_table),
            run_key=sql.Literal(self.run.pk),
            of_segment=of_segment,
            which=which,
            join=customers.join,
            segments=sql.Identifier(Segment._meta.db_table),
            runs=sql.Identifier(Run._meta.db_table),
        )
