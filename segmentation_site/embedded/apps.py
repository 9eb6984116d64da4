"""The embedded servers, as a Django application: it brings the commands `up`, `demo` and `doctor`."""

from django.apps import AppConfig


class EmbeddedConfig(AppConfig):
    name = "segmentation_site.embedded"
    label = "embedded"
