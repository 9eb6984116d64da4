"""What every page and every API answer share, as a Django application."""

from django.apps import AppConfig


class HttpConfig(AppConfig):
    name = "segmentation_site.http"
    label = "http"
    verbose_name = "HTTP"

    def ready(self) -> None:
        from segmentation_site.http import checks  # noqa: F401
