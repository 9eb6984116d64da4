"""Where a run passes over everybody: in its own process, or on Spark. Workers and commands only."""

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from django.conf import settings

from segmentation_site.jobs import memory
from segmentation_site.jobs.problems import Problem
from segments.kmeans.engines import THREADS, Engine, spark
from segments.kmeans.engines.local import Local
from segments.kmeans.shapes import EngineChoice, Prepared
from segments.models import Run

# Of every value there are, at the widest point: as read, as prepared, and what fitting and profiling copy. Spark takes
# the copies of fitting away; reading, preparing and profiling stay.
COPIES = {EngineChoice.LOCAL: 4, EngineChoice.SPARK: 3}
BYTES_OF_A_VALUE = 8
# What a worker that was killed left behind is thrown away after so long.
LEFTOVERS_SECONDS = 24 * 60 * 60


class SparkUnavailable(Problem):
    """The run is to be made on Spark, and this machine cannot begin a session."""

    code = "spark_unavailable"
    sentence = "{detail}"
    http_status = 409


class SparkGaveUp(Problem):
    """Spark failed in the middle."""

    code = "spark_failed"
    sentence = "{detail}"
    http_status = 503


def place(wanted: EngineChoice, values: int) -> EngineChoice:
    """LOCAL or SPARK for a run that reads so many values: what is wanted, or what they fit into.

    Raises TooLargeForMemory.
    """
    chosen = wanted
    if wanted is EngineChoice.AUTO:
        is_too_large = values * BYTES_OF_A_VALUE * COPIES[EngineChoice.LOCAL] > memory.budget()
        chosen = EngineChoice.SPARK if is_too_large and settings.SPARK_MASTER else EngineChoice.LOCAL
    memory.admit(values * BYTES_OF_A_VALUE * COPIES[chosen])
    return chosen


@contextmanager
def opened(place: EngineChoice, prepared: Prepared, run: Run, *, threads: int = THREADS) -> Iterator[Engine]:
    """The engine there, for everybody of the run; threads are this machine's.

    Raises SparkUnavailable, and SparkGaveUp out of what is done with it.
    """
    if place is not EngineChoice.SPARK:
        yield Local(prepared, threads=threads)
        return
    try:
        with ExitStack() as stack:
            folder = _folder(run)
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
            # Java and what it starts have limits of their own.
            with memory.lifted():
                session = stack.enter_context(spark.session(settings.SPARK_MASTER, folder / "spill"))
            yield spark.Spark(session, prepared, folder, salt=run.seed)
    except spark.SparkUnavailable as error:
        raise SparkUnavailable(detail=str(error)) from error
    except spark.SparkFailed as error:
        raise SparkGaveUp(detail=str(error)) from error


def _folder(run: Run) -> Path:
    """A new folder for this run's snapshot, and nothing left of those that were killed."""
    everything = Path(settings.SPARK_FOLDER)
    everything.mkdir(parents=True, exist_ok=True)
    for other in everything.glob("run_*"):
        with suppress(FileNotFoundError):
            if other.stat().st_mtime < time.time() - LEFTOVERS_SECONDS:
                shutil.rmtree(other, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=f"{run.public_id}-", dir=everything))
