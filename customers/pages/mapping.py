"""What the columns of an uploaded file mean, and how it is to be imported: between upload and start."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from customers import previewing, proposing, starting, targets
from customers.files import mapping as file_mapping
from customers.files.plaintext import DELIMITERS, ENCODINGS
from customers.files.sampling import Sample
from customers.files.schema import Kind
from customers.models import EmptyCells, Import, ImportMode, ImportStatus
from customers.pages.imports import find_import
from customers.problems import file_problems_told
from customers.proposing import Named
from segmentation_site.access.roles import Deed, requires
from segmentation_site.jobs.problems import Problem

MODES: dict[str, dict[ImportMode, Any]] = {
    Import.Kind.CUSTOMERS: {
        ImportMode.UPSERT: gettext_lazy("New customers are added, and those that are here get the values of the file."),
        ImportMode.CREATE: gettext_lazy(
            "Only new customers are added; rows of customers that are here already are rejected."
        ),
        ImportMode.UPDATE: gettext_lazy(
            "Only customers that are here already are changed; rows of others are rejected."
        ),
    },
    Import.Kind.TRANSACTIONS: {
        ImportMode.UPSERT: gettext_lazy("Customers who are not known yet are added."),
        ImportMode.UPDATE: gettext_lazy("Purchases of customers who are not known are rejected."),
    },
}
CELLS = {
    EmptyCells.LEAVE: gettext_lazy("An empty cell changes nothing."),
    EmptyCells.CLEAR: gettext_lazy("An empty cell clears the value; a consent is never cleared."),
}
READING = ("encoding", "delimiter", "decimal", "date_order", "sheet")


@requires(Deed.IMPORT)
@require_http_methods(["GET", "POST"])
def import_map(request: HttpRequest, public_id: str) -> HttpResponse:
    """What the columns of an uploaded file mean. A changed choice shows the effect; Start queues the import."""
    one = find_import(public_id)
    if one.status != ImportStatus.UPLOADED:
        return redirect("import", one.public_id)
    problem, named = None, Named()
    said, saved_factors = _reading(request, one), dict(one.reading.get("factors") or {})
    choices = _choices(request, one, {}, said)
    try:
        one.reading = dict(said)
        sample = starting.look(one)
        chosen, named = _chosen(request, one, sample), _named(request, sample)
        choices = _choices(request, one, chosen, said)
        one.reading = said | _factors(request, one, sample, chosen, saved_factors)
        choices = replace(choices, reading=one.reading)
        if "start" in request.POST or "check" in request.POST:
            proposing.start(one, choices, named=named, by=cast(User, request.user))
            return redirect("import", one.public_id)
    except Problem as found:
        problem = found
        if not choices.mapping:
            # The file cannot be read as was said: it is shown as it was found, with what was chosen.
            one.reading = {}
            sample = starting.look(one)
            choices = _choices(request, one, _chosen(request, one, sample), {})
    typed = _typed_factors(request, sample, saved_factors)
    shown = previewing.preview(one, choices.mapping, named)
    context = {
        "import": one,
        "preview": shown,
        "columns": [(column, typed.get(column.header, "")) for column in shown.columns],
        "reading": said,
        # It stays open where somebody is at work in it.
        "is_reading_open": bool(
            problem or said or shown.is_ambiguous or shown.unreadable or request.POST.get("reading_open")
        ),
        "choices": choices,
        "modes": [(value, label, MODES[one.kind][ImportMode(value)]) for value, label in _modes(one)],
        "cells": [(value, label, CELLS[EmptyCells(value)]) for value, label in EmptyCells.choices],
        "encodings": ENCODINGS.items(),
        "delimiters": [("tab" if sign == "\t" else sign, name, sign) for sign, name in DELIMITERS.items()],
        "saved": starting.saved_mapping(one, sample),
        "signature": starting.signature(sample.headers),
        "problem": problem,
    }
    if request.headers.get("HX-Request"):
        return render(request, "imports/mapping.html", context | {"is_fragment": True})
    context["before"] = starting.imported_before(one)
    return render(request, "imports/map.html", context, status=422 if problem else 200)


def _modes(one: Import) -> list[tuple[str, str]]:
    return [(value, str(label)) for value, label in ImportMode.choices if ImportMode(value) in MODES[one.kind]]


def _chosen(request: HttpRequest, one: Import, sample: Sample) -> dict[str, str]:
    if request.method != "POST":
        return dict(one.mapping)
    if _is_of_other_columns(request, sample):
        return starting.suggested(one, sample)
    return {header: request.POST.get(f"column_{place}", "") for place, header in enumerate(sample.headers)}


def _is_of_other_columns(request: HttpRequest, sample: Sample) -> bool:
    """Whether the form was of another sheet, or of a first row that is none of names after all."""
    return request.POST.get("headers", signature := starting.signature(sample.headers)) != signature


def _reading(request: HttpRequest, one: Import) -> dict[str, Any]:
    """How the file is written, as the form says; before it is sent, what was saved for files with these headers."""
    if request.method != "POST":
        return {name: value for name, value in one.reading.items() if name != "factors"}
    reading: dict[str, Any] = {name: request.POST[name] for name in READING if request.POST.get(name)}
    if reading.get("delimiter") == "tab":
        reading["delimiter"] = "\t"
    if request.POST.get("has_header") in ("yes", "no"):
        reading["has_header"] = request.POST["has_header"] == "yes"
    row = request.POST.get("header_row", "")
    # The rows of another sheet are others.
    if row.isdecimal() and request.POST.get("sheet", "") == request.POST.get("sheet_shown", ""):
        reading["header_row"] = int(row)
    return reading


def _factors(
    request: HttpRequest, one: Import, sample: Sample, chosen: Mapping[str, str], saved: Mapping[str, float]
) -> dict[str, Any]:
    """What the numbers of columns are multiplied with, where that is said. Raises a Problem."""
    numbers = {column.key for column in targets.columns(one) if column.kind is Kind.NUMBER}
    typed = {
        header: f"*{text}"
        for header, text in _typed_factors(request, sample, saved).items()
        if text and (chosen.get(header) in numbers or chosen.get(header, "").startswith(proposing.NEW))
    }
    with file_problems_told():
        factors = file_mapping.split_factors(typed)[1]
    return {"factors": factors} if factors else {}


def _typed_factors(request: HttpRequest, sample: Sample, saved: Mapping[str, float]) -> dict[str, str]:
    """The same as it was typed, or as it was saved for files with these headers."""
    if request.method != "POST":
        return {header: f"{factor:.15g}" for header, factor in saved.items()}
    if _is_of_other_columns(request, sample):
        return {}
    return {header: request.POST.get(f"factor_{place}", "").strip() for place, header in enumerate(sample.headers)}


def _named(request: HttpRequest, sample: Sample) -> Named:
    if request.method != "POST" or _is_of_other_columns(request, sample):
        return Named()
    return Named(
        labels={header: request.POST.get(f"label_{place}", "") for place, header in enumerate(sample.headers)},
        units={
            header: request.POST[f"unit_{place}"]
            for place, header in enumerate(sample.headers)
            if f"unit_{place}" in request.POST
        },
    )


def _choices(request: HttpRequest, one: Import, mapping: dict[str, str], reading: dict[str, Any]) -> starting.Choices:
    if request.method != "POST":
        return starting.Choices(
            mapping=mapping, mode=one.mode, empty_cells=one.empty_cells, reading=reading, source=one.source
        )
    return starting.Choices(
        mapping=mapping,
        mode=request.POST.get("mode", one.mode),
        empty_cells=request.POST.get("empty_cells", one.empty_cells),
        is_dry_run="check" in request.POST,
        reading=reading,
        source=request.POST.get("source", ""),
    )


urlpatterns = [path("imports/<str:public_id>/map", import_map, name="import_map")]
