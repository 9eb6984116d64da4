"""Doors for the scheduler."""

import logging

from celery import shared_task

from segmentation_site.jobs import sweeping

logger = logging.getLogger(__name__)


@shared_task(name="jobs.sweep")
def sweep() -> None:
    """Take up what was left behind; scheduler and workers ring for it, and one of them is enough."""
    if not sweeping.is_due():
        return
    swept = sweeping.sweep()
    if swept.requeued or swept.failed or swept.cancelled:
        logger.warning("Swept: %s", swept)
