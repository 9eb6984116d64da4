"""Who may do what, as a Django application."""

from django.apps import AppConfig


class AccessConfig(AppConfig):
    name = "segmentation_site.access"
    label = "access"
    verbose_name = "Access"
