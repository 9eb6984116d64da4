"""Customers who came or changed since the published run read them, put where its model sees them. Workers only.

A segmentation remembers up to which change of customers it has looked. The mark moves in the transaction that writes
what was found, so that a worker that dies loses nothing and repeats nothing; whoever looks next goes on from there.
"""

import logging
from collections import Counter
from dataclasses import dataclass

import numpy as np
from django.db import connection, transaction
from django.utils import timezone
from psycopg import sql

from customers import columns
from customers.columns import Between, Columns
from segmentation_site.database.copying import binary_rows, copy_in, read_arrays
from segmentation_site.database.partitions import partition_name
from segments import aging, recording
from segments.kmeans import drifting
from segments.kmeans.drifting import Drift, DriftWord
from segments.kmeans.model import Model, score
from segments.kmeans.shapes import Definition
from segments.models import Assignment, Run, Segment, Segmentation
from segments.reading import conditions_of
from segments.signals import drift_detected

logger = logging.getLogger(__name__)

# Changes of customers that are looked at in one transaction: with many features fewer, so that memory stays bounded.
CHANGES_AT_ONCE = 1_000_000
VALUES_AT_ONCE = 8_000_000

_ASSIGNMENTS = sql.Identifier(Assignment._meta.db_table)
_SCORED, _LOOKED_AT = sql.Identifier("scored_customers"), sql.Identifier("customers_looked_at")


@dataclass(frozen=True, slots=True)
class _InUse:
    """A segmentation's published run with what scoring needs of it."""

    segmentation: Segmentation
    run: Run
    definition: Definition
    model: Model

    def read(self, changed: Between | None = None) -> Columns:
        conditions = conditions_of(self.definition)
        as_of = aging.day_of(self.run, self.definition)
        return columns.read_columns(self.model.names, as_of, conditions, changed)


def score_changes() -> int:
    """Score whoever changed, in every segmentation with a published run; returns how many entries the feeds got."""
    entries = 0
    for key in Segmentation.objects.filter(published_run__isnull=False).order_by("pk").values_list("pk", flat=True):
        try:
            while (found := _score_next(key)) is not None:
                entries += found
            _measure_drift_if_due(key)
        except KeyError as error:
            # A feature that was removed since: the published segments stay as they are.
            logger.warning("Segmentation %s cannot be scored: there is no attribute %s", key, error)
    return entries


def _score_next(key: int) -> int | None:
    """The next changes of one segmentation; the number of entries for its feed, None when nothing was left to do."""
    with transaction.atomic():
        segmentation = (
            Segmentation.objects.select_for_update(no_key=True).filter(pk=key, published_run__isnull=False).first()
        )
        if segmentation is None:
            return None
        last = columns.last_change()
        if segmentation.scored_until is None or segmentation.scored_until >= last:
            if segmentation.scored_until is None:
                Segmentation.objects.filter(pk=key).update(scored_until=last)
            return None
        in_use = _in_use(segmentation)
        at_once = min(CHANGES_AT_ONCE, VALUES_AT_ONCE // len(in_use.model.names)) if in_use else CHANGES_AT_ONCE
        until = columns.change_after(segmentation.scored_until, at_once) or last
        changed = Between(segmentation.scored_until, until)
        entries = _write(in_use, changed) if in_use else 0
        Segmentation.objects.filter(pk=key).update(scored_until=until)
    return entries


def _in_use(segmentation: Segmentation) -> _InUse | None:
    run = segmentation.published_run
    if run is None or run.model is None:
        return None
    return _InUse(segmentation, run, Definition.from_json(run.definition), Model.from_json(run.model))


def _write(in_use: _InUse, changed: Between) -> int:
    """Put those who changed where they belong, and tell the feed. Returns the number of its entries."""
    places = _places(in_use, in_use.read(changed))
    ids = places[0]
    with connection.cursor() as cursor:
        # Those who changed and were in the run; the others come in or have nothing to do with it.
        cursor.execute(
            sql.SQL(
                "CREATE TEMPORARY TABLE {looked_at} ON COMMIT DROP AS SELECT changed.id FROM ({changed}) AS changed"
                " JOIN {assignments} AS place ON place.run_id = {run} AND place.customer_id = changed.id"
            ).format(
                looked_at=_LOOKED_AT,
                changed=columns.changed(changed),
                assignments=_ASSIGNMENTS,
                run=sql.Literal(in_use.run.pk),
            )
        )
    (were_there,) = read_arrays(sql.SQL("SELECT array_agg(id) FROM {}").format(_LOOKED_AT), [], ["i8"])
    is_new = ~np.isin(ids, were_there)
    entries = 0
    sizes = None
    if is_new.any():
        new = [column[is_new] for column in places]
        if not len(were_there):
            # Segments only grow, and by how much stands in the arrays: nobody needs to be counted again.
            came = dict(zip(*(each.tolist() for each in np.unique(new[1], return_counts=True)), strict=True))
            sizes = recording.sizes(in_use.run.pk) + Counter(came)
        entries += _bring_in(in_use.run, new)
    if len(were_there):
        entries += _look_again(in_use.run, [column[~is_new] for column in places])
    if entries:
        recording.recount(in_use.run.pk, sizes)
    return entries


def _places(in_use: _InUse, read: Columns) -> list[np.ndarray]:
    """Of everybody read: id, segment, distance, runner-up and distance to it, as assignments have them."""
    if not len(read.ids):
        return [np.empty(0, kind) for kind in ("i8", "i8", "f4", "i8", "f4")]
    scores = score(in_use.model, in_use.model.names, read.values, levels=read.levels)
    keys = dict(Segment.objects.filter(segmentation=in_use.segmentation).values_list("public_id", "pk"))
    segment_ids = np.array([keys[segment.segment_id] for segment in in_use.model.segments], dtype=np.int64)
    return [
        read.ids,
        segment_ids[scores.nearest],
        scores.distance.astype(np.float32),
        segment_ids[scores.runner_up],
        scores.runner_up_distance.astype(np.float32),
    ]


def _bring_in(run: Run, places: list[np.ndarray]) -> int:
    """Those who were not in the run: COPY alone, into places and feed. Returns how many they are."""
    with recording.record_joining(run, places[0], places[1]):
        copy_in(
            sql.SQL(
                "COPY {} (customer_id, segment_id, distance, runner_up_id, runner_up_distance, run_id, joined_run_id)"
                " FROM STDIN (FORMAT binary)"
            ).format(sql.Identifier(partition_name(Assignment._meta.db_table, run.pk))),
            binary_rows([*places, *[np.full(len(places[0]), run.pk, dtype=np.int64)] * 2]),
        )
    return len(places[0])


def _look_again(run: Run, places: list[np.ndarray]) -> int:
    """Those who were in the run and changed."""
    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL(
                "CREATE TEMPORARY TABLE {} (customer_id bigint, segment_id bigint, distance real, runner_up_id bigint,"
                " runner_up_distance real) ON COMMIT DROP"
            ).format(_SCORED)
        )
    copy_in(sql.SQL("COPY {} FROM STDIN (FORMAT binary)").format(_SCORED), binary_rows(places))
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("ANALYZE {}, {}").format(_SCORED, _LOOKED_AT))
    entries = recording.record_scoring(run, scored=_SCORED, looked_at=_LOOKED_AT)
    _place(run)
    return entries


def _place(run: Run) -> None:
    """Whoever was scored is where the model sees them, the others who were looked at are not in the run any more."""
    names = {"assignments": _ASSIGNMENTS, "scored": _SCORED, "looked_at": _LOOKED_AT, "run": sql.Literal(run.pk)}
    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL(
                """
                MERGE INTO {assignments} AS place USING {scored} AS scored
                ON place.run_id = {run} AND place.customer_id = scored.customer_id
                WHEN MATCHED THEN UPDATE SET
                    segment_id = scored.segment_id, distance = scored.distance,
                    runner_up_id = scored.runner_up_id, runner_up_distance = scored.runner_up_distance,
                    joined_run_id = CASE WHEN place.segment_id = scored.segment_id THEN place.joined_run_id
                        ELSE {run} END
                """
            ).format(**names)
        )
        cursor.execute(
            sql.SQL(
                "DELETE FROM {assignments} WHERE run_id = {run} AND customer_id IN"
                " (SELECT id FROM {looked_at} EXCEPT SELECT customer_id FROM {scored})"
            ).format(**names)
        )


def _measure_drift_if_due(key: int) -> None:
    """After an import: how far customers are from those that the published model was fitted on."""
    segmentation = Segmentation.objects.select_related("published_run").filter(pk=key, is_drift_due=True).first()
    in_use = _in_use(segmentation) if segmentation else None
    if segmentation is None or in_use is None:
        return
    read = in_use.read()
    found = drifting.drift(in_use.model, in_use.model.names, read.values, levels=read.levels) if len(read.ids) else None
    with transaction.atomic():
        current = Segmentation.objects.select_for_update(no_key=True).get(pk=key)
        if current.published_run_id != in_use.run.pk:
            # Another model is in use by now; whoever comes next measures against that one.
            return
        before = (current.drift or {}).get("word")
        current.is_drift_due = False
        current.drift = told(found, in_use.run) if found else None
        current.save(update_fields=["is_drift_due", "drift"])
        if found and found.word is DriftWord.ACT and before != DriftWord.ACT:
            drift_detected.send(sender=Segmentation, segmentation=current, drift=current.drift)


def told(drift: Drift, run: Run) -> dict[str, object]:
    """What a segmentation keeps of it, as JSON."""
    return drift.to_json() | {"run": run.public_id, "measured_at": timezone.now().isoformat(timespec="seconds")}
