"""The audit trail: who did what, found by words, deed and day, and taken along as CSV."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import orjson
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import path
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from segmentation_site.access.audit import LABELS
from segmentation_site.access.models import AuditEntry
from segmentation_site.access.roles import Deed, requires
from segmentation_site.http.lists import asked, newest_first
from segmentation_site.http.spreadsheets import csv_lines

_LABELS = {action.value: label for action, label in LABELS.items()}
COLUMNS = ("at", "action", "subject", "actor", "key_id", "address", "request_id", "detail")


@requires(Deed.ADMINISTER)
@never_cache
@require_safe
def audit_trail(request: HttpRequest) -> HttpResponse:
    """A page of entries, newest first."""
    page = newest_first(request, _found(request))
    query = request.GET.copy()
    query.pop("after", None)
    context = {
        "page": page,
        "search": asked(request, "search"),
        "action": asked(request, "action"),
        "day_from": asked(request, "from"),
        "day_to": asked(request, "to"),
        "actions": _LABELS.items(),
        "is_filtered": any(asked(request, name) for name in ("search", "action", "from", "to")),
        "query": query.urlencode(),
    }
    return render(request, "audit/audit.html", context)


@requires(Deed.ADMINISTER)
@never_cache
@require_safe
def audit_export(request: HttpRequest) -> HttpResponseBase:
    """All entries that the filters find, as CSV."""
    response = StreamingHttpResponse(csv_lines(_rows(_found(request))), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="audit-trail.csv"'
    return response


def _rows(found: QuerySet[AuditEntry]) -> Iterator[list[str]]:
    yield list(COLUMNS)
    for row in found.order_by("pk").values(*COLUMNS).iterator(chunk_size=2000):
        texts = row | {"at": row["at"].isoformat(), "detail": orjson.dumps(row["detail"]).decode()}
        yield [str(texts[name] or "") for name in COLUMNS]


def _found(request: HttpRequest) -> QuerySet[AuditEntry]:
    found = AuditEntry.objects.all()
    if search := asked(request, "search"):
        text = Q(subject__icontains=search) | Q(actor__icontains=search) | Q(key_id=search) | Q(request_id=search)
        found = found.filter(text | Q(address__startswith=search))
    if action := asked(request, "action"):
        found = found.filter(action=action)
    if first := _beginning(asked(request, "from")):
        found = found.filter(at__gte=first)
    if end := _beginning(asked(request, "to"), days_later=1):
        found = found.filter(at__lt=end)
    return found


def _beginning(text: str, *, days_later: int = 0) -> datetime | None:
    """The beginning of a day, or of one after it; nonsense, and what lies beyond all days, asks for nothing."""
    try:
        day = parse_date(text)
        if day is None:
            return None
        return timezone.make_aware(datetime(day.year, day.month, day.day)) + timedelta(days=days_later)  # noqa: DTZ001 - made aware
    except (ValueError, OverflowError):
        return None


urlpatterns = [
    path("audit/", audit_trail, name="audit"),
    path("audit/export", audit_export, name="audit_export"),
]
