"""What the columns of an uploaded file mean, and how it is to be imported: between upload and start."""

from dataclasses import replace
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils.translation import gettext_lazy as _lazy
from django.views.decorators.http import require_http_methods

from customers import previewing, registering, starting
from customers.files.plaintext import DELIMITERS, ENCODINGS
from customers.files.sampling import Sample
from customers.models import EmptyCells, Import, ImportMode, ImportStatus
from customers.pages.imports import find_import
from segmentation_site.access.roles import Deed, may, requires
from segmentation_site.jobs.problems import Problem

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


@requires(Deed.IMPORT)
@require_http_methods(["GET", "POST"])
def import_map(request: HttpRequest, public_id: str) -> HttpResponse:
    """What the columns of an uploaded file mean. A changed choice shows the effect; Start queues the import."""
    one = find_import(public_id)
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
        "signature": starting.signature(sample.headers),
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
    if request.POST.get("headers", signature := starting.signature(sample.headers)) != signature:
        # Another sheet, or the first row is none of names after all: these are other columns than those chosen for.
        return starting.suggested(one, sample)
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


urlpatterns = [path("imports/<str:public_id>/map", import_map, name="import_map")]
