"""What `/metrics` tells of webhooks, asked of the database at each scrape."""

from collections.abc import Iterator

from django.db.models import Count, Max, Sum
from django.db.models.expressions import RawSQL
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from segmentation_site.http.metrics import PREFIX
from segmentation_site.webhooks import sending
from segmentation_site.webhooks.models import Delivery, DeliveryStatus, Webhook, given_up


class DeliveryCollector(Collector):
    """Webhooks and deliveries by state, how often was tried, and how long the oldest waits that could be sent now."""

    def collect(self) -> Iterator[Metric]:
        webhooks = GaugeMetricFamily(f"{PREFIX}_webhooks", "Webhooks by state.", labels=["state"])
        enabled, gave_up = Webhook.objects.filter(is_enabled=True).count(), len(given_up())
        webhooks.add_metric(["enabled"], enabled)
        webhooks.add_metric(["disabled"], Webhook.objects.count() - enabled - gave_up)
        webhooks.add_metric(["given_up"], gave_up)
        deliveries = GaugeMetricFamily(
            f"{PREFIX}_deliveries", "Deliveries that are kept, by status.", labels=["status"]
        )
        counted = dict(Delivery.objects.order_by().values_list("status").annotate(Count("pk")))
        for status in DeliveryStatus:
            deliveries.add_metric([status.value], counted.get(status.value, 0))
        tries = GaugeMetricFamily(f"{PREFIX}_delivery_tries", "Tries of all deliveries that are kept.")
        tries.add_metric([], Delivery.objects.aggregate(all=Sum("tries"))["all"] or 0)
        waits = GaugeMetricFamily(f"{PREFIX}_delivery_age_seconds", "How long the oldest delivery waits that is due.")
        waits.add_metric([], _oldest_wait())
        yield from (webhooks, deliveries, tries, waits)


def _oldest_wait() -> float:
    waited = RawSQL("extract(epoch FROM clock_timestamp() - next_try_at)::float8", [])
    return sending.due().annotate(waited=waited).aggregate(longest=Max("waited"))["longest"] or 0.0
