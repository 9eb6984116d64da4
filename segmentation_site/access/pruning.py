"""What need not be kept for ever: old entries of the audit trail, sessions that have ended, failed sign-ins."""

from datetime import timedelta

from axes.models import AccessAttempt, AccessLog
from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import connection, transaction
from django.utils import timezone

from segmentation_site.access.models import AuditEntry


def prune() -> int:
    """Delete entries older than AUDIT_KEPT_DAYS, sessions that have expired, and what the lock-out no longer needs to
    know of failed sign-ins; returns how many entries went.
    """
    now = timezone.now()
    Session.objects.filter(expire_date__lt=now).delete()
    AccessAttempt.objects.filter(attempt_time__lt=now - timedelta(days=1)).delete()
    AccessLog.objects.filter(attempt_time__lt=now - timedelta(days=settings.AUDIT_KEPT_DAYS)).delete()
    with transaction.atomic():
        with connection.cursor() as cursor:
            # What the table's trigger asks for, until the end of this transaction.
            cursor.execute("SELECT set_config('audit.retention', 'on', true)")
        return AuditEntry.objects.filter(at__lt=now - timedelta(days=settings.AUDIT_KEPT_DAYS)).delete()[0]
