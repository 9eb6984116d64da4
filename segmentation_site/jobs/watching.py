"""What people see of a job while it waits and works: one object for every page that shows one."""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

import redis
from celery import current_app
from django.conf import settings
from django.utils import timezone
from django.utils.text import capfirst

from segmentation_site import queues
from segmentation_site.jobs.models import Job, JobStatus
from segmentation_site.language.saying import said

logger = logging.getLogger(__name__)

# Before this nobody can say how long it will take.
ESTIMATE_AFTER = timedelta(seconds=5)
# A job that waits longer than this may wait for a worker that is not there.
PATIENCE = timedelta(seconds=15)
# A page asks each second at first; work that takes this long is looked at every third second.
LIVELY = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Watch:
    """One look at a job.

    state, label   the status as its value and in words
    done, total    parts of the phase (rows, candidates); total is None while nobody knows it
    percent        0 to 100, or None
    elapsed, remaining   in words ("12 s", "3 min"), or "" when there is nothing to say
    poll_seconds   when to look again
    needs_worker   the job waits and no worker answers
    """

    state: str
    label: str
    phase: str
    done: int
    total: int | None
    percent: int | None
    elapsed: str
    remaining: str
    poll_seconds: int
    is_working: bool
    is_stopping: bool
    needs_worker: bool


def watch(job: Job) -> Watch:
    """Look at `job` as its row was last read; workers are asked for a sign of life only when it waits for long."""
    now = timezone.now()
    elapsed = job.elapsed
    waiting = now - job.created_at if job.status == JobStatus.QUEUED else timedelta()
    return Watch(
        state=job.status,
        label=str(job.get_status_display()),
        phase=capfirst(said(job.phase.replace("_", " "))),
        done=job.progress_done,
        total=job.progress_total,
        percent=job.percent,
        elapsed=in_words(elapsed) if elapsed is not None else "",
        remaining=_remaining(job, now),
        poll_seconds=3 if max(elapsed or timedelta(), waiting) > LIVELY else 1,
        is_working=job.status == JobStatus.RUNNING,
        is_stopping=job.is_active and job.cancel_requested_at is not None,
        needs_worker=waiting > PATIENCE and not is_worker_alive(),
    )


def _remaining(job: Job, now: datetime) -> str:
    if job.status != JobStatus.RUNNING or job.started_at is None or not job.progress_total or not job.progress_done:
        return ""
    elapsed = now - job.started_at
    if elapsed < ESTIMATE_AFTER:
        return ""
    return in_words(elapsed * ((job.progress_total - job.progress_done) / job.progress_done))


def in_words(duration: timedelta) -> str:
    """A duration as people say it: "0.04 s", "0.4 s", "12 s", "3 min 5 s", "2 h 10 min"."""
    seconds = max(0.0, duration.total_seconds())
    if seconds < 1:
        return f"{seconds:.1f} s" if seconds >= 0.1 else f"{seconds:.2f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest and minutes < 10 else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def is_worker_alive() -> bool:
    """Whether any worker answers within half a second; False as well when the broker is away."""
    return bool(workers_alive())


def workers_alive() -> list[str]:
    """The names of the workers that answer within half a second; none when the broker is away."""
    try:
        # Celery would try a broker that is away for six seconds before it gave up, on every look at a waiting job.
        with redis.Redis.from_url(settings.REDIS_URL, socket_timeout=0.5, socket_connect_timeout=0.5) as broker:
            broker.ping()
        names = (name for answer in current_app.control.ping(timeout=0.5) for name in answer)
        return sorted(name for name in names if not name.startswith(queues.SENDER_NODE))
    except Exception as error:
        logger.warning("The workers could not be asked for a sign of life: %s", error)
        return []
