"""Telling other systems what happened, as a Django application."""

from django.apps import AppConfig


class WebhooksConfig(AppConfig):
    name = "segmentation_site.webhooks"
    label = "webhooks"
    verbose_name = "Webhooks"
    sweep_task = "webhooks.send_due"
    prune_task = "webhooks.prune"

    def ready(self) -> None:
        from segmentation_site.http import metrics
        from segmentation_site.webhooks import receivers  # noqa: F401 - hears which jobs end
        from segmentation_site.webhooks.figures import DeliveryCollector

        metrics.registry.register(DeliveryCollector())
