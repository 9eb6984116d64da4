"""The jobs room as a Django application."""

from django.apps import AppConfig


class JobsConfig(AppConfig):
    name = "segmentation_site.jobs"
    label = "jobs"
    verbose_name = "Jobs"

    def ready(self) -> None:
        # Makes this Celery application the one that `shared_task` and the bell use, in every process.
        import segmentation_site.celery  # noqa: F401
        from segmentation_site.jobs import receivers  # noqa: F401 - hears which jobs fail
