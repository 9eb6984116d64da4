"""A worker that is told to stop ends what it has begun and is gone soon."""

import os
import subprocess
import sys
from collections.abc import Iterator
from socket import gethostname

import psutil
import pytest
from celery import current_app
from celery.app.control import Inspect

from tests import given
from tests.conftest import ROOT
from tests.given import eventually

NAME = f"stoppable@{gethostname()}"
WORKER = ["-m", "celery", "-A", "segmentation_site", "worker", "--concurrency=1", "-n", NAME]
# A pool process would wait for half a minute for somebody who is to hear of its last task.
SOON = 15


@pytest.fixture
def stoppable(transactional_db: None) -> Iterator["subprocess.Popen[bytes]"]:
    """A worker of this test alone, at rest."""
    current_app.control.purge()
    more = {"DATABASE_URL": given.url_of_test_database(), "SEGMENTATION_PROCESS": "worker"}
    process = subprocess.Popen([sys.executable, *WORKER], cwd=ROOT, env=os.environ | more, start_new_session=True)
    eventually(_is_at_rest, what="a worker at rest")
    yield process
    process.kill()
    process.wait()
    current_app.control.purge()


def _is_at_rest() -> bool:
    """Whether it has done what it begins with."""
    stats, active = asked().stats(), asked().active()
    return bool(stats and active and any(one["total"] for one in stats.values()) and not any(active.values()))


def asked() -> Inspect:
    """The worker's main process, which answers as long as it has not begun to stop."""
    return current_app.control.inspect([NAME], timeout=1)


def test_a_worker_that_is_stopped_while_it_hands_over_a_task_is_gone_soon(
    stoppable: "subprocess.Popen[bytes]",
) -> None:
    (child,) = psutil.Process(stoppable.pid).children()
    child.suspend()
    current_app.send_task("jobs.sweep")
    eventually(lambda: any((asked().reserved() or {}).values()), what="the task to be handed over")
    stoppable.terminate()
    eventually(lambda: not asked().ping(), what="the main process to stop listening")
    child.resume()
    assert stoppable.wait(SOON) == 0
