"""A run: one execution of a segmentation, and the values of k that it tried."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from segmentation_site.database.public_ids import PublicIdField
from segmentation_site.jobs.models import ACTIVE, Job, JobStatus


class RunState(models.TextChoices):
    """What readers may think of a run: a job's states until it is done, then whether it is in use."""

    QUEUED = "queued", _("Queued")
    RUNNING = "running", _("Running")
    FAILED = "failed", _("Failed")
    CANCELLED = "cancelled", _("Cancelled")
    DRAFT = "draft", _("Draft")
    PUBLISHED = "published", _("In use")
    SUPERSEDED = "superseded", _("Used before")


class Origin(models.TextChoices):
    """Why a run was started."""

    ASKED = "asked", _("Somebody asked for it")
    SCHEDULE = "schedule", _("Its schedule")
    DRIFT = "drift", _("Customers had changed")


class Run(Job):
    """Immutable inputs, parameters, seed, model and results of one execution."""

    task = "segments.execute_run"
    prune_task = "segments.prune_runs"
    personal_data: ClassVar = ()

    public_id = PublicIdField(prefix="run")
    segmentation = models.ForeignKey("segments.Segmentation", on_delete=models.CASCADE, related_name="runs")
    # Frozen when the run was started: later edits of the segmentation change nothing here.
    definition = models.JSONField()
    seed = models.BigIntegerField(default=0)
    origin = models.CharField(max_length=8, choices=Origin, default=Origin.ASKED, db_default=Origin.ASKED)
    publish_when_done = models.BooleanField(default=False)
    # What the run found. `input_sha256` of the job is the fingerprint of the rows it read.
    k = models.PositiveSmallIntegerField(null=True)
    customers = models.BigIntegerField(null=True)
    inertia = models.FloatField(null=True)
    silhouette = models.FloatField(null=True)
    verdict = models.CharField(max_length=20, blank=True)
    # Why this k, in a sentence; the rule's full account is in `measures`.
    reason = models.TextField(blank=True)
    warnings = models.JSONField(default=list, blank=True)
    measures = models.JSONField(default=dict, blank=True)
    model = models.JSONField(null=True)
    # The last change of customers that it saw.
    read_until = models.BigIntegerField(null=True, editable=False)
    # Segment by segment: matched, split, merged, born, ended, against the baseline.
    matching = models.JSONField(default=dict, blank=True)
    baseline = models.ForeignKey("self", null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    published_at = models.DateTimeField(null=True, editable=False)
    published_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, editable=False, on_delete=models.SET_NULL, related_name="+"
    )

    # Since then its assignments are no longer kept.
    pruned_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        ordering = ("-id",)
        verbose_name = _("run")
        verbose_name_plural = _("runs")
        constraints = (
            models.UniqueConstraint(
                fields=["segmentation"], condition=models.Q(status__in=ACTIVE), name="one_active_run_per_segmentation"
            ),
        )

    def __str__(self) -> str:
        return self.public_id

    def event_of_end(self) -> tuple[str, dict[str, str]] | None:
        """Whatever way it ended."""
        return "run.finished", {"run_id": self.public_id, "segmentation": self.segmentation.slug}

    @property
    def is_published(self) -> bool:
        """Whether readers see this run now."""
        return self.segmentation.published_run_id == self.pk

    @property
    def state(self) -> RunState:
        """The job's state, and for a done run whether it is a draft, in use or used before."""
        if self.status != JobStatus.DONE:
            return RunState(self.status)
        if self.is_published:
            return RunState.PUBLISHED
        return RunState.SUPERSEDED if self.published_at else RunState.DRAFT


class Candidate(models.Model):
    """One value of k tried by a run, with its measures; stored as soon as it is known."""

    personal_data: ClassVar = ()

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="candidates")
    k = models.PositiveSmallIntegerField()
    inertia = models.FloatField()
    silhouette = models.FloatField(null=True)
    davies_bouldin = models.FloatField(null=True)
    calinski_harabasz = models.FloatField(null=True)
    # The smallest bootstrap Jaccard of its segments (Hennig 2007).
    stability = models.FloatField(null=True)
    # Of two halves, what the groups of one say of pairs in the other (Tibshirani and Walther 2005).
    prediction_strength = models.FloatField(null=True)
    # The mean of 1 − d1/d2 of everybody.
    simplified_silhouette = models.FloatField(null=True)
    smallest_share = models.FloatField(null=True)
    is_eligible = models.BooleanField(null=True)
    seconds = models.FloatField(default=0)

    class Meta:
        ordering = ("run", "k")
        verbose_name = _("candidate")
        verbose_name_plural = _("candidates")
        constraints = (models.UniqueConstraint(fields=["run", "k"], name="one_candidate_per_k"),)

    def __str__(self) -> str:
        return f"k = {self.k} of {self.run}"
