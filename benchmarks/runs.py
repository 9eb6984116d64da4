"""Runs beside bare scikit-learn, with the reading and writing that nobody can leave out."""

import numpy as np
from sklearn.cluster import KMeans
from sklearn.metrics import calinski_harabasz_score, davies_bouldin_score, silhouette_score
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from benchmarks import given
from benchmarks.measuring import Claim, Contestant, Measured, interleaved
from customers.columns import read_columns
from customers.models import Customer
from segmentation_site.database.copying import binary_rows
from segmentation_site.database.partitions import drop_partition, load_partition
from segmentation_site.jobs import leases
from segmentation_site.jobs.models import JobStatus
from segments import defining, running, starting
from segments.kmeans.engines import THREADS
from segments.models import Assignment, Run, Segmentation

FEATURES = ["age", "annual_income", "spending_score"]
CANDIDATES = range(2, 11)
# A key that no run has.
SPARE = 2**31 - 1


def measure_run_k(customers: int, rounds: int) -> Measured:
    """A fixed k from reading to published, and: read, one fit, COPY of the assignments with their index."""
    given.customers_in_place(customers)
    ours, floor = "run with k = 5, published", "read, one scikit-learn fit, COPY"
    seconds = interleaved(
        {
            ours: Contestant(lambda: _run(k=5), before=_no_segmentation),
            floor: Contestant(_read_fit_copy),
        },
        rounds,
    )
    return Measured(f"{customers:,} customers, {len(FEATURES)} features", seconds, (Claim(ours, floor, 2.5),))


def measure_run_auto(customers: int, rounds: int) -> Measured:
    """k chosen from 2 to 10 with every measure, and: scikit-learn's bare fits of one start each on data in memory; and
    once what is written in notebooks for the same, reading and storing included.
    """
    given.customers_in_place(customers)
    z = _scaled()
    ours, floor = "run that chooses k from 2 to 10", "scikit-learn's bare sweep, one start each"
    measured, notebook = "the same with its three measures", "the notebook way"
    seconds = interleaved(
        {
            ours: Contestant(lambda: _run(k="auto", publish=False), before=_no_segmentation),
            floor: Contestant(lambda: _bare_sweep(z)),
            measured: Contestant(lambda: _bare_sweep(z, is_measured=True)),
        },
        rounds,
    )
    seconds |= interleaved({notebook: Contestant(_notebook)}, 1, warm_up=False)
    return Measured(
        f"{customers:,} customers, {len(FEATURES)} features, {THREADS} thread for every fit",
        seconds,
        (Claim(ours, floor, 1.5), Claim(ours, measured, 1.5), Claim(ours, notebook, 0.1)),
    )


def _no_segmentation() -> None:
    for segmentation in Segmentation.objects.all():
        defining.delete_segmentation(segmentation)


def _run(k: int | str, *, publish: bool = True) -> None:
    definition = defining.read_definition({"features": FEATURES, "k": k, "k_range": [2, 10]})
    segmentation = defining.create_segmentation(name="Benchmark", definition=definition)
    run = starting.start_run(segmentation, by=None, publish=publish, ring=False)
    leases.carry_out(Run, run.pk, running.execute)
    run.refresh_from_db()
    assert run.status == JobStatus.DONE, run.error_detail


def _scaled() -> np.ndarray:
    values = read_columns(FEATURES).values
    return (values - values.mean(axis=0)) / values.std(axis=0)


def _read_fit_copy() -> None:
    columns = read_columns(FEATURES)
    z = (columns.values - columns.values.mean(axis=0)) / columns.values.std(axis=0)
    with threadpool_limits(THREADS):
        fitted = KMeans(5, n_init=1, random_state=0).fit(z)
    labels = fitted.labels_.astype(np.int64)
    distances = np.zeros(len(z), dtype=np.float32)
    load_partition(
        Assignment._meta.db_table,
        "run_id",
        SPARE,
        ["customer_id", "segment_id", "distance", "runner_up_id", "runner_up_distance", "joined_run_id"],
        binary_rows([columns.ids, labels, distances, labels, distances, labels]),
    )
    drop_partition(Assignment._meta.db_table, SPARE)


def _bare_sweep(z: np.ndarray, *, is_measured: bool = False) -> None:
    with threadpool_limits(THREADS):
        for k in CANDIDATES:
            labels = KMeans(k, n_init=1, random_state=0).fit(z).labels_
            if is_measured:
                silhouette_score(z, labels, sample_size=min(10_000, len(z)), random_state=0)
                davies_bouldin_score(z, labels)
                calinski_harabasz_score(z, labels)


def _notebook() -> None:
    """values_list, StandardScaler, ten starts for every k, a silhouette of 10,000 for each, bulk_create."""
    rows = list(Customer.objects.order_by("pk").values_list("pk", *FEATURES))
    z = StandardScaler().fit_transform(np.array([row[1:] for row in rows], dtype=float))
    best, labels = -1.0, np.empty(0)
    with threadpool_limits(THREADS):
        for k in CANDIDATES:
            fitted = KMeans(k, n_init=10, random_state=0).fit(z)
            separation = silhouette_score(z, fitted.labels_, sample_size=min(10_000, len(z)), random_state=0)
            if separation > best:
                best, labels = separation, fitted.labels_
    load_partition(Assignment._meta.db_table, "run_id", SPARE, ["customer_id"], [])
    Assignment.objects.bulk_create(
        (
            Assignment(
                run_id=SPARE,
                customer_id=row[0],
                segment_id=label,
                distance=0,
                runner_up_id=label,
                runner_up_distance=0,
                joined_run_id=SPARE,
            )
            for row, label in zip(rows, labels.tolist(), strict=True)
        ),
        batch_size=5_000,
    )
    drop_partition(Assignment._meta.db_table, SPARE)
