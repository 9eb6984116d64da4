"""Finding jobs that nobody works on any more, and giving them back.

Runs every 15 seconds and at each start of a worker. Rows that somebody holds locked are left for the next time.
"""

import logging
from dataclasses import dataclass, field

from django.apps import apps
from django.conf import settings
from django.db import connection, transaction
from django.db.models import F, Q
from django.db.models.expressions import RawSQL
from django.db.models.functions import Now

from segmentation_site.jobs import bell
from segmentation_site.jobs.leases import WorkerLost
from segmentation_site.jobs.models import Job, JobStatus, Sweeps
from segmentation_site.jobs.signals import job_ended

logger = logging.getLogger(__name__)

ONLY_ROW = 1
# In sweeps: a queued job whose message may have been lost is rung for again after that many, and a job that was asked
# to stop and has not done so by then loses its connection.
PATIENCE = 2
LOST = "lease_expires_at < clock_timestamp() OR cancel_requested_at < clock_timestamp() - make_interval(secs => %s)"
UNHEARD = (
    "created_at < clock_timestamp() - interval '2 seconds'"
    " AND (dispatched_at IS NULL OR dispatched_at < clock_timestamp() - make_interval(secs => %s))"
)


@dataclass(slots=True)
class Swept:
    """What one sweep did, as ids by deed."""

    rung: list[str] = field(default_factory=list)
    requeued: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)


def job_models() -> list[type[Job]]:
    """Every kind of job that there is."""
    return [model for model in apps.get_models() if issubclass(model, Job)]


def sweep() -> Swept:
    """Requeue or fail what lost its worker, end what should have been cancelled, ring for what waits unheard."""
    swept = Swept()
    for model in job_models():
        _take_back(model, swept)
        _ring_again(model, swept)
    _record(swept)
    _ring_for_sweeps()
    _ring_for_pruning()
    return swept


def is_due() -> bool:
    """Whether the last sweep was long enough ago for another one."""
    recently = RawSQL("clock_timestamp() - make_interval(secs => %s)", [settings.JOB_SWEEP_SECONDS / 2])
    return not Sweeps.objects.filter(pk=ONLY_ROW, last_at__gt=recently).exists()


def last_sweep() -> Sweeps | None:
    """What sweeps have done so far; None before the first one."""
    return Sweeps.objects.filter(pk=ONLY_ROW).first()


def _ring_for_sweeps() -> None:
    """Applications that keep other work than jobs look for what of it was left behind."""
    for application in apps.get_app_configs():
        if task := getattr(application, "sweep_task", ""):
            bell.send(task)


def _ring_for_pruning() -> None:
    """Once a day, by whichever sweep comes first."""
    day = RawSQL("clock_timestamp() - interval '1 day'", [])
    rows = Sweeps.objects.filter(pk=ONLY_ROW).filter(Q(pruned_at=None) | Q(pruned_at__lt=day))
    if rows.update(pruned_at=RawSQL("clock_timestamp()", [])):
        # Kinds of jobs name theirs, and so do applications that keep other things.
        for keeper in (*job_models(), *apps.get_app_configs()):
            if task := getattr(keeper, "prune_task", ""):
                bell.send(task)


def _record(swept: Swept) -> None:
    counts = {"rung": swept.rung, "requeued": swept.requeued, "failed": swept.failed, "cancelled": swept.cancelled}
    Sweeps.objects.get_or_create(pk=ONLY_ROW, defaults={"last_at": Now()})
    Sweeps.objects.filter(pk=ONLY_ROW).update(
        last_at=RawSQL("clock_timestamp()", []),
        sweeps=F("sweeps") + 1,
        **{name: F(name) + len(ids) for name, ids in counts.items()},
    )


def _take_back(model: type[Job], swept: Swept) -> None:
    with transaction.atomic():
        lost = (
            model._default_manager.select_for_update(skip_locked=True, of=("self",))
            .filter(status=JobStatus.RUNNING)
            .extra(  # noqa: S610 - constants; only the database's clock decides
                where=[LOST],
                params=[PATIENCE * settings.JOB_SWEEP_SECONDS],
            )
        )
        for job in lost:
            _terminate_backend(job)
            job.lease_token, job.lease_expires_at, job.backend_pid = None, None, None
            if job.cancel_requested_at:
                job.status = JobStatus.CANCELLED
                swept.cancelled.append(job.log_name)
            elif job.attempt < job.max_attempts:
                job.status, job.dispatched_at = JobStatus.QUEUED, None
                swept.requeued.append(job.log_name)
            else:
                problem = WorkerLost(attempts=job.attempt)
                job.status, job.error_code, job.error_detail = JobStatus.FAILED, problem.code, problem.detail
                swept.failed.append(job.log_name)
            if job.status != JobStatus.QUEUED:
                job.finished_at = RawSQL("clock_timestamp()", [])
            job.save(
                update_fields=[
                    "status",
                    "lease_token",
                    "lease_expires_at",
                    "backend_pid",
                    "dispatched_at",
                    "error_code",
                    "error_detail",
                    "finished_at",
                ]
            )
            if job.status != JobStatus.QUEUED:
                job_ended.send(sender=model, job=job, status=job.status)


def _terminate_backend(job: Job) -> None:
    """End the lost worker's database connection, whose transaction may still hold locks.

    Only if it is still the same one.
    """
    if job.backend_pid is None:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE pid = %s AND backend_start = %s AND pid <> pg_backend_pid()",
            [job.backend_pid, job.backend_started_at],
        )


def _ring_again(model: type[Job], swept: Swept) -> None:
    unheard = model._default_manager.filter(status=JobStatus.QUEUED).extra(  # noqa: S610 - a constant
        where=[UNHEARD],
        params=[PATIENCE * settings.JOB_SWEEP_SECONDS],
    )
    for job in unheard:
        bell.ring(job)
        swept.rung.append(job.log_name)
