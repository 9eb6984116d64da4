"""What need not be kept for ever: old entries of the audit trail, and sessions that have ended."""

from datetime import timedelta

from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import connection, transaction
from django.utils import timezone

from segmentation_site.access.models import AuditEntry


def prune() -> int:
    """Delete entries older than AUDIT_KEPT_DAYS and sessions that have expired; returns how many entries went."""
    now = timezone.now()
    Session.objects.filter(expire_date__lt=now).delete()
    with transaction.atomic():
        with connection.cursor() as cursor:
            # What the table's trigger asks for, until the end of this transaction.
            cursor.execute("SELECT set_config('audit.retention', 'on', true)")
        return AuditEntry.objects.filter(at__lt=now - timedelta(days=settings.AUDIT_KEPT_DAYS)).delete()[0]
