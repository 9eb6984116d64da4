"""System checks of what the pages need."""

from typing import Any

from django.conf import settings
from django.contrib.staticfiles import finders
from django.core.checks import CheckMessage, Error, register


@register()
def chart_library_is_there(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Charts would silently stay empty if a release of the admin theme moved its Chart.js."""
    if finders.find(settings.CHART_JS):
        return []
    return [
        Error(
            f"Chart.js is not where CHART_JS says: {settings.CHART_JS}",
            hint="Look where django-unfold keeps it now and change CHART_JS in segmentation_site/settings.py.",
            id="segmentation_site.E001",
        )
    ]
