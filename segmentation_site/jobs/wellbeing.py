"""Whether everything that the site needs is there, from the database to room on the disk: what the status page and
`doctor` show.
"""

import logging
import platform
import shutil
import time
from dataclasses import dataclass
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

import redis
from django.conf import settings
from django.core import checks
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from segmentation_site.jobs.models import ACTIVE, Job, JobStatus
from segmentation_site.jobs.sweeping import job_models, last_sweep
from segmentation_site.jobs.watching import in_words, workers_alive

logger = logging.getLogger(__name__)

# The scheduler rings for the sweeper every 15 seconds; three rings missed in a row are no accident.
SCHEDULER_PATIENCE = timedelta(seconds=60)
# The sweeper rings again for what nobody heard after 30 to 45 seconds; what still waits then is not being heard.
QUEUE_PATIENCE = timedelta(seconds=60)
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
    database, server = _database()
    parts, active, failures = [database], [], []
    if database.is_well:
        parts.append(_migrations())
    if all(part.is_well for part in parts):
        active, failures = _jobs(status__in=ACTIVE), _recent_failures()
        parts += [_queue(active), _scheduler()]
    return Wellbeing(
        parts=[*parts, _broker(), _workers(), _disk(), _settings()],
        waiting=sum(job.status == JobStatus.QUEUED for job in active),
        working=sum(job.status == JobStatus.RUNNING for job in active),
        failures=failures,
        versions={"Python": platform.python_version(), "PostgreSQL": server or "unknown"}
        | {name: version(name) for name in LIBRARIES},
    )


def _jobs(**wanted: Any) -> list[Job]:
    """Jobs of every kind, without what was asked of them, which may be long."""
    return [
        job for model in job_models() for job in model._default_manager.defer("params").filter(**wanted).order_by("-id")
    ]


def _recent_failures() -> list[Job]:
    failed = _jobs(status=JobStatus.FAILED, finished_at__gt=timezone.now() - timedelta(days=7))
    return sorted(failed, key=lambda job: job.finished_at or job.created_at, reverse=True)[:10]


def _database() -> tuple[Part, str]:
    """The part, and the server's version; "" when it does not answer."""
    started = time.perf_counter()
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT current_setting('server_version'), pg_size_pretty(pg_database_size(current_database()))"
            )
            version_text, size = cursor.fetchone()
    except DatabaseError as error:
        remedy = START if settings.IS_DATABASE_EMBEDDED else "Start the server that DATABASE_URL names"
        return Part("Database", False, f"does not answer: {' '.join(str(error).split())}", remedy), ""
    server = version_text.split()[0]
    took = 1000 * (time.perf_counter() - started)
    return Part("Database", True, f"PostgreSQL {server}, {size}, answers in {took:.0f} ms"), server


def _migrations() -> Part:
    executor = MigrationExecutor(connection)
    missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if missing:
        remedy = "Run ./run manage migrate, then start web, worker and scheduler again"
        return Part("Migrations", False, f"{len(missing)} not applied, the first {missing[0][0]}", remedy)
    return Part("Migrations", True, "all applied")


def _queue(active: list[Job]) -> Part:
    waiting = [job for job in active if job.status == JobStatus.QUEUED]
    working = len(active) - len(waiting)
    if not waiting:
        return Part("Queue", True, f"no job waits, {working} working")
    oldest = timezone.now() - min(job.created_at for job in waiting)
    detail = f"{len(waiting)} waiting, the oldest for {in_words(oldest)}, {working} working"
    if oldest > QUEUE_PATIENCE and not working:
        return Part("Queue", False, detail, "Nobody takes them: look at the workers, the scheduler and their logs")
    return Part("Queue", True, detail)


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
    swept = last_sweep()
    if swept is None:
        return Part(
            "Scheduler", False, "no sweep has come through yet", f"Lost jobs are not taken up without it. {START}"
        )
    since = timezone.now() - swept.last_at
    if since > SCHEDULER_PATIENCE:
        detail = f"the last sweep came through at {swept.last_at:%Y-%m-%d %H:%M:%S} UTC"
        return Part("Scheduler", False, detail, f"Lost jobs are not taken up without it. {START}")
    return Part("Scheduler", True, f"the last sweep came through {in_words(since)} ago")


def _disk() -> Part:
    folder = Path(settings.DATA_DIR)
    usage = shutil.disk_usage(folder if folder.exists() else folder.parent)
    free = usage.free / usage.total
    detail = f"{usage.free / 1024**3:,.1f} GB free ({free:.0%}) for {folder}"
    remedy = "" if free > LEAST_FREE_SHARE else "Make room: imports and runs fail cleanly when there is none."
    return Part("Disk", free > LEAST_FREE_SHARE, detail, remedy)


def _settings() -> Part:
    found = [
        message
        for message in checks.run_checks(include_deployment_checks=settings.IS_PUBLIC)
        if message.level >= checks.WARNING and not message.is_silenced()
    ]
    if found:
        return Part(
            "Settings",
            False,
            "; ".join(message.msg for message in found),
            " ".join(message.hint for message in found if message.hint),
        )
    return Part("Settings", True, f"{'public' if settings.IS_PUBLIC else 'local'}: {', '.join(settings.ALLOWED_HOSTS)}")
