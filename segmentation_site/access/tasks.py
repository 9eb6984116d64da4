"""Doors for the nightly ring."""

from celery import shared_task

from segmentation_site.access import pruning


@shared_task(name="access.prune")
def prune() -> None:
    """Delete what need not be kept any longer."""
    pruning.prune()
