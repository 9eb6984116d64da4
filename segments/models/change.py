"""A change: one entry of the feed that tells tools who joined, left or moved."""

from typing import ClassVar

from django.contrib.postgres.functions import TransactionNow
from django.db import models
from django.utils.translation import gettext_lazy as _


class Change(models.Model):
    """Somebody came into a segment, left it, or went from one to another; or is not a customer any more.

    Sequences count up within a segmentation without a gap, given under its lock: whoever remembers the highest one
    that it saw never misses an entry. No foreign keys, as with assignments.
    """

    class Kind(models.TextChoices):
        JOINED = "joined", _("Joined")
        LEFT = "left", _("Left")
        MOVED = "moved", _("Moved")
        ERASED = "erased", _("Erased")

    personal_data: ClassVar = ("external_id",)

    pk = models.CompositePrimaryKey("segmentation_id", "sequence")
    segmentation_id = models.BigIntegerField()
    sequence = models.BigIntegerField()
    kind = models.CharField(max_length=6, choices=Kind)
    customer_id = models.BigIntegerField()
    # Of those who left, for when they are gone: tools must be told whom to take out.
    external_id = models.CharField(max_length=200, blank=True, db_collation="C")
    from_segment_id = models.BigIntegerField(null=True)
    to_segment_id = models.BigIntegerField(null=True)
    run_id = models.BigIntegerField(null=True)
    at = models.DateTimeField(db_default=TransactionNow())

    class Meta:
        ordering = ("segmentation_id", "sequence")
        verbose_name = _("change")
        verbose_name_plural = _("changes")

    def __str__(self) -> str:
        return f"{self.sequence} {self.kind}"
