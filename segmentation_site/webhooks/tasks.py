"""Doors for whoever rings: after an event, at each sweep, at night."""

from celery import shared_task

from segmentation_site.webhooks import pruning, sending
from segmentation_site.webhooks.models import Delivery


@shared_task(name=Delivery.sweep_task)
def send_due() -> None:
    """Ring for what is to be sent now."""
    sending.ring_for_due()


@shared_task(name=Delivery.task)
def deliver(delivery_id: int) -> None:
    """Send one delivery, once."""
    sending.deliver(delivery_id)


@shared_task(name="webhooks.prune")
def prune() -> None:
    """Delete what need not be kept any longer."""
    pruning.prune()
