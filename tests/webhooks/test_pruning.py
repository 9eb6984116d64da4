"""Deliveries are kept for some weeks; what still waits for its try is kept until it had it."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from segmentation_site.webhooks import pruning
from segmentation_site.webhooks.events import Event
from segmentation_site.webhooks.models import Delivery, DeliveryStatus, Webhook

pytestmark = pytest.mark.django_db


def delivery(name: str, *, status: str, days: int, is_enabled: bool = True) -> Delivery:
    """One of an event that happened so many days ago."""
    webhook = Webhook.objects.create(
        name=name, url="https://8.8.8.8/", events=list(Event), is_enabled=is_enabled, sealed_secret=b""
    )
    return Delivery.objects.create(
        webhook=webhook,
        event_id=f"evt_{name}",
        type=Event.RUN_PUBLISHED,
        status=status,
        created_at=timezone.now() - timedelta(days=days),
    )


def test_deliveries_go_when_their_time_is_over_and_those_that_wait_do_not(settings: Any) -> None:
    settings.WEBHOOKS_KEPT_DAYS = 10
    delivery("delivered", status=DeliveryStatus.DELIVERED, days=11)
    delivery("failed", status=DeliveryStatus.FAILED, days=11)
    delivery("forgotten", status=DeliveryStatus.WAITING, days=11, is_enabled=False)
    young = delivery("young", status=DeliveryStatus.DELIVERED, days=9)
    waiting = delivery("waiting", status=DeliveryStatus.WAITING, days=11)
    assert pruning.prune() == 3
    assert set(Delivery.objects.all()) == {young, waiting}
