"""A job that would take too much memory is refused or fails by itself; nothing else is harmed."""

import subprocess

import psutil
import pytest

from segmentation_site.jobs import memory
from segmentation_site.jobs.models import JobStatus
from segments import defining
from segments.models import Segmentation
from tests.customers.given import imported
from tests.given import eventually
from tests.segments import given


@pytest.fixture
def segmentation(transactional_db: None) -> Segmentation:
    imported("id,age,income\n" + "".join(f"{row},{20 + row % 50},{row % 90}\n" for row in range(500)))
    definition = defining.read_definition({"features": ["age", "annual_income"], "k": 3})
    return defining.create_segmentation(name="Ages", definition=definition)


def test_a_run_that_would_need_more_than_a_job_may_take_is_refused_with_both_figures(
    segmentation: Segmentation, settings: object
) -> None:
    # 500 customers of two features, and a category that profiles show, in 8 bytes, four times over.
    settings.JOB_MEMORY_BYTES = 47_999  # type: ignore[attr-defined]
    run = given.run(segmentation)
    assert (run.status, run.error_code) == (JobStatus.FAILED, "memory")
    assert "JOB_MEMORY_BYTES" in run.error_detail
    settings.JOB_MEMORY_BYTES = 48_000  # type: ignore[attr-defined]
    assert given.run(segmentation).status == JobStatus.DONE


def test_jobs_share_what_the_machine_has(settings: object) -> None:
    settings.JOB_MEMORY_BYTES = 0  # type: ignore[attr-defined]
    settings.WORKER_CONCURRENCY = 4  # type: ignore[attr-defined]
    total = psutil.virtual_memory().total
    assert 0 < memory.budget() <= 0.6 * total / 4


def test_the_processes_that_carry_out_jobs_are_held_to_their_budget(
    worker: "subprocess.Popen[bytes]",
) -> None:
    (child,) = eventually(lambda: psutil.Process(worker.pid).children(), what="the worker's child")
    eventually(lambda: child.rlimit(psutil.RLIMIT_DATA)[0] == memory.budget() + memory.BASE_BYTES, what="its limit")
