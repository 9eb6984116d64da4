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
from django.utils.translation import gettext_noop

from segmentation_site.jobs.models import ACTIVE, Job, JobStatus
from segmentation_site.jobs.sweeping import job_models, last_sweep
from segmentation_site.jobs.watching import in_words, workers_alive

logger = logging.getLogger(__name__)

# The scheduler rings for the sweeper every 15 seconds; three rings missed in a row are no accident.
SCHEDULER_PATIENCE = timedelta(seconds=60)
# The sweeper rings again for what nobody heard after 30 to 45 seconds; what still waits then is not being heard.
QUEUE_PATIENCE = timedelta(seconds=60)
LEAST_FREE_SHARE = 0.05
START = gettext_noop("Start everything with ./run up")
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
        versions={"Python": platform.python_version(), "PostgreSQL": server or gettext_noop("unknown")}
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
        remedy = START if settings.IS_DATABASE_EMBEDDED else gettext_noop("Start the server that DATABASE_URL names")
        return Part(
            gettext_noop("Database"),
            False,
            gettext_noop("does not answer: {error}").format(error=" ".join(str(error).split())),
            remedy,
        ), ""
    server = version_text.split()[0]
    took = 1000 * (time.perf_counter() - started)
    return Part(
        gettext_noop("Database"),
        True,
        gettext_noop("PostgreSQL {server}, {size}, answers in {took:.0f} ms").format(
            server=server, size=size, took=took
        ),
    ), server


def _migrations() -> Part:
    executor = MigrationExecutor(connection)
    missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if missing:
        remedy = gettext_noop("Run ./run manage migrate, then start web, worker and scheduler again")
        return Part(
            gettext_noop("Migrations"),
            False,
            gettext_noop("{count} not applied, the first {first}").format(count=len(missing), first=missing[0][0]),
            remedy,
        )
    return Part(gettext_noop("Migrations"), True, gettext_noop("all applied"))


def _queue(active: list[Job]) -> Part:
    waiting = [job for job in active if job.status == JobStatus.QUEUED]
    working = len(active) - len(waiting)
    if not waiting:
        return Part(
            gettext_noop("Queue"), True, gettext_noop("no job waits, {working} working").format(working=working)
        )
    oldest = timezone.now() - min(job.created_at for job in waiting)
    detail = gettext_noop("{waiting} waiting, the oldest for {time}, {working} working").format(
        waiting=len(waiting), time=in_words(oldest), working=working
    )
    if oldest > QUEUE_PATIENCE and not working:
        return Part(
            gettext_noop("Queue"),
            False,
            detail,
            gettext_noop("Nobody takes them: look at the workers, the scheduler and their logs"),
        )
    return Part(gettext_noop("Queue"), True, detail)


def _broker() -> Part:
    try:
        with redis.Redis.from_url(settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=2) as broker:
            waiting = broker.llen(settings.CELERY_TASK_DEFAULT_QUEUE)
            info = broker.info("server")
    except redis.RedisError as error:
        logger.warning("The broker does not answer: %s", error)
        return Part(
            gettext_noop("Broker"),
            False,
            gettext_noop("does not answer"),
            gettext_noop("Jobs wait safely in the database. Start everything with ./run up"),
        )
    name = "Valkey" if "valkey_version" in info else "Redis"
    number = info.get("valkey_version") or info.get("redis_version")
    return Part(
        gettext_noop("Broker"),
        True,
        gettext_noop("{name} {number}, {waiting} messages waiting").format(name=name, number=number, waiting=waiting),
    )


def _workers() -> Part:
    names = workers_alive()
    if not names:
        return Part(
            gettext_noop("Workers"),
            False,
            gettext_noop("none answers"),
            gettext_noop("Jobs wait safely until there is one. Start everything with ./run up"),
        )
    return Part(
        gettext_noop("Workers"),
        True,
        gettext_noop("{count} answering: {names}").format(count=len(names), names=", ".join(names)),
    )


def _scheduler() -> Part:
    swept = last_sweep()
    if swept is None:
        return Part(
            gettext_noop("Scheduler"),
            False,
            gettext_noop("no sweep has come through yet"),
            gettext_noop("Lost jobs are not taken up without it. Start everything with ./run up"),
        )
    since = timezone.now() - swept.last_at
    if since > SCHEDULER_PATIENCE:
        detail = gettext_noop("the last sweep came through at {at} UTC").format(at=f"{swept.last_at:%Y-%m-%d %H:%M:%S}")
        return Part(
            gettext_noop("Scheduler"),
            False,
            detail,
            gettext_noop("Lost jobs are not taken up without it. Start everything with ./run up"),
        )
    return Part(
        gettext_noop("Scheduler"),
        True,
        gettext_noop("the last sweep came through {time} ago").format(time=in_words(since)),
    )


def _disk() -> Part:
    folder = Path(settings.DATA_DIR)
    usage = shutil.disk_usage(folder if folder.exists() else folder.parent)
    free = usage.free / usage.total
    detail = gettext_noop("free for {folder}: {gigabytes:,.1f} GB ({share:.0%})").format(
        gigabytes=usage.free / 1024**3, share=free, folder=folder
    )
    remedy = (
        "" if free > LEAST_FREE_SHARE else gettext_noop("Make room: imports and runs fail cleanly when there is none.")
    )
    return Part(gettext_noop("Disk"), free > LEAST_FREE_SHARE, detail, remedy)


def _settings() -> Part:
    found = [
        message
        for message in checks.run_checks(include_deployment_checks=settings.IS_PUBLIC)
        if message.level >= checks.WARNING and not message.is_silenced()
    ]
    if found:
        return Part(
            gettext_noop("Settings"),
            False,
            "; ".join(message.msg for message in found),
            " ".join(message.hint for message in found if message.hint),
        )
    return Part(
        gettext_noop("Settings"),
        True,
        (gettext_noop("public: {hosts}") if settings.IS_PUBLIC else gettext_noop("local: {hosts}")).format(
            hosts=", ".join(settings.ALLOWED_HOSTS)
        ),
    )
