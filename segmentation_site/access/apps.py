"""Who may do what, as a Django application."""

from django.apps import AppConfig


class AccessConfig(AppConfig):
    name = "segmentation_site.access"
    label = "access"
    verbose_name = "Access"
    prune_task = "access.prune"

    def ready(self) -> None:
        from segmentation_site.access import audit  # noqa: F401 - hears who signs in
