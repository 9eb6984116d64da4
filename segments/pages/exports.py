"""Pages of exports: all of them, a new one, one with its file."""

from django.contrib import messages
from django.core.files.storage import default_storage
from django.http import FileResponse, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from customers.attributes import columns
from customers.overview import everybody
from segmentation_site.access.roles import Deed, requires
from segmentation_site.http.lists import asked, newest_first
from segmentation_site.jobs.leases import request_cancel
from segmentation_site.jobs.problems import Problem
from segmentation_site.jobs.watching import watch
from segmentation_site.language.saying import label as label_of
from segmentation_site.language.saying import said
from segments import exporting
from segments.browsing import segments as browsing
from segments.forms import ExportForm, put_problem
from segments.models import Export, Segment, Segmentation

ALL_SEGMENTS = "all:"


def get_export(public_id: str) -> Export:
    """The export with that id, or a page that says there is none."""
    found = Export.objects.select_related("segmentation", "segment", "created_by")
    return get_object_or_404(found, public_id=public_id)


@requires(Deed.EXPORT)
@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """Every file of members that left, or waits to leave."""
    page = newest_first(request, Export.objects.select_related("segment", "created_by"))
    return render(request, "exports/exports.html", {"page": page})


@requires(Deed.EXPORT)
def new(request: HttpRequest) -> HttpResponse:
    """Ask for a file of members."""
    members = _members()
    form = ExportForm(
        request.POST or None,
        members=members,
        columns=[(column.key, label_of(column.label)) for column in columns() if column.key != "external_id"],
        initial={"members": asked(request, "segment"), "columns": ["email", "first_name", "last_name"]},
    )
    if request.method == "POST" and form.is_valid():
        try:
            export = _started(request, form)
        except Problem as problem:
            put_problem(form, problem)
        else:
            return redirect("export", public_id=export.public_id)
    context = {"form": form, "is_possible": bool(members), "is_nobody_contactable": not everybody().contactable}
    return render(request, "exports/new.html", context, status=422 if form.errors else 200)


def _members() -> list[tuple[str, list[tuple[str, str]]]]:
    """By segmentation what can be exported: all of its segments in use, or one of them."""
    found = []
    for group in browsing.groups():
        name = group.segmentation.name
        everybody = (f"{ALL_SEGMENTS}{group.segmentation.slug}", _("All segments of {name}").format(name=name))
        found.append((name, [everybody, *((card.public_id, card.name) for card in group.cards)]))
    return found


def _started(request: HttpRequest, form: ExportForm) -> Export:
    chosen, cleaned = form.cleaned_data["members"], form.cleaned_data
    segment = None
    if chosen.startswith(ALL_SEGMENTS):
        segmentation = get_object_or_404(
            Segmentation.objects.select_related("published_run"), slug=chosen.removeprefix(ALL_SEGMENTS)
        )
    else:
        segment = get_object_or_404(Segment.objects.select_related("segmentation__published_run"), public_id=chosen)
        segmentation = segment.segmentation
    return exporting.start_export(
        segmentation,
        segment,
        by=request.user,  # type: ignore[arg-type]
        format=cleaned["format"],
        hashed=cleaned["hashed"],
        columns=cleaned["columns"],
        contactable_only=cleaned["contactable"],
    )


@requires(Deed.EXPORT)
@require_safe
def show(request: HttpRequest, public_id: str) -> HttpResponse:
    """One export: how far it is, or its file."""
    export = get_export(public_id)
    labels = {column.key: label_of(column.label) for column in columns()}
    # An attribute that was removed since then has only its key left.
    context: dict[str, object] = {"export": export, "columns": [labels.get(key, key) for key in export.columns]}
    if export.is_active:
        context |= _progress_context(export)
    elif not export.is_to_be_had:
        context["why_gone"] = exporting.why_gone(export)
    return render(request, "exports/export.html", context)


@requires(Deed.EXPORT)
@require_safe
def progress(request: HttpRequest, public_id: str) -> HttpResponse:
    """The live part of an export's page; once it has ended, the word to load the page anew."""
    export = get_export(public_id)
    if not export.is_active:
        return HttpResponse(headers={"HX-Refresh": "true"})
    return render(request, "components/job_progress.html", _progress_context(export))


def _progress_context(export: Export) -> dict[str, object]:
    return {
        "watch": watch(export),
        "what": _("Export"),
        "unit": _("customers"),
        "fragment_url": reverse("export_progress", args=[export.public_id]),
    }


@requires(Deed.EXPORT)
@require_POST
def cancel(request: HttpRequest, public_id: str) -> HttpResponse:
    """Ask an export to stop."""
    request_cancel(get_export(public_id))
    return redirect("export", public_id=public_id)


@requires(Deed.EXPORT)
@require_safe
def file(request: HttpRequest, public_id: str) -> HttpResponseBase:
    """The file itself."""
    export = get_export(public_id)
    try:
        name = exporting.fetch(export, by=request.user)  # type: ignore[arg-type]
    except Problem as problem:
        messages.error(request, said(problem.detail))
        return redirect("export", public_id=public_id)
    return FileResponse(default_storage.open(name), as_attachment=True, filename=export.file_name)


urlpatterns = [
    path("exports/", index, name="exports"),
    path("exports/new", new, name="export_new"),
    path("exports/<str:public_id>", show, name="export"),
    path("exports/<str:public_id>/progress", progress, name="export_progress"),
    path("exports/<str:public_id>/cancel", cancel, name="export_cancel"),
    path("exports/<str:public_id>/file", file, name="export_file"),
]
