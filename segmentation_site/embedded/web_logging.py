"""What gunicorn itself has to say, from its start to its end, as the lines of every other process."""

import logging
import os
from logging.config import dictConfig
from typing import Any

from gunicorn.glogging import Logger  # type: ignore[import-untyped]


class SharedLogger(Logger):  # type: ignore[misc]
    """Leaves form and place of its lines to the site's own logging."""

    def setup(self, cfg: Any) -> None:
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "segmentation_site.settings")
        from django.conf import settings

        dictConfig(settings.LOGGING)
        for one in (self.error_log, self.access_log):
            one.handlers.clear()
            one.propagate = True
            one.setLevel(logging.INFO)
