"""Segments, as a Django application."""

from django.apps import AppConfig


class SegmentsConfig(AppConfig):
    name = "segments"
    verbose_name = "Segments"
    # Rung at each sweep, so that nothing that is due is forgotten when a message is lost.
    sweep_task = "segments.look_after"

    def ready(self) -> None:
        from segments import receivers  # noqa: F401 - connects them
