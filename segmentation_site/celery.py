"""The application that workers and the scheduler run."""

import ctypes
import os
import signal
import sys
from logging.config import dictConfig
from typing import Any

from celery import Celery
from celery.signals import setup_logging, worker_process_init, worker_ready

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "segmentation_site.settings")

app = Celery("segmentation_site")
app.config_from_object("django.conf:settings", namespace="CELERY")
# Tasks bring the heavy libraries along; the web and the scheduler ring by name and need none of them.
if os.environ.get("SEGMENTATION_PROCESS") not in ("web", "scheduler"):
    app.autodiscover_tasks()


@setup_logging.connect
def _log_as_django_does(**kwargs: Any) -> None:
    """Celery configures no logging of its own when somebody else does."""
    from django.conf import settings

    dictConfig(settings.LOGGING)


@worker_process_init.connect
def _die_with_the_main_process(**kwargs: Any) -> None:
    """A pool process must neither work nor hold a connection any longer when its main process was killed."""
    if sys.platform == "linux":
        set_parent_death_signal = 1
        ctypes.CDLL(None, use_errno=True).prctl(set_parent_death_signal, signal.SIGKILL)


@worker_ready.connect
def _sweep_at_start(**kwargs: Any) -> None:
    """What was left behind by a worker that died is taken up at once, not at the scheduler's next beat."""
    app.send_task("jobs.sweep", expires=60)
