"""Ringing for a worker: the message is a hint, the row is the job."""

import logging

from celery import current_app
from django.db import connection, transaction

from segmentation_site.jobs.models import Job

logger = logging.getLogger(__name__)


def ring_on_commit(job: Job) -> None:
    """Ring for `job` once the transaction that queued it is committed."""
    transaction.on_commit(lambda: ring(job))


def send(task: str, *arguments: int) -> bool:
    """Send a message. False when the broker did not take it, which is logged."""
    try:
        current_app.send_task(task, args=list(arguments), retry=False)
    except Exception as error:
        logger.warning("The broker did not take %s %s: %s", task, arguments, type(error).__name__)
        return False
    return True


def ring(job: Job) -> None:
    """Send the job's task by name. When the broker is away that is logged and swallowed: the sweeper rings again."""
    if connection.in_atomic_block:
        raise RuntimeError("Ring after the commit: a worker could otherwise look for a row that is not there yet.")
    if not send(job.task, job.pk):
        return
    from django.db.models.functions import Now

    type(job)._default_manager.filter(pk=job.pk, status="queued").update(dispatched_at=Now())
