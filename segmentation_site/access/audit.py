"""The audit trail: who did what to what, when and from where. It is only ever appended to; a trigger sees to that.

Rooms record their own deeds, in the transaction in which they do them, so that nothing is done silently and nothing is
recorded that was not done. Entries name jobs, segments and people of this site, never customers.
"""

from collections.abc import Callable
from contextvars import ContextVar
from enum import StrEnum
from typing import Any

from axes.signals import user_locked_out
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from segmentation_site.access.models import ApiKey, AuditEntry
from segmentation_site.http.callers import address_of
from segmentation_site.logs import request_id_now

_request: ContextVar[HttpRequest | None] = ContextVar("audited_request", default=None)


class Action(StrEnum):
    """What is recorded."""

    SIGNED_IN = "signed in"
    SIGNED_OUT = "signed out"
    SIGN_IN_FAILED = "sign-in failed"
    LOCKED_OUT = "locked out"
    PASSWORD_CHANGED = "password changed"  # noqa: S105 - a deed
    SECOND_FACTOR_ADDED = "second factor added"
    SECOND_FACTOR_REMOVED = "second factor removed"
    PERSON_INVITED = "person invited"
    PERSON_CHANGED = "person changed"
    PERSON_DELETED = "person deleted"
    KEY_MADE = "key made"
    KEY_ROTATED = "key rotated"
    KEY_REVOKED = "key revoked"
    IMPORT_STARTED = "import started"
    IMPORT_UNDONE = "import undone"
    ATTRIBUTE_REGISTERED = "attribute registered"
    ATTRIBUTE_CHANGED = "attribute changed"
    ATTRIBUTE_REMOVED = "attribute removed"
    CUSTOMER_ERASED = "customer erased"
    SEGMENTATION_MADE = "segmentation made"
    SEGMENTATION_CHANGED = "segmentation changed"
    SEGMENTATION_DELETED = "segmentation deleted"
    RUN_STARTED = "run started"
    RUN_PUBLISHED = "run published"
    DRIFT_DETECTED = "drift detected"
    MATCH_OVERRULED = "match overruled"
    SEGMENT_CHANGED = "segment changed"
    EXPORT_STARTED = "export started"
    EXPORT_DOWNLOADED = "export downloaded"
    WEBHOOK_MADE = "webhook made"
    WEBHOOK_CHANGED = "webhook changed"
    WEBHOOK_DELETED = "webhook deleted"
    WEBHOOK_ROTATED = "webhook secret rotated"
    WEBHOOK_TESTED = "webhook tested"
    WEBHOOK_REPLAYED = "webhook delivery sent again"
    WEBHOOK_DISABLED = "webhook disabled"
    BACKUP_MADE = "backup made"
    RESTORED = "restored"


LABELS = {
    Action.SIGNED_IN: _("Signed in"),
    Action.SIGNED_OUT: _("Signed out"),
    Action.SIGN_IN_FAILED: _("Sign-in failed"),
    Action.LOCKED_OUT: _("Locked out"),
    Action.PASSWORD_CHANGED: _("Password changed"),
    Action.SECOND_FACTOR_ADDED: _("Second factor added"),
    Action.SECOND_FACTOR_REMOVED: _("Second factor removed"),
    Action.PERSON_INVITED: _("Person invited"),
    Action.PERSON_CHANGED: _("Person changed"),
    Action.PERSON_DELETED: _("Person deleted"),
    Action.KEY_MADE: _("API key made"),
    Action.KEY_ROTATED: _("API key rotated"),
    Action.KEY_REVOKED: _("API key revoked"),
    Action.IMPORT_STARTED: _("Import started"),
    Action.IMPORT_UNDONE: _("Import taken back"),
    Action.ATTRIBUTE_REGISTERED: _("Attribute registered"),
    Action.ATTRIBUTE_CHANGED: _("Attribute changed"),
    Action.ATTRIBUTE_REMOVED: _("Attribute removed"),
    Action.CUSTOMER_ERASED: _("Customer erased"),
    Action.SEGMENTATION_MADE: _("Segmentation made"),
    Action.SEGMENTATION_CHANGED: _("Segmentation changed"),
    Action.SEGMENTATION_DELETED: _("Segmentation deleted"),
    Action.RUN_STARTED: _("Run started"),
    Action.RUN_PUBLISHED: _("Run published"),
    Action.DRIFT_DETECTED: _("Drift detected"),
    Action.MATCH_OVERRULED: _("Match overruled"),
    Action.SEGMENT_CHANGED: _("Segment changed"),
    Action.EXPORT_STARTED: _("Export started"),
    Action.EXPORT_DOWNLOADED: _("Export downloaded"),
    Action.WEBHOOK_MADE: _("Webhook made"),
    Action.WEBHOOK_CHANGED: _("Webhook changed"),
    Action.WEBHOOK_DELETED: _("Webhook deleted"),
    Action.WEBHOOK_ROTATED: _("Secret of a webhook rotated"),
    Action.WEBHOOK_TESTED: _("Webhook tested"),
    Action.WEBHOOK_REPLAYED: _("Delivery of a webhook sent again"),
    Action.WEBHOOK_DISABLED: _("Webhook disabled by itself"),
    Action.BACKUP_MADE: _("Backup made"),
    Action.RESTORED: _("Restored from a backup"),
}


class WhoMiddleware:
    """Lets rooms record who asked for what they do, without being told by each door."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        token = _request.set(request)
        try:
            return self.get_response(request)
        finally:
            _request.reset(token)


def acts_with(request: HttpRequest, key: ApiKey) -> None:
    """From here on the request is known to come from the holder of this key."""
    request.api_key = key  # type: ignore[attr-defined]


def record(
    action: Action,
    subject: str = "",
    *,
    by: AbstractBaseUser | AnonymousUser | None = None,
    **detail: Any,
) -> AuditEntry:
    """Append an entry.

    `subject` is the public id or name of what it was done to, `by` the person where there is no request that says so,
    as in a worker; the detail is what JSON can hold, and nothing of customers.
    """
    request = _request.get()
    key: ApiKey | None = getattr(request, "api_key", None)
    user = by or (key.created_by if key else getattr(request, "user", None))
    known = user if user is not None and user.is_authenticated else None
    return AuditEntry.objects.create(
        action=action.value,
        subject=subject[:200],
        detail=detail,
        actor=known.get_username() if known else "",
        actor_id=known.pk if known else None,
        key_id=key.public_id if key else "",
        address=address_of(request) if request is not None else None,
        request_id=request_id_now() if request is not None else "",
    )


@receiver(user_logged_in)
def _signed_in(user: AbstractBaseUser, **kwargs: Any) -> None:
    record(Action.SIGNED_IN, by=user)


@receiver(user_logged_out)
def _signed_out(user: AbstractBaseUser | None, **kwargs: Any) -> None:
    if user is not None:
        record(Action.SIGNED_OUT, by=user)


@receiver(user_login_failed)
def _sign_in_failed(credentials: dict[str, Any], **kwargs: Any) -> None:
    record(Action.SIGN_IN_FAILED, subject=str(credentials.get("username", "")).replace("\x00", ""))


@receiver(user_locked_out)
def _locked_out(username: str, **kwargs: Any) -> None:
    record(Action.LOCKED_OUT, subject=str(username).replace("\x00", ""))
