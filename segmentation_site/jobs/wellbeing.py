"""Whether everything that jobs need is there: database, broker, workers, scheduler, room on the disk."""

import logging
import platform
import shutil
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.metadata import version
from pathlib import Path

import redis
from django.conf import settings
from django.db import connection
from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from segmentation_site.jobs.models import ACTIVE, Job, JobStatus
from segmentation_site.jobs.sweeping import job_models
from segmentation_site.jobs.watching import workers_alive

logger = logging.getLogger(__name__)

# The scheduler rings for the sweeper every 15 seconds; three rings missed in a row are no accident.
SCHEDULER_PATIENCE = timedelta(seconds=60)
LEAST_FREE_SHARE = 0.05
START = "Start everything with ./run up"
LIBRARIES = ("django", "celery", "djangorestframework", "psycopg", "numpy", "polars", "pandas", "scikit-learn", "scipy")


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the site: whether it is well, what it is, and when it is not, what to do."""

    name: str
    is_well: bool
    detail: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Wellbeing:
    """One look at everything."""

    parts: list[Part]
    waiting: int
    working: int
    failures: list[Job]
    versions: dict[str, str]

    @property
    def is_well(self) -> bool:
        """Whether every part is."""
        return all(part.is_well for part in self.parts)


def look() -> Wellbeing:
    """Ask every part for a sign of life; takes about a second, because workers get half of one to answer."""
    active = [job for model in job_models() for job in _rows(model).filter(status__in=ACTIVE)]
    failures = [
        job
        for model in job_models()
        for job in _rows(model).filter(status=JobStatus.FAILED, finished_at__gt=timezone.now() - timedelta(days=7))[:10]
    ]
    database, server = _database()
    return Wellbeing(
        parts=[database, _broker(), _workers(), _scheduler(), _disk()],
        waiting=sum(job.status == JobStatus.QUEUED for job in active),
        working=sum(job.status == JobStatus.RUNNING for job in active),
        failures=sorted(failures, key=lambda job: job.finished_at or job.created_at, reverse=True)[:10],
        versions={"Python": platform.python_version(), "PostgreSQL": server}
        | {name: version(name) for name in LIBRARIES},
    )


def _rows(model: type[Job]):  # type: ignore[no-untyped-def]
    return model._default_manager.defer("params").order_by("-id")


def _database() -> tuple[Part, str]:
    started = time.perf_counter()
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('server_version'), pg_size_pretty(pg_database_size(current_database()))")
        version_text, size = cursor.fetchone()
    server = version_text.split()[0]
    took = 1000 * (time.perf_counter() - started)
    return Part("Database", True, f"PostgreSQL {server}, {size}, answers in {took:.0f} ms"), server


def _broker() -> Part:
    try:
        with redis.Redis.from_url(settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=2) as broker:
            waiting = broker.llen(settings.CELERY_TASK_DEFAULT_QUEUE)
            info = broker.info("server")
    except redis.RedisError as error:
        logger.warning("The broker does not answer: %s", error)
        return Part("Broker", False, "does not answer", f"Jobs wait safely in the database. {START}")
    name = "Valkey" if "valkey_version" in info else "Redis"
    number = info.get("valkey_version") or info.get("redis_version")
    return Part("Broker", True, f"{name} {number}, {waiting} messages waiting")


def _workers() -> Part:
    names = workers_alive()
    if not names:
        return Part("Workers", False, "none answers", f"Jobs wait safely until there is one. {START}")
    return Part("Workers", True, f"{len(names)} answering: {', '.join(names)}")


def _scheduler() -> Part:
    sweeping = PeriodicTask.objects.filter(name="jobs: sweep").first()
    last: datetime | None = sweeping.last_run_at if sweeping else None
    if last is None or timezone.now() - last > SCHEDULER_PATIENCE:
        detail = "has not been seen" if last is None else f"was last seen {last:%Y-%m-%d %H:%M:%S} UTC"
        return Part("Scheduler", False, detail, f"Lost jobs are not taken up without it. {START}")
    return Part("Scheduler", True, f"sent its last task {(timezone.now() - last).total_seconds():.0f} s ago")


def _disk() -> Part:
    folder = Path(settings.DATA_DIR)
    usage = shutil.disk_usage(folder if folder.exists() else folder.parent)
    free = usage.free / usage.total
    detail = f"{usage.free / 1024**3:,.1f} GB free ({free:.0%})"
    remedy = "" if free > LEAST_FREE_SHARE else "Make room: imports and runs fail cleanly when there is none."
    return Part("Disk", free > LEAST_FREE_SHARE, detail, remedy)
