"""Recording changes in the feed, in the very transaction that makes them.

Callers hold the segmentation's row lock, so that sequences become visible in ascending order.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from django.db import connection
from django.db.models import Count
from psycopg import sql

from customers.columns import joined
from segmentation_site.database import copying
from segments.kmeans.shapes import IntVector
from segments.models import Assignment, Change, Run, Segmentation, SegmentProfile

_CHANGES = sql.Identifier(Change._meta.db_table)
_ASSIGNMENTS = sql.Identifier(Assignment._meta.db_table)
# Enough for a hash join of two runs of some million customers.
_MEMORY = "256MB"
# From how many on who joins is told over a connection of its own: below, opening one takes longer than it saves.
MANY = 50_000


def record_publication(run: Run, *, before: int | None, ahead: int = 0) -> int:
    """Who joins, leaves and moves when `run` takes the place of the run with the key `before`; how many they are.

    One pass over both runs' partitions; none where `ahead` says how many `telling_ahead` told of, in this transaction.
    Who leaves is named, because tools must be told even when the customer is gone by the time they ask.
    """
    if ahead:
        return _count(run.segmentation_id, _last_change(run.segmentation_id), ahead)
    if before is None:
        return _record(
            run.segmentation_id,
            sql.SQL(
                "SELECT 'joined' AS kind, customer_id, '' AS external_id, NULL::bigint AS from_segment_id,"
                " segment_id AS to_segment_id, {run}::bigint AS run_id FROM {assignments} WHERE run_id = {run}"
            ).format(run=sql.Literal(run.pk), assignments=_ASSIGNMENTS),
        )
    leaver = joined(sql.SQL("one.id"))
    return _record(
        run.segmentation_id,
        sql.SQL(
            """
            SELECT
                CASE WHEN was.segment_id IS NULL THEN 'joined' WHEN is_now.segment_id IS NULL THEN 'left'
                    ELSE 'moved' END AS kind,
                coalesce(is_now.customer_id, was.customer_id) AS customer_id,
                CASE WHEN is_now.segment_id IS NULL THEN
                    coalesce((SELECT {external_id} FROM (VALUES (was.customer_id)) AS one (id) {join}), '')
                    ELSE '' END AS external_id,
                was.segment_id AS from_segment_id, is_now.segment_id AS to_segment_id,
                {run}::bigint AS run_id
            FROM (SELECT customer_id, segment_id FROM {assignments} WHERE run_id = {run}) AS is_now
            FULL JOIN (SELECT customer_id, segment_id FROM {assignments} WHERE run_id = {before}) AS was
                USING (customer_id)
            WHERE is_now.segment_id IS DISTINCT FROM was.segment_id
            """
        ).format(
            run=sql.Literal(run.pk),
            before=sql.Literal(before),
            assignments=_ASSIGNMENTS,
            external_id=leaver.external_id,
            join=leaver.join,
        ),
    )


def record_removal(customer_ids: Sequence[int], *, kind: str) -> None:
    """That customers are no customers any more, and take them out of every run; called while they are still there.

    Of who is erased every segmentation tells, whether they were members or not: tools may know them from before.
    """
    ids = sql.SQL("({})").format(sql.Literal(list(customer_ids)))
    customers = joined(sql.SQL("place.customer_id"))
    for segmentation in (
        Segmentation.objects.select_for_update(no_key=True).filter(published_run__isnull=False).order_by("pk")
    ):
        _record(
            segmentation.pk,
            sql.SQL(
                """
                SELECT {kind} AS kind, place.customer_id, {external_id}, place.segment_id AS from_segment_id,
                    NULL::bigint AS to_segment_id, NULL::bigint AS run_id
                FROM (
                    SELECT one.customer_id, member.segment_id FROM unnest({ids}::bigint[]) AS one (customer_id)
                    LEFT JOIN {assignments} AS member ON member.run_id = {run} AND member.customer_id = one.customer_id
                ) AS place {join}
                WHERE place.segment_id IS NOT NULL OR {kind} = 'erased'
                """
            ).format(
                kind=sql.Literal(kind),
                external_id=customers.external_id,
                assignments=_ASSIGNMENTS,
                join=customers.join,
                run=sql.Literal(segmentation.published_run_id),
                ids=ids,
            ),
        )
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("DELETE FROM {} WHERE customer_id = ANY ({}::bigint[])").format(_ASSIGNMENTS, ids))
    for run_id in Segmentation.objects.filter(published_run__isnull=False).values_list("published_run_id", flat=True):
        recount(run_id)


def record_scoring(run: Run, *, scored: sql.Identifier, looked_at: sql.Identifier) -> int:
    """Who joins, leaves and moves by being looked at again; called before they are put there. How many they are.

    scored      a table with the `customer_id` and the new `segment_id` of those who are in the run
    looked_at   a table with the `id` of everybody who was looked at
    """
    leaver = joined(sql.SQL("looked_at.id"))
    return _record(
        run.segmentation_id,
        sql.SQL(
            """
            SELECT
                CASE WHEN was.segment_id IS NULL THEN 'joined' WHEN is_now.segment_id IS NULL THEN 'left'
                    ELSE 'moved' END AS kind,
                looked_at.id AS customer_id,
                CASE WHEN is_now.segment_id IS NULL THEN customer.external_id ELSE '' END AS external_id,
                was.segment_id AS from_segment_id, is_now.segment_id AS to_segment_id,
                {run}::bigint AS run_id
            FROM {looked_at} AS looked_at
            {join}
            LEFT JOIN {scored} AS is_now ON is_now.customer_id = looked_at.id
            LEFT JOIN {assignments} AS was ON was.run_id = {run} AND was.customer_id = looked_at.id
            WHERE is_now.segment_id IS DISTINCT FROM was.segment_id
            """
        ).format(
            run=sql.Literal(run.pk), scored=scored, looked_at=looked_at, assignments=_ASSIGNMENTS, join=leaver.join
        ),
    )


@contextmanager
def record_joining(run: Run, customer_ids: IntVector, segment_ids: IntVector) -> Iterator[None]:
    """That customers joined who were nowhere before, while the block puts them there; as `telling_ahead`."""
    last = _last_change(run.segmentation_id)
    with telling_ahead(run, customer_ids, segment_ids) as told:
        yield
    _count(run.segmentation_id, last, told)


@contextmanager
def telling_ahead(run: Run, customer_ids: IntVector, segment_ids: IntVector) -> Iterator[int]:
    """Write that customers join who were nowhere before, while the block puts them there; yields how many. The entries
    count when the segmentation's last change moves, which the caller sees to, in the same transaction.

    (n,) int64 each, in the order in which they are told. Many are written over a connection of their own at the same
    time, and are committed before the caller is: nobody sees entries beyond the segmentation's last change, and who
    writes there next throws away what a caller left that did not get so far.

    For a million, COPY took 1.6 s of the database's processor time, a statement that looks for them 2.3 s.
    """
    key, count = run.segmentation_id, len(customer_ids)
    last = _last_change(key)
    numbers = np.arange(last + 1, last + count + 1, dtype=np.int64)
    columns: list[IntVector | str | None] = [_all(key, count), numbers, Change.Kind.JOINED.value, customer_ids]
    columns += ["", None, segment_ids, _all(run.pk, count)]

    def write() -> None:
        # Whoever writes clears: two transactions would wait for each other without the database's knowing.
        _clear(key, beyond=last)
        copying.copy_in(
            sql.SQL(
                "COPY {} (segmentation_id, sequence, kind, customer_id, external_id, from_segment_id, to_segment_id,"
                " run_id) FROM STDIN (FORMAT binary)"
            ).format(_CHANGES),
            copying.binary_rows(columns),
        )

    if count < MANY:
        yield count
        write()
    else:
        with copying.meanwhile(write):
            yield count


def sizes(run_id: int) -> Counter[int]:
    """How many each segment of a run has now, by the segment's primary key."""
    everybody = Assignment.objects.filter(run_id=run_id).order_by()
    return Counter(dict(everybody.values_list("segment_id").annotate(Count("customer_id"))))


def recount(run_id: int, counted: Counter[int] | None = None) -> None:
    """Let the segments of a published run tell how many they are now; what they look like stays as the run saw it.

    Who knows what `sizes` would say spares the pass over everybody.
    """
    now = sizes(run_id) if counted is None else counted
    everybody = max(1, now.total())
    profiles = list(SegmentProfile.objects.filter(run_id=run_id, segment__isnull=False).only("id", "segment_id"))
    for profile in profiles:
        profile.size = now[profile.segment_id or 0]
        profile.share = profile.size / everybody
    SegmentProfile.objects.bulk_update(profiles, ["size", "share"])


def _all(key: int, count: int) -> IntVector:
    return np.full(count, key, dtype=np.int64)


def _last_change(segmentation_id: int) -> int:
    return Segmentation.objects.values_list("last_change", flat=True).get(pk=segmentation_id)


def _clear(segmentation_id: int, *, beyond: int) -> None:
    """Throw away entries that do not count, because who told them died before customers were put there."""
    Change.objects.filter(segmentation_id=segmentation_id, sequence__gt=beyond).delete()


def _record(segmentation_id: int, found: sql.Composed) -> int:
    """Append what the query finds, in the order of customers, with the next sequences."""
    last = _last_change(segmentation_id)
    _clear(segmentation_id, beyond=last)
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('work_mem', %s, true)", [_MEMORY])
        cursor.execute(
            sql.SQL(
                """
                INSERT INTO {changes} (
                    segmentation_id, sequence, kind, customer_id, external_id, from_segment_id, to_segment_id, run_id
                )
                SELECT {segmentation}, {last} + row_number() OVER (ORDER BY customer_id), found.*
                FROM ({found}) AS found
                """
            ).format(
                changes=_CHANGES,
                segmentation=sql.Literal(segmentation_id),
                last=sql.Literal(last),
                found=found,
            )
        )
        count = max(0, int(cursor.rowcount))
    return _count(segmentation_id, last, count)


def _count(segmentation_id: int, last: int, further: int) -> int:
    """Let so many entries after the last one count."""
    Segmentation.objects.filter(pk=segmentation_id).update(last_change=last + further)
    return further
