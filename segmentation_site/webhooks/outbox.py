"""The outbox: what is to be told is written down in the transaction in which it happens."""

from collections.abc import Iterable
from functools import partial

from django.db import connection, transaction

from segmentation_site.database.public_ids import new_public_id
from segmentation_site.jobs import bell
from segmentation_site.webhooks.events import Event
from segmentation_site.webhooks.models import Delivery, Webhook

# Whoever deletes a webhook waits for this transaction, and takes its new deliveries along.
_LISTENERS = "SELECT id FROM webhooks_webhook WHERE is_enabled AND %s = ANY (events) ORDER BY id FOR KEY SHARE"


def emit(event: Event, **data: str) -> None:
    """Tell every webhook that wants to know; with the transaction that this is called in, or never.

    `data` are ids and states, never values of customers. Costs one query where nobody listens.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("Tell of an event in the transaction in which it happens: neither is without the other.")
    listeners = Webhook.objects.raw(_LISTENERS, [event.value])
    write(listeners, event.value, data)


def write(listeners: Iterable[Webhook], event: str, data: dict[str, str]) -> list[Delivery]:
    """One delivery for each of them, with one id, rung for on commit."""
    event_id = new_public_id("evt")
    deliveries = Delivery.objects.bulk_create(
        Delivery(webhook_id=listener.pk, event_id=event_id, type=event, data=data) for listener in listeners
    )
    if deliveries:
        ring_on_commit()
    return deliveries


def forget() -> None:
    """Empty what receivers have answered, whose words are theirs: they may name somebody in any spelling."""
    Delivery.objects.exclude(response_excerpt="").update(response_excerpt="")


def ring_on_commit() -> None:
    """Have somebody look for what is to be sent; when the broker is away the next sweep does."""
    transaction.on_commit(partial(bell.send, Delivery.sweep_task), robust=True)
