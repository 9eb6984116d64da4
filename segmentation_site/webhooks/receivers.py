"""What webhooks are told when a job ends; in the transaction that ends it."""

from typing import Any

from django.dispatch import receiver

from segmentation_site.jobs.models import Job
from segmentation_site.jobs.signals import job_ended
from segmentation_site.webhooks import outbox
from segmentation_site.webhooks.events import Event


@receiver(job_ended)
def tell_of_the_end(job: Job, status: str, **kwargs: Any) -> None:
    """Jobs name the event, and the ids that go along."""
    if told := job.event_of_end():
        event, ids = told
        outbox.emit(Event(event), **ids, status=status)
