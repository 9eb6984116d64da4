"""Spark on a cluster of two workers here, beside this machine alone: the same segments, and what each part takes."""

import os
import resource
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from segments.kmeans import fitting
from segments.kmeans.engines import needs, snapshot
from segments.kmeans.shapes import Fit, FloatMatrix, Prepared

T = TypeVar("T")
FEATURES, K, SEED = 4, 6, 0
WORKERS = 2
LOOPBACK = "127.0.0.1"
# How far apart inertias may be, in parts of themselves.
EQUAL = 1e-6
STARTING_SECONDS = 120
SEVERAL_FILES = 4


def compare(customers: int) -> int:
    """Fit the same customers here, with Spark in this process, and on the cluster. Exit code 1 unless all agree."""
    if reason := needs.obstacle("local"):
        print(f"NO SPARK HERE: {reason}", file=sys.stderr)
        return 1
    if customers < SEVERAL_FILES * snapshot.ROWS_IN_A_FILE:
        # So that there is something to share.
        snapshot.ROWS_IN_A_FILE = snapshot.ROWS_AT_ONCE
    prepared = _customers(customers)
    here, seconds = _timed(lambda: fitting.fit(prepared, K, seed=SEED))
    print(f"{customers:,} customers, {FEATURES} features, k = {K}", flush=True)
    print(f"{'this machine':<28} {seconds:8.1f} s  inertia {here.inertia:.6f}", flush=True)
    with tempfile.TemporaryDirectory(prefix="seg-spark-") as scratch:
        inside = _on(f"local[{WORKERS}]", prepared, Path(scratch) / "inside")
        with _cluster(Path(scratch) / "cluster") as master:
            outside = _on(master, prepared, Path(scratch) / "outside")
    print(f"peak memory of this process  {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2:8.2f} GB")
    apart = abs(outside.inertia / here.inertia - 1)
    moved = int((outside.labels != here.labels).sum())
    same_bits = outside.centroids.tobytes() == inside.centroids.tobytes() and outside.inertia == inside.inertia
    print(f"inertia differs from this machine's by {apart:.1e} of itself; {moved:,} customers are placed otherwise")
    print(f"the cluster and one process give {'the same bits' if same_bits else 'OTHER BITS'}")
    return 0 if apart <= EQUAL and not moved and same_bits else 1


def _customers(rows: int) -> Prepared:
    """Groups that overlap."""
    random = np.random.default_rng(SEED)
    middles, group = random.normal(0, 2.2, (K, FEATURES)), random.integers(0, K, rows)
    z: FloatMatrix = middles[group] + random.normal(0, 1, (rows, FEATURES))
    return Prepared(ids=np.arange(1, rows + 1), z=z, raw=z, specs=())


def _on(master: str, prepared: Prepared, folder: Path) -> Fit:
    from segments.kmeans.engines import spark

    folder.mkdir()
    rows, name = len(prepared.ids), master.partition(":")[0]
    with ExitStack() as stack:
        session, seconds = _timed(lambda: stack.enter_context(spark.session(master, folder / "spill")))
        _tell(f"{name}: session", seconds)
        engine, seconds = _timed(lambda: spark.Spark(session, prepared, folder / "run", salt=SEED))
        written = _size(folder / "run" / "snapshot")
        _tell(f"{name}: snapshot written", seconds, f"{written / rows:.1f} bytes a customer")
        found, seconds = _timed(lambda: fitting.fit(prepared, K, seed=SEED, engine=engine))
        _tell(f"{name}: fit", seconds, f"inertia {found.inertia:.6f}, {found.iterations} passes from the best start")
        # Once more, now that Python and Java are warm: what one pass costs, and the assignment of everybody.
        _, seconds = _timed(lambda: engine.ended([found.centroids]))
        _tell(f"{name}: two passes", seconds, f"{seconds / 2 / rows * 1e9:.0f} ns a customer and pass")
        _, seconds = _timed(lambda: engine.partition(found.centroids, iterations=1, restarts=1))
        assigned = _size(folder / "run" / "assignments")
        per_row = f"{seconds / rows * 1e9:.0f} ns and {assigned / rows:.1f} bytes a customer"
        _tell(f"{name}: one pass, assignment", seconds, per_row)
    return found


def _tell(what: str, seconds: float, more: str = "") -> None:
    print(f"{what:<28} {seconds:8.1f} s  {more}", flush=True)


def _timed(work: Callable[[], T]) -> tuple[T, float]:
    started = time.perf_counter()
    done = work()
    return done, time.perf_counter() - started


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.glob("*.parquet"))


@contextmanager
def _cluster(folder: Path) -> Iterator[str]:
    """A master and two workers of one core each, on loopback; the master's address."""
    import pyspark

    home = Path(pyspark.__file__).parent
    folder.mkdir()
    env = os.environ | {"SPARK_HOME": str(home), "SPARK_LOCAL_IP": LOOPBACK, "SPARK_NO_DAEMONIZE": "1"}
    port = _free_port()
    master = f"spark://{LOOPBACK}:{port}"
    with ExitStack() as stack:
        _started(stack, home, env, folder / "master.log", "master.Master", ["--host", LOOPBACK, "--port", str(port)])
        _wait_for(folder / "master.log", "Starting Spark master")
        _wait_until_open(port)
        for number in range(WORKERS):
            options = ["--host", LOOPBACK, "--cores", "1", "--memory", "1g", "--work-dir", str(folder / f"{number}")]
            log = folder / f"worker-{number}.log"
            _started(stack, home, env, log, "worker.Worker", [*options, master])
        for number in range(WORKERS):
            _wait_for(folder / f"worker-{number}.log", "Successfully registered")
        yield master


def _started(
    stack: ExitStack, home: Path, env: Mapping[str, str], log: Path, kind: str, options: list[str]
) -> subprocess.Popen[Any]:
    command = [str(home / "bin" / "spark-class"), f"org.apache.spark.deploy.{kind}", "--webui-port", "0", *options]
    output = stack.enter_context(log.open("w"))
    process = subprocess.Popen(command, env=env, stdout=output, stderr=subprocess.STDOUT)
    stack.callback(process.wait)
    stack.callback(process.terminate)
    return process


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def _wait_for(log: Path, words: str) -> None:
    _wait(lambda: words in log.read_text(), f"{words!r} in {log.name}")


def _wait_until_open(port: int) -> None:
    def is_open() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex((LOOPBACK, port)) == 0

    _wait(is_open, "the master")


def _wait(is_there: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + STARTING_SECONDS
    while not is_there():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited in vain for {what}")
        time.sleep(0.1)
