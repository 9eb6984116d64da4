"""Old deliveries, of which nobody asks any more; those that still wait for a try stay."""

from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from segmentation_site.webhooks.models import Delivery, DeliveryStatus


def prune() -> int:
    """Delete deliveries of events older than WEBHOOKS_KEPT_DAYS; returns how many."""
    old = Delivery.objects.filter(created_at__lt=timezone.now() - timedelta(days=settings.WEBHOOKS_KEPT_DAYS))
    # What waits for a webhook that is disabled would wait for ever.
    return old.exclude(status=DeliveryStatus.WAITING, webhook__is_enabled=True).delete()[0]
