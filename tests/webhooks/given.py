"""Webhooks in words."""

from datetime import timedelta

from django.db import transaction
from django.db.models import F

from segmentation_site.webhooks import outbox, registering, sending
from segmentation_site.webhooks.events import Event
from segmentation_site.webhooks.models import Delivery, Webhook
from tests.webhooks.receiving import Receiver


def webhook(receiving: Receiver, *events: str, name: str = "Newsletter") -> tuple[Webhook, str]:
    """One for these events, all of them when none is named, and its secret."""
    return registering.create(name=name, url=receiving.url, events=events or list(Event), by=None)


def announced(event: Event = Event.RUN_PUBLISHED) -> Delivery:
    """The last of the deliveries that an event makes."""
    with transaction.atomic():
        outbox.emit(event, run_id="run_1")
    return Delivery.objects.latest("pk")


def later(**passed: float) -> None:
    """Time goes by for what waits, as timedelta has it."""
    Delivery.objects.update(
        next_try_at=F("next_try_at") - timedelta(**passed),
        lease_expires_at=F("lease_expires_at") - timedelta(**passed),
    )


def sent(delivery: Delivery) -> Delivery:
    """The delivery after everything that is due was sent."""
    for pk in list(sending.due().values_list("pk", flat=True)):
        sending.deliver(pk)
    delivery.refresh_from_db()
    delivery.webhook.refresh_from_db()
    return delivery
