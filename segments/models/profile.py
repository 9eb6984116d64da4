"""What a segment looks like in a run, stored by the run so that pages cost the same for any number of customers."""

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _


class SegmentProfile(models.Model):
    """A segments.kmeans.shapes.Profile at rest. The one without a segment describes everybody."""

    personal_data: ClassVar = ()

    run = models.ForeignKey("segments.Run", on_delete=models.CASCADE, related_name="profiles")
    segment = models.ForeignKey("segments.Segment", null=True, on_delete=models.CASCADE, related_name="profiles")
    size = models.BigIntegerField()
    share = models.FloatField(help_text=_("Part of all customers of the run, 0 to 1"))
    # The whole Profile as JSON: per-feature statistics, z-scores, centroid in original units, bins, a sample of points.
    content = models.JSONField()

    class Meta:
        ordering = ("run", "-size")
        verbose_name = _("profile")
        verbose_name_plural = _("profiles")
        constraints = (
            models.UniqueConstraint(fields=["run", "segment"], name="one_profile_per_segment", nulls_distinct=False),
        )

    def __str__(self) -> str:
        return f"{self.segment or 'everybody'} in {self.run}"
