"""The application that workers and the scheduler run."""

import json
import logging
import os
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime
from logging.config import dictConfig
from typing import Any

from celery import Celery
from celery.signals import celeryd_init, setup_logging, worker_process_init, worker_ready

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "segmentation_site.settings")

logger = logging.getLogger(__name__)

app = Celery("segmentation_site")
app.config_from_object("django.conf:settings", namespace="CELERY")
# Tasks bring the heavy libraries along; the web and the scheduler ring by name and need none of them, and who sends
# deliveries needs only its own.
_process = os.environ.get("SEGMENTATION_PROCESS")
if _process == "sender":
    app.autodiscover_tasks(["segmentation_site.webhooks"])
elif _process not in ("web", "scheduler"):
    app.autodiscover_tasks()


@setup_logging.connect
def _log_as_django_does(**kwargs: Any) -> None:
    """Celery configures no logging of its own when somebody else does."""
    from django.conf import settings

    dictConfig(settings.LOGGING)


@celeryd_init.connect
def _say_goodbye_as_json(**kwargs: Any) -> None:
    """What a worker says while it handles a signal passes logging by, which must not be used there."""
    from celery.apps import worker

    def say(message: str, *anywhere: object) -> None:
        line = {"event": message, "time": f"{datetime.now(UTC):%FT%T.%fZ}", "level": "info", "logger": "celery"}
        with suppress(OSError):
            os.write(2, f"{json.dumps(line)}\n".encode())

    worker.safe_say = say


@worker_process_init.connect
def _die_with_the_main_process(**kwargs: Any) -> None:
    """A pool process must neither work nor hold a connection any longer when its main process was killed."""
    from segmentation_site.jobs.parents import die_with_parent

    die_with_parent()


@worker_process_init.connect
def _fail_before_the_machine_is_out_of_memory(**kwargs: Any) -> None:
    from segmentation_site.jobs import memory

    memory.limit_this_process()


@worker_process_init.connect
def _be_gone_soon(**kwargs: Any) -> None:
    """A main process that stops while it hands a task over no longer hears of its end, and the pool process would wait
    30 s for it to. What came of a task is in its row: a second is enough.
    """
    from billiard import pool

    pool.GUARANTEE_MESSAGE_CONSUMPTION_RETRY_LIMIT = round(1 / pool.GUARANTEE_MESSAGE_CONSUMPTION_RETRY_INTERVAL)


@worker_ready.connect
def _keep_sweeping(**kwargs: Any) -> None:
    """What a worker that died has left behind is taken up at once, and also while the scheduler is away for good."""
    if _process == "sender":
        # What is to be sent at once; later sweeps ring for it.
        app.send_task("webhooks.send_due", retry=False)
        return
    threading.Thread(target=_ring_for_sweeps, name="sweeps", daemon=True).start()


def _ring_for_sweeps() -> None:
    from django.conf import settings

    while True:
        try:
            app.send_task("jobs.sweep", expires=settings.JOB_SWEEP_SECONDS, retry=False)
        except Exception as error:
            # Celery connects anew by itself; the next ring will tell.
            logger.warning("Nobody could be rung for a sweep: %s", type(error).__name__)
        time.sleep(settings.JOB_SWEEP_SECONDS)
