"""Segments, as a Django application."""

from django.apps import AppConfig


class SegmentsConfig(AppConfig):
    name = "segments"
    verbose_name = "Segments"
    # Rung at each sweep, so that nobody who changed is forgotten when a message is lost.
    sweep_task = "segments.score_changes"

    def ready(self) -> None:
        from segments import receivers  # noqa: F401 - connects them
