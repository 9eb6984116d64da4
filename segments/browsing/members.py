"""Who is in a segment: pages by key, and everybody in one stream; always of one and the same run."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.db import connection, transaction
from psycopg import sql

from customers.columns import harmless, joined
from segmentation_site.database.copying import copy_out
from segments.kmeans.explaining import BORDERLINE_BELOW, CLOSE_BELOW, FitWord
from segments.models import Assignment, Run, Segment

# segments.kmeans.explaining.fit_word, in SQL; distances are kept as real and reckoned with as double precision.
_FIT = sql.SQL(
    "CASE WHEN runner_up_distance <= 0 OR 1 - distance::float8 / runner_up_distance < {} THEN {}"
    " WHEN 1 - distance::float8 / runner_up_distance < {} THEN {} ELSE {} END"
).format(
    *map(sql.Literal, (BORDERLINE_BELOW, FitWord.BORDERLINE.value, CLOSE_BELOW, FitWord.CLOSE.value)),
    sql.Literal(FitWord.TYPICAL.value),
)
_NOTHING = sql.SQL("")


def _runs(run: Run | None) -> sql.Composed:
    """When members joined by each run, in RFC 3339, the same in JSON pages and in streams.

    OFFSET lets the database write it once for a run instead of once for each member.
    """
    return sql.SQL(
        "(SELECT id, to_char(coalesce(published_at, finished_at) AT TIME ZONE 'UTC', {}) AS joined_at FROM {}"
        " WHERE segmentation_id = {} OFFSET 0)"
    ).format(
        sql.Literal('YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        sql.Identifier(Run._meta.db_table),
        sql.Literal(run.segmentation_id if run else 0),
    )


class Stream(StrEnum):
    """How everybody can be had at once."""

    CSV = "csv"
    NDJSON = "ndjson"


_COPY = {
    Stream.CSV: sql.SQL("COPY ({}) TO STDOUT (FORMAT csv, HEADER true)"),
    # No JSON text holds these two characters as they are: COPY then quotes nothing, and each line is the JSON itself.
    Stream.NDJSON: sql.SQL(
        "COPY (SELECT row_to_json(one) FROM ({}) AS one) TO STDOUT (FORMAT csv, DELIMITER E'\\x01', QUOTE E'\\x02')"
    ),
}


@dataclass(frozen=True, slots=True)
class Members:
    """The members of one run, if need be only those of one of its segments, with some values of the customers.

    Without a run there are none.
    """

    run: Run | None
    segment: Segment | None = None
    fields: tuple[str, ...] = ()
    # Only those who agreed to be contacted.
    is_contactable: bool = False
    # Whether the name of the segment stands beside its id.
    with_names: bool = False

    def page(self, after: int, size: int) -> tuple[list[dict[str, Any]], int | None]:
        """At most `size` members after a primary key of a customer, by key, and the key that the next page comes after.

        None on the last page. A page is the shorter by those whose customers are gone.
        """
        # The bound is inside the limited query: one that only one side of the join knew cost the planner 100 ms at a
        # depth of 900,000.
        window = sql.SQL("AND customer_id > {} ORDER BY customer_id LIMIT {}").format(
            sql.Literal(after), sql.Literal(size + 1)
        )
        statement = sql.SQL("SELECT member.customer_id AS key, {} ORDER BY key").format(self._members(window))
        with connection.cursor() as cursor:
            cursor.execute(statement)
            _key, *names = [column.name for column in cursor.description]
            found = cursor.fetchall()
        last = found[size - 1][0] if len(found) > size else None
        rows = [dict(zip(names, row, strict=True)) for _key, *row in found[:size]]
        return [row for row in rows if row["external_id"] is not None], last

    def stream(self, form: Stream) -> Iterator[bytes]:
        """Everybody, in chunks of about 64 KB, in constant memory and, being one statement, from one snapshot."""
        with transaction.atomic():
            with connection.cursor() as cursor:
                # A pull of millions takes as long as its reader needs.
                cursor.execute("SET LOCAL statement_timeout = 0")
            yield from copy_out(self.copy_statement(form))

    def copy_statement(self, form: Stream) -> sql.Composed:
        """The COPY of everybody; in CSV no text begins as a formula would."""
        return _COPY[form].format(
            sql.SQL("SELECT {} WHERE {}").format(self._members(for_spreadsheets=form is Stream.CSV), self._is_wanted())
        )

    def count(self) -> int:
        """How many `stream` brings."""
        with connection.cursor() as cursor:
            cursor.execute(
                sql.SQL("SELECT count(*) FROM (SELECT {} WHERE {}) AS one").format(self._members(), self._is_wanted())
            )
            return int(cursor.fetchone()[0])

    def _is_wanted(self) -> sql.Composable:
        customers = joined(sql.SQL("member.customer_id"))
        return customers.is_contactable if self.is_contactable else customers.is_there

    def _members(self, window: sql.Composable = _NOTHING, *, for_spreadsheets: bool = False) -> sql.Composed:
        """The columns and tables of a statement; `window` ends the query of assignments that all others hang on."""
        customers = joined(sql.SQL("member.customer_id"), self.fields, for_spreadsheets=for_spreadsheets)
        of_segment = sql.SQL("AND segment_id = {}").format(sql.Literal(self.segment.pk)) if self.segment else _NOTHING
        return sql.SQL(
            """
            {columns}
            FROM (
                SELECT customer_id, segment_id, distance, runner_up_distance, joined_run_id FROM {assignments}
                WHERE run_id = {run_key} {of_segment} {window}
            ) AS member
            {join}
            JOIN {segments} AS segment ON segment.id = member.segment_id
            LEFT JOIN {runs} AS came ON came.id = member.joined_run_id
            """
        ).format(
            columns=sql.SQL(", ").join(
                [
                    customers.external_id,
                    sql.SQL("segment.public_id AS segment_id"),
                    *(
                        [
                            sql.SQL("{} AS segment_name").format(
                                harmless(sql.SQL("segment.name")) if for_spreadsheets else sql.SQL("segment.name")
                            )
                        ]
                        if self.with_names
                        else []
                    ),
                    sql.SQL("member.distance"),
                    sql.SQL("{} AS fit").format(_FIT),
                    sql.SQL("came.joined_at"),
                    sql.SQL("{} AS run_id").format(sql.Literal(self.run.public_id if self.run else "")),
                    *customers.values,
                ]
            ),
            assignments=sql.Identifier(Assignment._meta.db_table),
            run_key=sql.Literal(self.run.pk if self.run else 0),
            of_segment=of_segment,
            window=window,
            join=customers.join,
            segments=sql.Identifier(Segment._meta.db_table),
            runs=_runs(self.run),
        )
