"""The engine of many machines: Lloyd's passes over a Parquet snapshot in Apache Spark, from our own starting centres.

MLlib is not used: it has no restarts, missed the optimum of the mall data at k = 2 and 6, and starts where it likes.
"""

import os
import shutil
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import numpy as np

from segments.kmeans.engines import MAX_ITERATIONS, TOLERANCE, Check, Ended, no_check, passes, stable_order
from segments.kmeans.engines.needs import LIBRARIES, obstacle
from segments.kmeans.engines.snapshot import ROWS_AT_ONCE, Snapshot
from segments.kmeans.model import nearest_two
from segments.kmeans.shapes import BoolMatrix, Fit, FloatMatrix, FloatVector, Outline, Prepared
from segments.kmeans.wording import gettext_noop

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

T = TypeVar("T")

# A difference of distances below this, times the largest value, is what single precision cannot tell from none.
BLUR = 1e-6
DRIVER_MEMORY = "1g"
LOOPBACK = "127.0.0.1"


class SparkUnavailable(RuntimeError):
    """Spark cannot be used: what is missing where, and what to do."""


class SparkFailed(RuntimeError):
    """Spark gave up in the middle of a pass."""


def is_on_this_machine(master: str) -> bool:
    """Whether nothing needs to reach the driver from elsewhere."""
    return master.startswith("local") or urlsplit(master).hostname in ("localhost", "127.0.0.1", "::1")


@contextmanager
def session(master: str, folder: Path) -> Iterator["SparkSession"]:
    """A session on that Spark; the one of this process where there is one, which then stays.

    folder    a place on this machine for what Spark spills

    Raises SparkUnavailable.
    """
    if reason := obstacle(master):
        raise SparkUnavailable(reason)
    from pyspark.sql import SparkSession

    active = SparkSession.getActiveSession()
    if active is not None:
        yield active
        return
    # The processes that carry out our passes: on other machines at the same place, unless the operator says where.
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    os.environ.setdefault("PYSPARK_DRIVER_PYTHON", sys.executable)
    if is_on_this_machine(master):
        os.environ.setdefault("SPARK_LOCAL_IP", LOOPBACK)
    builder = SparkSession.builder.master(master).appName("segmentation")
    for key, value in _configuration(master, folder).items():
        builder = builder.config(key, value)
    try:
        with _without_a_word_on_pandas():
            started = builder.getOrCreate()
    except Exception as error:
        _end_java()
        raise SparkUnavailable(
            gettext_noop(
                "Spark at {master} did not begin: {why} Is it running, and is Java 17 or newer? "
                "The worker's log says more."
            ).format(master=master, why=_first_line(error))
        ) from error
    try:
        yield started
    finally:
        started.stop()
        _end_java()


@contextmanager
def _without_a_word_on_pandas() -> Iterator[None]:
    """pyspark does not vouch for the pandas of this site; nothing here goes through pandas."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="PySpark does not yet fully support pandas", category=FutureWarning)
        yield


def _configuration(master: str, folder: Path) -> dict[str, str]:
    settings = {
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.log.level": "ERROR",
        "spark.driver.memory": DRIVER_MEMORY,
        "spark.local.dir": str(folder),
        "spark.sql.warehouse.dir": str(folder / "warehouse"),
        # Files hold whole batches: no batch ends where another number of machines would have ended it otherwise.
        "spark.sql.execution.arrow.maxRecordsPerBatch": str(ROWS_AT_ONCE),
        "spark.sql.execution.arrow.maxBytesPerBatch": str(2**31 - 1),
        "spark.sql.files.ignoreCorruptFiles": "false",
    }
    if is_on_this_machine(master):
        settings |= {"spark.driver.host": LOOPBACK, "spark.driver.bindAddress": LOOPBACK}
    return settings


def _end_java() -> None:
    """pyspark leaves its Java running until Python ends; a worker lives on and would keep 400 MB for nothing."""
    from pyspark import SparkContext

    gateway = SparkContext._gateway
    if gateway is None:
        return
    process = getattr(gateway, "proc", None)
    gateway.shutdown()
    SparkContext._gateway = SparkContext._jvm = None
    if process is not None and process.stdin is not None:
        # It ends when nobody can speak to it any more.
        process.stdin.close()
        process.wait()


def _first_line(error: BaseException) -> str:
    words = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
    return words if words.endswith(".") else f"{words}."


class Spark:
    """Everybody lies in a Parquet snapshot, in single precision around their middle; sums are made in double.

    What single precision cannot tell apart is decided here, as the model would score it.
    """

    name = "spark"
    # Its machines share one question.
    at_once = 1

    def __init__(self, session: "SparkSession", prepared: Prepared, folder: Path, *, salt: int) -> None:
        """folder: a place that this machine and Spark's see under the same path; what is in it is thrown away."""
        self._session, self._prepared, self._folder = session, prepared, folder
        self._snapshot = Snapshot.of(prepared)
        self._snapshot.write(prepared, folder / "snapshot", salt=salt)
        self._rows: DataFrame = session.read.parquet(str(folder / "snapshot"))

    @property
    def versions(self) -> dict[str, str]:
        """Of what computes and carries."""
        return library_versions()

    def make_ready(self) -> None:
        """The snapshot is written already."""

    def ended(self, starts: Sequence[FloatMatrix], check: Check = no_check) -> list[Ended]:
        """All starts side by side: one pass over the rows serves them all."""
        centres = np.array([self._snapshot.to_single(one) for one in starts])
        iterations = np.zeros(len(centres), np.int64)
        moving = np.arange(len(centres))
        for _ in range(MAX_ITERATIONS):
            check()
            before = centres[moving]
            _, sizes, sums = self._sums(before)
            # A centre that lost its rows stays where it is.
            after = np.divide(sums, sizes[:, :, None], out=before.copy(), where=sizes[:, :, None] > 0)
            centres[moving] = after
            iterations[moving] += 1
            # The snapshot's unit is the root of the mean variance.
            moving = moving[np.square(after - before).sum(axis=(1, 2)) > TOLERANCE]
            if not len(moving):
                break
        check()
        inertia, _, _ = self._sums(centres)
        return [
            Ended(self._snapshot.to_own(one), float(far) * self._snapshot.unit**2, int(passes_made))
            for one, far, passes_made in zip(centres, inertia, iterations, strict=True)
        ]

    def outline(self, centres: FloatMatrix, *, iterations: int, restarts: int) -> Outline:
        """That of the partition."""
        return Outline.of(self.partition(centres, iterations=iterations, restarts=restarts))

    def partition(self, centres: FloatMatrix, *, iterations: int, restarts: int) -> Fit:
        """One pass for the order of the groups, one that writes everybody's assignment as Parquet."""
        inertia, sizes, _ = self._sums(self._snapshot.to_single(centres)[None])
        centres = centres[stable_order(centres, sizes[0].astype(np.int64))]
        written = self._folder / "assignments"
        function = passes.assigning(self._snapshot.to_single(centres), self._snapshot.names, self._snapshot.unit)
        assigned = self._over_rows(function, passes.ASSIGNMENTS)
        told(lambda: assigned.write.mode("overwrite").parquet(str(written)))
        found = self._read(written)
        return self._decided(
            Fit(
                centroids=centres,
                labels=found["segment"].astype(np.int64),
                distance=found["distance"].astype(np.float64),
                runner_up=found["runner_up"].astype(np.int64),
                runner_up_distance=found["runner_up_distance"].astype(np.float64),
                inertia=float(inertia[0]) * self._snapshot.unit**2,
                iterations=iterations,
                n_init=restarts,
            )
        )

    def close(self) -> None:
        """Throw away the snapshot and the assignments."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _over_rows(self, function: passes.OfBatches, schema: str) -> "DataFrame":
        with _without_a_word_on_pandas():
            return self._rows.mapInArrow(function, schema)

    def _sums(self, centres: FloatMatrix) -> tuple[FloatVector, FloatMatrix, FloatMatrix]:
        """Of (m, k, c) centres: inertia (m,), sizes (m, k) and sums (m, k, c), the same bits on any machines."""
        m, k, c = centres.shape
        rows = self._over_rows(passes.summing(centres, self._snapshot.names), passes.SUMS)
        table = told(rows.toArrow).combine_chunks()
        order = np.argsort(table["first"].to_numpy())
        of_batches = np.array(table["sums"].to_pylist(), np.float64).reshape(len(order), m, 1 + k + k * c)[order]
        # Along the first axis numpy adds one after the other.
        total = of_batches.sum(axis=0)
        return total[:, 0], total[:, 1 : 1 + k], total[:, 1 + k :].reshape(m, k, c)

    def _read(self, folder: Path) -> dict[str, Any]:
        """The assignments, each column in the order in which the customers came."""
        import pyarrow.parquet as pq

        table = told(lambda: pq.read_table(folder))
        ids = table["customer_id"].to_numpy()
        order = np.argsort(ids)
        place = np.argsort(np.argsort(self._prepared.ids, kind="stable"), kind="stable")
        if not np.array_equal(ids[order[place]], self._prepared.ids):
            words = gettext_noop("Spark assigned {found} customers of {customers}. Start it again.")
            raise SparkFailed(words.format(found=len(ids), customers=len(self._prepared.ids)))
        return {name: table[name].to_numpy()[order[place]] for name in table.column_names}

    def _decided(self, fit: Fit) -> Fit:
        reach = self._snapshot.reach * self._snapshot.unit * np.sqrt(fit.centroids.shape[1])
        is_close: BoolMatrix = fit.runner_up_distance - fit.distance <= BLUR * reach
        if is_close.any():
            exact = nearest_two(self._prepared.z[is_close], fit.centroids)
            fit.labels[is_close], fit.distance[is_close] = exact.nearest, exact.distance
            fit.runner_up[is_close], fit.runner_up_distance[is_close] = exact.runner_up, exact.runner_up_distance
        return fit


def library_versions() -> dict[str, str]:
    """pyspark's and pyarrow's, where they are installed."""
    found = {}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def told(work: Callable[[], T]) -> T:
    """What Spark says when it fails, as one sentence. Raises SparkFailed."""
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException

    try:
        return work()
    except (Py4JError, PySparkException, OSError) as error:
        raise SparkFailed(
            gettext_noop("Spark gave up: {why} Nothing was changed. Look at Spark's log, then start it again.").format(
                why=_first_line(error)
            )
        ) from error
