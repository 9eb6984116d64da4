"""The job: a row that says what is to be done, who is doing it, how far it is, and how it ended.

The row is the job and the broker's message only a hint: whoever claims the row does the work, a lease that is no longer
renewed is swept, and a result is written only by the holder of the row's token.
"""

from datetime import timedelta
from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from segmentation_site.logs import request_id_now


class JobStatus(models.TextChoices):
    """Where a job is. queued → running → done, failed or cancelled; running → queued again when its worker was lost."""

    QUEUED = "queued", _("Queued")
    RUNNING = "running", _("Running")
    DONE = "done", _("Done")
    FAILED = "failed", _("Failed")
    CANCELLED = "cancelled", _("Cancelled")


ACTIVE = (JobStatus.QUEUED, JobStatus.RUNNING)


class Job(models.Model):
    """Any long work: import, run, export. A subclass names its task and adds what the work is about."""

    # The Celery task that carries out jobs of this kind; rung by name, so that no door has to import it.
    task: ClassVar[str]
    # The one that clears away what old jobs of this kind left behind, rung for once a day; "" for none.
    prune_task: ClassVar[str] = ""

    status = models.CharField(max_length=12, choices=JobStatus, default=JobStatus.QUEUED, db_index=True)
    phase = models.CharField(max_length=40, blank=True)
    attempt = models.PositiveSmallIntegerField(default=0)
    max_attempts = models.PositiveSmallIntegerField(default=3)
    lease_token = models.UUIDField(null=True, editable=False)
    lease_expires_at = models.DateTimeField(null=True, editable=False)
    backend_pid = models.IntegerField(null=True, editable=False)
    backend_started_at = models.DateTimeField(null=True, editable=False)
    dispatched_at = models.DateTimeField(null=True, editable=False)
    cancel_requested_at = models.DateTimeField(null=True, editable=False)
    error_code = models.CharField(max_length=60, blank=True)
    error_detail = models.TextField(blank=True)
    progress_done = models.BigIntegerField(default=0)
    progress_total = models.BigIntegerField(null=True)
    params = models.JSONField(default=dict, blank=True)
    input_sha256 = models.CharField(max_length=64, blank=True)
    # Of the request that queued it: every line that is logged on its behalf carries it.
    request_id = models.CharField(max_length=64, blank=True, default=request_id_now, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    started_at = models.DateTimeField(null=True, editable=False)
    finished_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        abstract = True

    def event_of_end(self) -> tuple[str, dict[str, str]] | None:
        """What other systems are told when it ends, as an event and ids; None where nobody is."""
        return None

    @property
    def log_name(self) -> str:
        """The job as logs name it: nothing in it is anybody's data, as the name of a file may be."""
        return f"{self._meta.label} {self.pk}"

    @property
    def is_active(self) -> bool:
        """Whether the job waits or works, so that it may still be cancelled."""
        return self.status in ACTIVE

    @property
    def elapsed(self) -> timedelta | None:
        """How long the work took, or has taken when it was last looked at; None before it starts."""
        if self.started_at is None:
            return None
        from django.utils import timezone

        return (self.finished_at or timezone.now()) - self.started_at

    @property
    def percent(self) -> int | None:
        """Progress from 0 to 100; None while nobody knows how much there is to do."""
        if self.status == JobStatus.DONE:
            return 100
        if not self.progress_total:
            return None
        return min(100, int(100 * self.progress_done / self.progress_total))

    @property
    def error(self) -> dict[str, Any] | None:
        """What went wrong, as doors show it."""
        return {"code": self.error_code, "detail": self.error_detail} if self.error_code else None


class Sweeps(models.Model):
    """What sweeps have done since the site was made, and when the last one was: one row.

    A sweep comes from the scheduler through the broker to a worker and ends in the database, so that its row is also
    the sign that all of them work together.
    """

    personal_data: ClassVar = ()

    last_at = models.DateTimeField()
    pruned_at = models.DateTimeField(null=True)
    sweeps = models.BigIntegerField(default=0)
    rung = models.BigIntegerField(default=0)
    requeued = models.BigIntegerField(default=0)
    failed = models.BigIntegerField(default=0)
    cancelled = models.BigIntegerField(default=0)

    class Meta:
        verbose_name_plural = "sweeps"

    def __str__(self) -> str:
        return f"{self.sweeps} sweeps, the last at {self.last_at}"
