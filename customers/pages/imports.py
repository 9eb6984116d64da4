"""Imports: their history, a new one from file to start, and one with its progress and report."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.humanize.templatetags.humanize import intcomma
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from customers import attributes, purchases, reporting, starting, targets, undoing
from customers.files.schema import Column
from customers.forms import ACCEPTED, UploadForm
from customers.models import Import, ImportStatus, RejectedRow, Undo
from segmentation_site.access.roles import Deed, requires
from segmentation_site.http.lists import asked, newest_first
from segmentation_site.http.spreadsheets import csv_lines
from segmentation_site.jobs.leases import request_cancel
from segmentation_site.jobs.problems import Problem
from segmentation_site.jobs.watching import in_words, watch
from segmentation_site.language.saying import label as label_of
from segmentation_site.language.saying import said, spelled

# Shown to somebody who asks what a file may hold.
TEMPLATE_ROWS = (
    {"external_id": "1001", "first_name": "Ada", "last_name": "Lovelace", "email": "ada@example.com", "age": "36"},
    {"external_id": "1002", "first_name": "Alan", "last_name": "Turing", "email": "alan@example.com", "age": "41"},
)
TRANSACTION_ROWS = (
    {"external_id": "1001", "at": "2024-03-31", "amount": "49.90", "order_id": "A-1", "currency": "EUR"},
    {"external_id": "1001", "at": "2024-04-02", "amount": "-49.90", "order_id": "A-2", "currency": "EUR"},
)
# As pages call what a file holds.
KINDS = {
    Import.Kind.CUSTOMERS.value: gettext_lazy("Customers"),
    Import.Kind.TRANSACTIONS.value: gettext_lazy("Purchases"),
}
TEMPLATES: dict[str, tuple[Callable[[], Sequence[Column]], Sequence[dict[str, str]]]] = {
    "customers": (attributes.columns, TEMPLATE_ROWS),
    "transactions": (lambda: purchases.COLUMNS, TRANSACTION_ROWS),
}


@dataclass(frozen=True, slots=True)
class Bar:
    """One line of a bar chart."""

    label: str
    count: int
    percent: float


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of a rejected row, and whether it is the one at fault."""

    text: str
    is_wrong: bool


@requires(Deed.IMPORT)
@require_safe
def imports(request: HttpRequest) -> HttpResponse:
    """Every import, searched by file name and filtered by state."""
    search, status, kind = (asked(request, name) for name in ("search", "status", "kind"))
    found = reporting.history()
    if search:
        found = found.filter(file_name__icontains=search)
    if status in ImportStatus.values:
        found = found.filter(status=status)
    if kind in Import.Kind.values:
        found = found.filter(kind=kind)
    return render(
        request,
        "imports/imports.html",
        {
            "page": newest_first(request, found),
            "search": search,
            "status": status,
            "statuses": ImportStatus.choices,
            "kind": kind,
            "kinds": KINDS.items(),
            "is_filtered": bool(search or status or kind),
        },
    )


@requires(Deed.IMPORT)
@require_http_methods(["GET", "POST"])
def import_new(request: HttpRequest) -> HttpResponse:
    """Upload a file; what its columns mean is asked next."""
    form = UploadForm(request.POST, request.FILES) if request.method == "POST" else UploadForm()
    problem = None
    if request.method == "POST" and form.is_valid():
        try:
            one = starting.receive(
                form.cleaned_data["file"],
                by=request.user,  # type: ignore[arg-type]
                kind=form.cleaned_data["kind"],
            )
        except Problem as found:
            problem = found
        else:
            return redirect("import_map", one.public_id)
    known = [label_of(column.label) for column in attributes.columns()]
    context = {
        "form": form,
        "problem": problem,
        "known": known,
        "limit": settings.IMPORT_MAX_BYTES,
        "accepted": ",".join(ACCEPTED),
    }
    return render(request, "imports/new.html", context, status=422 if problem or form.errors else 200)


@requires(Deed.IMPORT)
@require_safe
def import_template(request: HttpRequest, kind: str) -> HttpResponse:
    """An example of a file that fits."""
    if kind not in TEMPLATES:
        raise Http404
    columns, examples = TEMPLATES[kind]
    keys = [column.key for column in columns()]
    rows = [keys, *([row.get(key, "") for key in keys] for row in examples)]
    return HttpResponse(
        b"".join(csv_lines(rows)),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{kind}.csv"'},
    )


@requires(Deed.IMPORT)
@require_safe
def import_report(request: HttpRequest, public_id: str) -> HttpResponse:
    """One import: its progress while it works, then what became of each row."""
    # Before the import itself: where this one has ended, the import is read as it left it.
    undo = undoing.last_undo(public_id)
    one = find_import(public_id)
    if one.status == ImportStatus.UPLOADED:
        return redirect("import_map", one.public_id)
    context: dict[str, Any] = {
        "import": one,
        "kind": KINDS[one.kind],
        "mapping": _mapping_in_words(one),
        "before": starting.imported_before(one) if one.is_active else None,
    }
    context["undo"], context["obstacle_to_undo"] = undo, undoing.obstacle(one)
    if one.is_active:
        context["watch"] = watch(one)
    elif undo is not None and undo.is_active:
        context["watch_undo"] = watch(undo)
    elif undo is not None and one.status == ImportStatus.UNDONE:
        context["undone"] = _undone_in_words(undo)
    if not one.is_active and one.rejected:
        context |= _rejected(one)
    if one.elapsed is not None:
        context["duration"] = in_words(one.elapsed)
    return render(request, "imports/import.html", context)


@requires(Deed.IMPORT)
@require_safe
def import_progress(request: HttpRequest, public_id: str) -> HttpResponse:
    """The part of the page that is asked for again while the import works; its end reloads the whole page."""
    one = find_import(public_id)
    if not one.is_active:
        return HttpResponse(headers={"HX-Refresh": "true"})
    return render(
        request,
        "components/job_progress.html",
        {"watch": watch(one), "fragment_url": request.path, "what": _("Import"), "unit": _("rows")},
    )


@requires(Deed.IMPORT)
@require_POST
def import_cancel(request: HttpRequest, public_id: str) -> HttpResponse:
    """Stop an import that waits or works; nothing half done is kept."""
    one = find_import(public_id)
    if one.status == ImportStatus.UPLOADED and starting.discard(one):
        messages.success(request, _("“{name}” is thrown away. Nothing was imported.").format(name=one.file_name))
        return redirect("imports")
    if not request_cancel(one):
        messages.info(request, _("This import has already ended."))
    return redirect("import", one.public_id)


@requires(Deed.IMPORT)
@require_safe
def import_rejects(request: HttpRequest, public_id: str) -> StreamingHttpResponse:
    """The rejected rows as they were, with their lines and reasons, as a file that can be mended and imported again."""
    one = find_import(public_id)
    return StreamingHttpResponse(
        csv_lines(reporting.rejects(one)),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="rejected-rows-{one.public_id}.csv"'},
    )


@requires(Deed.IMPORT)
@require_POST
def import_again(request: HttpRequest, public_id: str) -> HttpResponse:
    """After a dry run: the same file with the same choices, for real."""
    one = find_import(public_id)
    try:
        again = starting.start_again(one, by=request.user)  # type: ignore[arg-type]
    except (Problem, OSError) as problem:
        messages.error(
            request, said(problem.detail) if isinstance(problem, Problem) else _("The file is no longer there.")
        )
        return redirect("import", one.public_id)
    return redirect("import", again.public_id)


@requires(Deed.IMPORT)
@require_http_methods(["GET", "POST"])
def import_undo(request: HttpRequest, public_id: str) -> HttpResponse:
    """What taking this import back would do; and doing it."""
    one = find_import(public_id)
    if request.method == "POST":
        try:
            undoing.start_undo(one, by=request.user)  # type: ignore[arg-type]
        except Problem as problem:
            messages.error(request, said(problem.detail))
        return redirect("import", one.public_id)
    if undoing.running_undo(one):
        messages.info(request, _("This import is being taken back already."))
        return redirect("import", one.public_id)
    why = undoing.obstacle(one)
    context = {"import": one, "obstacle": why, "forecast": None if why else undoing.forecast(one)}
    return render(request, "imports/undo.html", context)


@requires(Deed.IMPORT)
@require_safe
def import_undo_progress(request: HttpRequest, public_id: str) -> HttpResponse:
    """The part of the page that is asked for again while the import is being taken back."""
    undo = undoing.running_undo(find_import(public_id))
    if undo is None:
        return HttpResponse(headers={"HX-Refresh": "true"})
    return render(
        request,
        "components/job_progress.html",
        {"watch": watch(undo), "fragment_url": request.path, "what": _("Undo"), "unit": _("rows")},
    )


@requires(Deed.IMPORT)
@require_POST
def import_undo_cancel(request: HttpRequest, public_id: str) -> HttpResponse:
    """Stop taking it back; then nothing of it was taken back."""
    one = find_import(public_id)
    undo = undoing.running_undo(one)
    if undo is None or not request_cancel(undo):
        messages.info(request, _("Nothing is being taken back any more."))
    return redirect("import", one.public_id)


def _undone_in_words(undo: Undo) -> str:
    """What taking an import back did, without what there was none of."""
    removed, restored, kept, purchases_gone = (
        undo.removed or 0,
        undo.restored or 0,
        undo.kept or 0,
        undo.transactions_removed or 0,
    )
    said = [
        (removed, ngettext("%s customer is gone again.", "%s customers are gone again.", removed)),
        (restored, ngettext("%s customer got earlier values back.", "%s customers got earlier values back.", restored)),
        (kept, ngettext("%s customer keeps later changes.", "%s customers keep later changes.", kept)),
        (purchases_gone, ngettext("%s purchase is gone again.", "%s purchases are gone again.", purchases_gone)),
    ]
    return " ".join(text % intcomma(count) for count, text in said if count) or _("There was nothing to change.")


def find_import(public_id: str) -> Import:
    """The import of that id. Raises Http404."""
    return get_object_or_404(Import.objects.select_related("created_by"), public_id=public_id)


def _rejected(one: Import) -> dict[str, Any]:
    """Reasons as bars, and the first rejected rows with the cells at fault marked."""
    counted = reporting.reasons(one)
    most = max((reason.count for reason in counted), default=1)
    rows = reporting.rejected_rows(one)
    headers = reporting.headers(one, rows)
    return {
        "reasons": [Bar(_in_words(reason, one), reason.count, 100 * reason.count / most) for reason in counted],
        "headers": headers,
        "rejected_rows": [_shown(row, headers, one) for row in rows],
    }


def _labels(one: Import) -> dict[str, str]:
    return {column.key: label_of(column.label) for column in targets.columns(one)}


def _in_words(reason: reporting.Reason, one: Import) -> str:
    labels = _labels(one)
    return _("{field}, for example: {example}").format(
        field=labels.get(reason.field, reason.field) or _("Row"), example=said(reason.example)
    )


def _shown(row: RejectedRow, headers: list[str], one: Import) -> dict[str, Any]:
    wrong = {reason.get("field") for reason in row.reasons}
    return {
        "line": row.line,
        "reasons": [said(reason.get("detail", "")) for reason in row.reasons],
        "cells": [
            Cell(str(row.cells.get(header, "")), bool(wrong & {header, one.mapping.get(header)})) for header in headers
        ],
    }


def _mapping_in_words(one: Import) -> list[tuple[str, str]]:
    labels = _labels(one)
    factors = one.reading.get("factors") or {}
    return [
        (
            header,
            f"{labels.get(key, key)} × {spelled(f'{factors[header]:.15g}')}"
            if header in factors
            else labels.get(key, key),
        )
        for header, key in one.mapping.items()
    ]


urlpatterns = [
    path("imports/", imports, name="imports"),
    path("imports/new", import_new, name="import_new"),
    path("imports/template/<str:kind>.csv", import_template, name="import_template"),
    path("imports/<str:public_id>", import_report, name="import"),
    path("imports/<str:public_id>/progress", import_progress, name="import_progress"),
    path("imports/<str:public_id>/cancel", import_cancel, name="import_cancel"),
    path("imports/<str:public_id>/rejects", import_rejects, name="import_rejects"),
    path("imports/<str:public_id>/again", import_again, name="import_again"),
    path("imports/<str:public_id>/undo", import_undo, name="import_undo"),
    path("imports/<str:public_id>/undo/progress", import_undo_progress, name="import_undo_progress"),
    path("imports/<str:public_id>/undo/cancel", import_undo_cancel, name="import_undo_cancel"),
]
