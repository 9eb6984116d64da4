"""Webhooks, and the outbox: one row for each event and each webhook that is told of it."""

from datetime import datetime
from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from segmentation_site.database.public_ids import PublicIdField
from segmentation_site.webhooks.events import TEST


class Webhook(models.Model):
    """An address of another system, the events that it is told of, and the secret with which they are signed."""

    personal_data: ClassVar = ()

    public_id = PublicIdField(prefix="whk")
    name = models.CharField(_("name"), max_length=100)
    url = models.CharField(_("address"), max_length=2000)
    events = ArrayField(models.CharField(max_length=40), verbose_name=_("events"))
    is_enabled = models.BooleanField(_("enabled"), default=True)
    disabled_at = models.DateTimeField(null=True, editable=False)
    # Why it is not enabled: in words, where it was not a person's wish.
    disabled_reason = models.TextField(blank=True, editable=False)
    # Encrypted: a dump of the database signs nothing.
    sealed_secret = models.BinaryField(editable=False)
    # A rotated secret signs as well until then, so that the receiver can be changed over without a gap.
    sealed_previous = models.BinaryField(null=True, editable=False)
    previous_until = models.DateTimeField(null=True, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ("-id",)
        verbose_name = _("webhook")
        verbose_name_plural = _("webhooks")

    def __str__(self) -> str:
        return self.name

    @property
    def is_rotating(self) -> bool:
        """Whether deliveries are signed with the previous secret as well."""
        return self.previous_until is not None and self.previous_until > timezone.now()


def given_up() -> list[Webhook]:
    """Webhooks that were disabled by themselves, and that nobody has enabled again."""
    return list(Webhook.objects.filter(is_enabled=False).exclude(disabled_reason=""))


class DeliveryStatus(models.TextChoices):
    """Where a delivery is: waiting → delivered or failed, and waiting again when somebody has it sent again."""

    WAITING = "waiting", _("Waiting")
    DELIVERED = "delivered", _("Delivered")
    FAILED = "failed", _("Failed")


class Delivery(models.Model):
    """One event on its way to one webhook, and what the last try brought. The data are ids, never values."""

    # Rung for by name: the one that sends a delivery, and the one that looks for what is due.
    task = "webhooks.deliver"
    sweep_task = "webhooks.send_due"
    personal_data: ClassVar = ()

    public_id = PublicIdField(prefix="dlv")
    webhook = models.ForeignKey(Webhook, on_delete=models.CASCADE, related_name="deliveries")
    # The same for all webhooks and all tries: by it a receiver knows what it has seen before.
    event_id = models.CharField(max_length=24, editable=False)
    type = models.CharField(_("event"), max_length=40)
    data = models.JSONField(default=dict)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    status = models.CharField(max_length=12, choices=DeliveryStatus, default=DeliveryStatus.WAITING)
    tries = models.PositiveSmallIntegerField(default=0)
    next_try_at = models.DateTimeField(db_default=Now())
    # Held by who is sending it; a sender that died loses it when it expires.
    lease_token = models.UUIDField(null=True, editable=False)
    lease_expires_at = models.DateTimeField(null=True, editable=False)
    # What the last try brought.
    tried_at = models.DateTimeField(null=True)
    seconds = models.FloatField(null=True)
    response_status = models.PositiveSmallIntegerField(null=True)
    response_excerpt = models.TextField(blank=True)
    error = models.TextField(blank=True)

    class Meta:
        ordering = ("-id",)
        verbose_name = _("delivery")
        verbose_name_plural = _("deliveries")
        constraints = (models.UniqueConstraint(fields=["webhook", "event_id"], name="one_delivery_per_event"),)
        indexes = (
            models.Index(
                fields=["webhook", "next_try_at"],
                condition=models.Q(status=DeliveryStatus.WAITING),
                name="deliveries_waiting",
            ),
        )

    def __str__(self) -> str:
        return f"{self.type} {self.event_id}"

    @property
    def next_try(self) -> datetime | None:
        """When it is tried next; None when it is not."""
        return self.next_try_at if self.status == DeliveryStatus.WAITING else None

    @property
    def is_due(self) -> bool:
        """Whether it is tried as soon as somebody can."""
        return self.next_try is not None and self.next_try <= timezone.now()

    @property
    def is_test(self) -> bool:
        """Whether somebody asked for it; it is tried once."""
        return self.type == TEST
