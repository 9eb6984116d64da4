"""Imports: their history, a new one from file to start, and one with its progress and report."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from customers import attributes, previewing, purchases, registering, reporting, starting, targets, undoing
from customers.files.plaintext import DELIMITERS, ENCODINGS
from customers.files.sampling import Sample
from customers.files.schema import Column
from customers.forms import ACCEPTED, UploadForm
from customers.models import EmptyCells, Import, ImportMode, ImportStatus, RejectedRow, Undo
from segmentation_site.access.roles import Deed, may, requires
from segmentation_site.http.lists import asked, newest_first
from segmentation_site.http.spreadsheets import csv_lines
from segmentation_site.jobs.leases import request_cancel
from segmentation_site.jobs.problems import Problem
from segmentation_site.jobs.watching import in_words, watch

MODES: dict[str, dict[ImportMode, Any]] = {
    Import.Kind.CUSTOMERS: {
        ImportMode.UPSERT: _lazy("New customers are added, and those that are here get the values of the file."),
        ImportMode.CREATE: _lazy("Only new customers are added; rows of customers that are here already are rejected."),
        ImportMode.UPDATE: _lazy("Only customers that are here already are changed; rows of others are rejected."),
    },
    Import.Kind.TRANSACTIONS: {
        ImportMode.UPSERT: _lazy("Customers who are not known yet are added."),
        ImportMode.UPDATE: _lazy("Purchases of customers who are not known are rejected."),
    },
}
CELLS = {
    EmptyCells.LEAVE: _lazy("An empty cell changes nothing."),
    EmptyCells.CLEAR: _lazy("An empty cell clears the value; a consent is never cleared."),
}
READING = ("encoding", "delimiter", "decimal", "date_order", "has_header", "sheet")
# Shown to somebody who asks what a file may hold.
TEMPLATE_ROWS = (
    {"external_id": "1001", "first_name": "Ada", "last_name": "Lovelace", "email": "ada@example.com", "age": "36"},
    {"external_id": "1002", "first_name": "Alan", "last_name": "Turing", "email": "alan@example.com", "age": "41"},
)
TRANSACTION_ROWS = (
    {"external_id": "1001", "at": "2024-03-31", "amount": "49.90", "order_id": "A-1", "currency": "EUR"},
    {"external_id": "1001", "at": "2024-04-02", "amount": "-49.90", "order_id": "A-2", "currency": "EUR"},
)
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
    search, status = asked(request, "search"), asked(request, "status")
    found = reporting.history()
    if search:
        found = found.filter(file_name__icontains=search)
    if status in ImportStatus.values:
        found = found.filter(status=status)
    return render(
        request,
        "imports/imports.html",
        {
            "page": newest_first(request, found),
            "search": search,
            "status": status,
            "statuses": ImportStatus.choices,
            "is_filtered": bool(search or status),
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
    known = [column.label for column in attributes.columns()]
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
@require_http_methods(["GET", "POST"])
def import_map(request: HttpRequest, public_id: str) -> HttpResponse:
    """What the columns of an uploaded file mean. A changed choice shows the effect; Start queues the import."""
    one = _find(public_id)
    if one.status != ImportStatus.UPLOADED:
        return redirect("import", one.public_id)
    problem = None
    choices = _choices(request, one, {})
    try:
        one.reading = dict(choices.reading)
        sample = starting.look(one)
        choices = _choices(request, one, _chosen(request, one, sample))
        if "start" in request.POST or "check" in request.POST:
            if may(request.user, Deed.ADMINISTER):
                choices = _with_new_attributes(choices, sample)
            starting.start(one, choices)
            return redirect("import", one.public_id)
    except Problem as found:
        problem = found
        if not choices.mapping:
            # The file cannot be read as was said: it is shown as it was found.
            one.reading = {}
            choices = starting.Choices(mapping=one.mapping, mode=choices.mode, empty_cells=choices.empty_cells)
            sample = starting.look(one)
    shown = previewing.preview(one, choices.mapping)
    context = {
        "import": one,
        "preview": shown,
        "choices": choices,
        "modes": [(value, label, MODES[one.kind][ImportMode(value)]) for value, label in _modes(one)],
        "cells": [(value, label, CELLS[EmptyCells(value)]) for value, label in EmptyCells.choices],
        "encodings": ENCODINGS.items(),
        "delimiters": [("tab" if sign == "\t" else sign, name) for sign, name in DELIMITERS.items()],
        "saved": starting.saved_mapping(one, sample),
        "problem": problem,
    }
    if request.headers.get("HX-Request"):
        return render(request, "imports/mapping.html", context)
    context["before"] = starting.imported_before(one)
    return render(request, "imports/map.html", context, status=422 if problem else 200)


def _modes(one: Import) -> list[tuple[str, str]]:
    return [(value, str(label)) for value, label in ImportMode.choices if ImportMode(value) in MODES[one.kind]]


def _chosen(request: HttpRequest, one: Import, sample: Sample) -> dict[str, str]:
    if request.method != "POST":
        return dict(one.mapping)
    return {header: request.POST.get(f"column_{place}", "") for place, header in enumerate(sample.headers)}


def _choices(request: HttpRequest, one: Import, mapping: dict[str, str]) -> starting.Choices:
    """What the form says; before it is sent, what was saved for files with these headers."""
    if request.method != "POST":
        return starting.Choices(
            mapping=mapping, mode=one.mode, empty_cells=one.empty_cells, reading=one.reading, source=one.source
        )
    said = {name: request.POST[name] for name in READING if request.POST.get(name)}
    if said.get("delimiter") == "tab":
        said["delimiter"] = "\t"
    reading: dict[str, Any] = {name: value for name, value in said.items() if name != "has_header"}
    if said.get("has_header") in ("yes", "no"):
        reading["has_header"] = said["has_header"] == "yes"
    return starting.Choices(
        mapping=mapping,
        mode=request.POST.get("mode", one.mode),
        empty_cells=request.POST.get("empty_cells", one.empty_cells),
        is_dry_run="check" in request.POST,
        reading=reading,
        source=request.POST.get("source", ""),
    )


def _with_new_attributes(choices: starting.Choices, sample: Sample) -> starting.Choices:
    """Registers what columns are to become attributes of their own, and maps them to those."""
    mapping = dict(choices.mapping)
    for header, target in choices.mapping.items():
        new = previewing.propose(sample, header) if target.startswith(previewing.NEW) else None
        if new is not None:
            registering.register(key=new.key, label=new.label, kind=new.kind, categories=new.categories)
            mapping[header] = new.key
    return replace(choices, mapping=mapping)


@requires(Deed.IMPORT)
@require_safe
def import_report(request: HttpRequest, public_id: str) -> HttpResponse:
    """One import: its progress while it works, then what became of each row."""
    one = _find(public_id)
    if one.status == ImportStatus.UPLOADED:
        return redirect("import_map", one.public_id)
    context: dict[str, Any] = {
        "import": one,
        "mapping": _mapping_in_words(one),
        "before": starting.imported_before(one) if one.is_active else None,
    }
    undo = _last_undo(one)
    context["undo"], context["obstacle_to_undo"] = undo, undoing.obstacle(one)
    if one.is_active:
        context["watch"] = watch(one)
    elif undo is not None and undo.is_active:
        context["watch_undo"] = watch(undo)
    if not one.is_active and one.rejected:
        context |= _rejected(one)
    if one.elapsed is not None:
        context["duration"] = in_words(one.elapsed)
    return render(request, "imports/import.html", context)


@requires(Deed.IMPORT)
@require_safe
def import_progress(request: HttpRequest, public_id: str) -> HttpResponse:
    """The part of the page that is asked for again while the import works; its end reloads the whole page."""
    one = _find(public_id)
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
    one = _find(public_id)
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
    one = _find(public_id)
    return StreamingHttpResponse(
        csv_lines(reporting.rejects(one)),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="rejected-rows-{one.public_id}.csv"'},
    )


@requires(Deed.IMPORT)
@require_POST
def import_again(request: HttpRequest, public_id: str) -> HttpResponse:
    """After a dry run: the same file with the same choices, for real."""
    one = _find(public_id)
    try:
        again = starting.start_again(one, by=request.user)  # type: ignore[arg-type]
    except (Problem, OSError) as problem:
        messages.error(request, problem.detail if isinstance(problem, Problem) else _("The file is no longer there."))
        return redirect("import", one.public_id)
    return redirect("import", again.public_id)


@requires(Deed.IMPORT)
@require_http_methods(["GET", "POST"])
def import_undo(request: HttpRequest, public_id: str) -> HttpResponse:
    """What taking this import back would do; and doing it."""
    one = _find(public_id)
    if request.method == "POST":
        try:
            undoing.start_undo(one, by=request.user)  # type: ignore[arg-type]
        except Problem as problem:
            messages.error(request, problem.detail)
        return redirect("import", one.public_id)
    why = undoing.obstacle(one)
    context = {"import": one, "obstacle": why, "forecast": None if why else undoing.forecast(one)}
    return render(request, "imports/undo.html", context)


@requires(Deed.IMPORT)
@require_safe
def import_undo_progress(request: HttpRequest, public_id: str) -> HttpResponse:
    """The part of the page that is asked for again while the import is being taken back."""
    undo = _last_undo(_find(public_id))
    if undo is None or not undo.is_active:
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
    one = _find(public_id)
    undo = _last_undo(one)
    if undo is None or not request_cancel(undo):
        messages.info(request, _("Nothing is being taken back any more."))
    return redirect("import", one.public_id)


def _last_undo(one: Import) -> Undo | None:
    return one.undos.order_by("-pk").first()


def _find(public_id: str) -> Import:
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
    return {column.key: column.label for column in targets.columns(one)}


def _in_words(reason: reporting.Reason, one: Import) -> str:
    labels = _labels(one)
    return _("{field}, for example: {example}").format(
        field=labels.get(reason.field, reason.field) or _("Row"), example=reason.example
    )


def _shown(row: RejectedRow, headers: list[str], one: Import) -> dict[str, Any]:
    wrong = {reason.get("field") for reason in row.reasons}
    return {
        "line": row.line,
        "reasons": [reason.get("detail", "") for reason in row.reasons],
        "cells": [
            Cell(str(row.cells.get(header, "")), bool(wrong & {header, one.mapping.get(header)})) for header in headers
        ],
    }


def _mapping_in_words(one: Import) -> list[tuple[str, str]]:
    labels = _labels(one)
    return [(header, labels.get(key, key)) for header, key in one.mapping.items()]


urlpatterns = [
    path("imports/", imports, name="imports"),
    path("imports/new", import_new, name="import_new"),
    path("imports/template/<str:kind>.csv", import_template, name="import_template"),
    path("imports/<str:public_id>", import_report, name="import"),
    path("imports/<str:public_id>/map", import_map, name="import_map"),
    path("imports/<str:public_id>/progress", import_progress, name="import_progress"),
    path("imports/<str:public_id>/cancel", import_cancel, name="import_cancel"),
    path("imports/<str:public_id>/rejects", import_rejects, name="import_rejects"),
    path("imports/<str:public_id>/again", import_again, name="import_again"),
    path("imports/<str:public_id>/undo", import_undo, name="import_undo"),
    path("imports/<str:public_id>/undo/progress", import_undo_progress, name="import_undo_progress"),
    path("imports/<str:public_id>/undo/cancel", import_undo_cancel, name="import_undo_cancel"),
]
