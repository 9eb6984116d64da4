"""Publishing and scoring beside the least that the database, and the arithmetic, must do for them."""

import time
from dataclasses import replace

import numpy as np
from django.db import connection, transaction
from psycopg import sql

from benchmarks import given
from benchmarks.measuring import Claim, Contestant, Limit, Measured, interleaved
from benchmarks.readers import page_times, reading
from benchmarks.runs import FEATURES, SPARE
from customers.columns import read_columns
from segmentation_site.database.copying import binary_rows, copy_in
from segmentation_site.database.partitions import drop_partition, load_partition, partition_name
from segmentation_site.jobs import leases
from segments import defining, publishing, running, scoring, starting
from segments.kmeans.model import Model, score
from segments.models import Assignment, Change, Run, Segmentation

TABLE = Assignment._meta.db_table
MOVED = 0.1
_PLACE = ["customer_id", "segment_id", "distance", "runner_up_id", "runner_up_distance", "joined_run_id"]


def measure_publish(customers: int, rounds: int) -> Measured:
    """Going to and fro between two runs, a tenth of the customers elsewhere; and: one hash join of both partitions."""
    first, second = _two_runs(customers)
    ours, floor = "publish, a tenth moved", "one hash join of the two partitions"
    idle: list[float] = []
    meanwhile: list[float] = []

    def publish() -> None:
        segmentation = Segmentation.objects.get(pk=first.segmentation_id)
        publishing.publish(second if segmentation.published_run_id == first.pk else first, by=None)

    seconds = interleaved(
        {ours: Contestant(publish, before=_settled), floor: Contestant(lambda: _join(first, second))}, rounds
    )
    with reading(first.segmentation_id) as reader:
        page_times(reader, publish)
        for _ in range(rounds):
            idle.extend(page_times(reader, lambda: time.sleep(2)))
            meanwhile.extend(page_times(reader, publish))
    moved = Change.objects.filter(segmentation_id=first.segmentation_id, kind=Change.Kind.MOVED)
    note = (
        f"a page of 100 members, p99: {1000 * _p99(idle):.1f} ms when idle, {1000 * _p99(meanwhile):.1f} ms while"
        f" publishing ({len(meanwhile)} pages); {moved.count() // (2 * rounds + 2):,} moved each time"
    )
    found = Measured(f"{customers:,} customers in both runs", seconds, (Claim(ours, floor, 2.0),), (note,))
    return replace(
        found,
        limits=(
            Limit("publishing, for each million", found.median(ours) * 1e6 / customers, 1.5, "s"),
            Limit("a reader's p99 meanwhile, against idle", _p99(meanwhile) / _p99(idle), 2.0, "times"),
        ),
    )


def measure_score(customers: int, rounds: int) -> Measured:
    """Everybody is new to the published model: places, sizes and the feed; and: read, assign, COPY into the places of
    the run that is read meanwhile. Beside them, for who wants to know, the same COPY into a table that nobody reads.
    """
    given.customers_in_place(customers)
    run = _published()
    model = Model.from_json(run.model or {})
    ours, floor = "score everybody, tell the feed", "read, assign, COPY"
    aside = "read, assign, COPY into a table of its own"
    seconds = interleaved(
        {
            ours: Contestant(scoring.score_changes, before=lambda: _nobody_scored(run)),
            floor: Contestant(lambda: _read_assign_copy(model, run), before=lambda: _nobody_scored(run)),
            aside: Contestant(lambda: _read_assign_copy_aside(model)),
        },
        rounds,
    )
    _nobody_scored(run)
    scoring.score_changes()
    assert Assignment.objects.filter(run_id=run.pk).count() == customers
    found = Measured(f"{customers:,} new customers, {len(FEATURES)} features", seconds, (Claim(ours, floor, 1.3),))
    note = (
        f"the last is indexed afterwards, which would lock the run's readers out: ours takes"
        f" {found.median(ours) / found.median(aside):.2f} times as long (docs/decisions/0022)"
    )
    return replace(found, notes=(note,))


def _published() -> Run:
    for segmentation in Segmentation.objects.all():
        defining.delete_segmentation(segmentation)
    definition = defining.read_definition({"features": FEATURES, "k": 5})
    segmentation = defining.create_segmentation(name="Benchmark", definition=definition)
    return _carried_out(segmentation, publish=True)


def _carried_out(segmentation: Segmentation, *, publish: bool) -> Run:
    run = starting.start_run(segmentation, by=None, publish=publish, ring=False)
    leases.carry_out(Run, run.pk, running.execute)
    return Run.objects.select_related("segmentation").get(pk=run.pk)


def _two_runs(customers: int) -> tuple[Run, Run]:
    given.customers_in_place(customers)
    first = _published()
    given.imported(given.customers_file(customers, changed=MOVED))
    given.vacuum()
    return first, _carried_out(first.segmentation, publish=False)


def _settled() -> None:
    """Nothing of the round before left to write, and nobody left to be scored."""
    with connection.cursor() as cursor:
        cursor.execute("CHECKPOINT")


def _join(first: Run, second: Run) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('work_mem', '256MB', false)")
        cursor.execute(
            sql.SQL(
                "SELECT count(*) FROM (SELECT customer_id, segment_id FROM {table} WHERE run_id = {first}) AS one"
                " FULL JOIN (SELECT customer_id, segment_id FROM {table} WHERE run_id = {second}) AS other"
                " USING (customer_id) WHERE one.segment_id IS DISTINCT FROM other.segment_id"
            ).format(table=sql.Identifier(TABLE), first=sql.Literal(first.pk), second=sql.Literal(second.pk))
        )
        cursor.fetchone()


def _p99(times: list[float]) -> float:
    return float(np.percentile(times, 99))


def _nobody_scored(run: Run) -> None:
    """The published run has nobody in it, and its feed is empty."""
    with connection.cursor() as cursor:
        # Deleting would leave the very keys that come next, dead, in the way of every unique check.
        cursor.execute(f"TRUNCATE {Change._meta.db_table}")
    load_partition(TABLE, "run_id", run.pk, ["customer_id"], [])
    Segmentation.objects.filter(pk=run.segmentation_id).update(scored_until=0, last_change=0, is_drift_due=False)
    _settled()


def _read_assign_copy(model: Model, run: Run) -> None:
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT binary)").format(
        sql.Identifier(partition_name(TABLE, run.pk)), sql.SQL(", ").join(map(sql.Identifier, _PLACE))
    )
    with transaction.atomic():
        copy_in(statement, binary_rows(_read_and_assign(model)))


def _read_assign_copy_aside(model: Model) -> None:
    load_partition(TABLE, "run_id", SPARE, _PLACE, binary_rows(_read_and_assign(model)))
    drop_partition(TABLE, SPARE)


def _read_and_assign(model: Model) -> list[np.ndarray]:
    columns = read_columns(model.names)
    found = score(model, model.names, columns.values, levels=columns.levels)
    return [
        columns.ids,
        found.nearest,
        found.distance.astype(np.float32),
        found.runner_up,
        found.runner_up_distance.astype(np.float32),
        np.zeros(len(columns.ids), np.int64),
    ]
