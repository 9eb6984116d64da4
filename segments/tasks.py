"""Doors for the worker."""

from celery import shared_task

from segmentation_site.jobs import leases
from segments import running
from segments.models import Run


@shared_task(name=Run.task)
def execute_run(run_id: int) -> None:
    """Carry out one run."""
    leases.carry_out(Run, run_id, running.execute)
