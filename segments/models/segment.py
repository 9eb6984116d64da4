"""A segment: a lasting group within a segmentation; it keeps its id, name and colour over runs."""

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from segmentation_site.database.public_ids import PublicIdField


class Segment(models.Model):
    """Bound to the people in it, not to a run: a refit finds it again or ends it."""

    personal_data: ClassVar = ()

    public_id = PublicIdField(prefix="sgm")
    segmentation = models.ForeignKey("segments.Segmentation", on_delete=models.CASCADE, related_name="segments")
    name = models.CharField(_("name"), max_length=100)
    # A name that the data suggested may be suggested anew by a refit; one that a person gave stays.
    is_name_suggested = models.BooleanField(default=True, editable=False)
    description = models.TextField(_("notes"), blank=True)
    action = models.CharField(_("suggested action"), max_length=200, blank=True)
    # Index into the palette of segments.charts, which has a colour and a point shape for each.
    colour = models.PositiveSmallIntegerField(default=0, editable=False)
    born_run = models.ForeignKey("segments.Run", editable=False, on_delete=models.CASCADE, related_name="+")
    ended_run = models.ForeignKey(
        "segments.Run", null=True, blank=True, editable=False, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        ordering = ("segmentation", "id")
        verbose_name = _("segment")
        verbose_name_plural = _("segments")

    def __str__(self) -> str:
        return self.name
