"""A segmentation: a named, saved way of dividing customers."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _


class Segmentation(models.Model):
    """Features, preparation and choice of k, under a name; readers see its published run."""

    personal_data: ClassVar = ()

    name = models.CharField(_("name"), max_length=100, unique=True)
    slug = models.SlugField(max_length=110, unique=True, editable=False)
    description = models.TextField(_("description"), blank=True)
    # Checked by segments.kmeans.shapes.Definition, the one schema of it.
    definition = models.JSONField(_("definition"))
    # The pointer: publishing and rolling back move it, and every reader reads through it.
    published_run = models.ForeignKey(
        "segments.Run", null=True, blank=True, editable=False, on_delete=models.PROTECT, related_name="+"
    )
    # The last sequence of its feed of changes.
    last_change = models.BigIntegerField(default=0, db_default=0, editable=False)
    # The change of customers up to which they are where the published model sees them; None before anybody looked.
    scored_until = models.BigIntegerField(null=True, editable=False)
    # The day up to which purchases count for who is where, in UTC; None while that is the run's own.
    scored_as_of = models.DateField(null=True, editable=False)
    # What was measured after the last import: see segments.scoring.told.
    drift = models.JSONField(null=True, editable=False)
    is_drift_due = models.BooleanField(default=False, db_default=False, editable=False)
    # When runs start by themselves: a segments.timetable.Timetable as JSON, and the next such time.
    schedule = models.JSONField(null=True, editable=False)
    next_refit_at = models.DateTimeField(null=True, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, editable=False, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ("name",)
        verbose_name = _("segmentation")
        verbose_name_plural = _("segmentations")

    def __str__(self) -> str:
        return self.name
