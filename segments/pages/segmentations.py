"""Pages of segmentations: all of them, a new one, one with its runs, and starting a run."""

from django.contrib import messages
from django.core.exceptions import NON_FIELD_ERRORS
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from segmentation_site.access.roles import Deed, may, requires
from segmentation_site.http.lists import newest_first
from segmentation_site.jobs.models import ACTIVE
from segmentation_site.jobs.problems import Problem
from segmentation_site.language.saying import said
from segments import defining, refitting, starting
from segments.browsing import features, runs, schedules, stopping
from segments.browsing.drift import drift_of
from segments.browsing.features import known_labels
from segments.browsing.segments import cards, cards_in_use
from segments.forms import ScheduleForm, SegmentationForm, put_problem
from segments.kmeans.shapes import Definition
from segments.models import Run, Segmentation


@requires(Deed.SEE_SEGMENTS)
@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """Every segmentation, with its segments in use and its last run."""
    segmentations = list(Segmentation.objects.select_related("published_run").order_by("name"))
    in_use = cards_in_use(segmentations)
    last = runs.last_runs(segmentations)
    lines = [
        {
            "segmentation": one,
            "features": features.in_words(Definition.from_json(one.definition)),
            "cards": in_use[one.pk],
            "last_run": last.get(one.pk),
        }
        for one in segmentations
    ]
    return render(request, "segmentations/segmentations.html", {"lines": lines})


def get_segmentation(slug: str) -> Segmentation:
    """The segmentation of that slug, or a page that says there is none."""
    return get_object_or_404(Segmentation.objects.select_related("published_run"), slug=slug)


@requires(Deed.SEE_SEGMENTS)
@require_safe
def show(request: HttpRequest, slug: str) -> HttpResponse:
    """One segmentation: its segments in use, its runs, its definition."""
    segmentation = get_segmentation(slug)
    run, found = segmentation.published_run, runs.light(Run.objects.filter(segmentation=segmentation))
    labels = features.known_labels()
    return render(
        request,
        "segmentations/segmentation.html",
        {
            "segmentation": segmentation,
            "cards": cards(run, labels) if run else [],
            "page": newest_first(request, found),
            "active_run": found.filter(status__in=ACTIVE).first(),
            "facts": runs.facts(Definition.from_json(segmentation.definition), labels),
            "missing": stopping.in_words(stopping.missing_attributes(run)) if run else "",
            "drift": drift_of(segmentation, labels),
            "schedule": schedules.in_words(segmentation),
        },
    )


@requires(Deed.SEGMENT)
def new(request: HttpRequest) -> HttpResponse:
    """Define a segmentation and start its first run."""
    offer = features.offer()
    form = SegmentationForm(
        request.POST or None,
        options=offer.options,
        customers=offer.customers,
        attributes=offer.attributes,
        initial={"features": _ticked(request, offer)},
    )
    if request.method == "POST" and form.is_valid():
        try:
            segmentation = defining.create_segmentation(
                name=form.cleaned_data["name"],
                definition=form.definition,
                description=form.cleaned_data["description"],
                by=request.user,  # type: ignore[arg-type]
            )
        except Problem as problem:
            put_problem(form, problem)
        else:
            return _start(request, segmentation)
    return _form(request, form, offer, None)


def _ticked(request: HttpRequest, offer: features.Offer) -> list[str]:
    """The features of the preset that the address names, or of the first preset."""
    preset = next((one for one in offer.presets if one.key == request.GET.get("preset")), None)
    return list((preset or offer.presets[0]).features) if offer.presets else []


@requires(Deed.SEGMENT)
def edit(request: HttpRequest, slug: str) -> HttpResponse:
    """Change a segmentation; runs that are there keep the definition that they were started with."""
    segmentation = get_segmentation(slug)
    offer = features.offer()
    before = Definition.from_json(segmentation.definition)
    form = SegmentationForm(
        request.POST or None,
        options=offer.options,
        customers=offer.customers,
        attributes=offer.attributes,
        before=before,
        initial=SegmentationForm.initial_of(segmentation.name, segmentation.description, before),
    )
    if request.method == "POST" and form.is_valid():
        try:
            changed = defining.change_segmentation(
                segmentation,
                name=form.cleaned_data["name"],
                description=form.cleaned_data["description"],
                definition=form.definition,
                seen=request.POST.get("seen") or None,
            )
        except Problem as problem:
            put_problem(form, problem)
        else:
            messages.success(request, _("Saved. The next run divides by these settings."))
            return redirect("segmentation", slug=changed.slug)
    return _form(request, form, offer, segmentation)


def _form(
    request: HttpRequest, form: SegmentationForm, offer: features.Offer, segmentation: Segmentation | None
) -> HttpResponse:
    # As it is saved now, not as somebody has just tried to change it.
    saved = get_segmentation(segmentation.slug) if segmentation else None
    has_conflict = form.has_error(NON_FIELD_ERRORS, defining.ChangedMeanwhile.code)
    stamp = "" if has_conflict else request.POST.get("seen", "")
    if saved and not stamp:
        stamp = defining.stamp(saved)
    return render(
        request,
        "segmentations/edit.html",
        {
            "form": form,
            "offer": offer,
            "segmentation": segmentation,
            "stamp": stamp,
            "saved": saved if has_conflict else None,
            "saved_facts": runs.facts(Definition.from_json(saved.definition), known_labels()) if saved else [],
        },
        status=422 if form.errors else 200,
    )


@requires(Deed.SEGMENT)
def schedule(request: HttpRequest, slug: str) -> HttpResponse:
    """When runs start by themselves, and whether what they find is used without asking."""
    segmentation = get_segmentation(slug)
    before = refitting.read_timetable(segmentation.schedule)
    form = ScheduleForm(request.POST or None, before=before, may_publish=may(request.user, Deed.PUBLISH))
    if request.method == "POST" and form.is_valid():
        refitting.schedule(segmentation, form.timetable, by=request.user)  # type: ignore[arg-type]
        messages.success(request, _("Saved."))
        return redirect("segmentation", slug=slug)
    context = {"form": form, "segmentation": segmentation}
    return render(request, "segmentations/schedule.html", context, status=422 if form.errors else 200)


@requires(Deed.SEGMENT)
@require_POST
def start(request: HttpRequest, slug: str) -> HttpResponse:
    """Start a run of a segmentation as it is defined now."""
    return _start(request, get_segmentation(slug))


def _start(request: HttpRequest, segmentation: Segmentation) -> HttpResponse:
    try:
        run = starting.start_run(segmentation, by=request.user)  # type: ignore[arg-type]
    except Problem as problem:
        messages.error(request, said(problem.detail))
        return redirect("segmentation", slug=segmentation.slug)
    return redirect("run", public_id=run.public_id)


urlpatterns = [
    path("segmentations/", index, name="segmentations"),
    path("segmentations/new", new, name="segmentation_new"),
    path("segmentations/<slug:slug>", show, name="segmentation"),
    path("segmentations/<slug:slug>/edit", edit, name="segmentation_edit"),
    path("segmentations/<slug:slug>/schedule", schedule, name="segmentation_schedule"),
    path("segmentations/<slug:slug>/runs", start, name="run_start"),
]
