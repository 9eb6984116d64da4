"""Who started a job that failed is told by e-mail, where there is a server for it."""

from typing import Any

from django.conf import settings
from django.db import transaction
from django.dispatch import receiver
from django.utils.translation import gettext as _

from segmentation_site.jobs.models import Job, JobStatus
from segmentation_site.jobs.signals import job_ended
from segmentation_site.mailing import mail


@receiver(job_ended)
def tell_of_failure(job: Job, status: str, **kwargs: Any) -> None:
    """Once it is certain, and without what the error says: a row of somebody's file is no matter for a mail server."""
    if status != JobStatus.FAILED or not settings.IS_EMAIL_SET or job.created_by is None:
        return
    to = job.created_by.email
    what = f"{job._meta.verbose_name} {getattr(job, 'public_id', job.pk)}"
    subject = _("This did not work: {what}").format(what=what)
    text = _("{what} has failed; nothing was changed. Its page says why and what to do.").format(what=what)
    transaction.on_commit(lambda: mail(to, subject, text))
