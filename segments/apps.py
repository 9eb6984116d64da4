"""Segments, as a Django application."""

from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core import checks

from segments.kmeans.engines.needs import obstacle


class SegmentsConfig(AppConfig):
    name = "segments"
    verbose_name = "Segments"
    # Rung at each sweep, so that nothing that is due is forgotten when a message is lost.
    sweep_task = "segments.look_after"

    def ready(self) -> None:
        from segments import receivers  # noqa: F401 - connects them

        checks.register(spark_is_complete)


def spark_is_complete(app_configs: Any, **kwargs: Any) -> list[checks.CheckMessage]:
    """A run on Spark would fail at its beginning on this machine."""
    if not settings.SPARK_MASTER or not (reason := obstacle(settings.SPARK_MASTER)):
        return []
    return [checks.Warning(f"SPARK_MASTER is set. {reason}", hint="Only workers need it.", id="segments.W001")]
