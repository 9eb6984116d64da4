"""Pages of runs: live while one works, then what it found, and putting that to use."""

from http import HTTPStatus

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from segmentation_site.access.roles import Deed, requires
from segmentation_site.http.lists import asked
from segmentation_site.jobs import leases
from segmentation_site.jobs.models import JobStatus
from segmentation_site.jobs.problems import Problem
from segmentation_site.jobs.watching import in_words, watch
from segmentation_site.language.saying import said
from segments import overruling, publishing, starting
from segments.browsing import maps, moves
from segments.browsing import runs as browsing
from segments.browsing.moves import MOST_RUNS, comparable, moves_of
from segments.browsing.segments import Told, told_of
from segments.forms import MapForm
from segments.models import Run


def get_run(public_id: str) -> Run:
    """The run with that id, or a page that says there is none."""
    return get_object_or_404(
        Run.objects.select_related("segmentation", "created_by", "published_by"), public_id=public_id
    )


@requires(Deed.SEE_SEGMENTS)
@require_safe
def show(request: HttpRequest, public_id: str) -> HttpResponse:
    """One run, in whatever state it is."""
    run = get_run(public_id)
    context: dict[str, object] = {
        "run": run,
        "took": in_words(run.elapsed) if run.finished_at and run.elapsed is not None else "",
    }
    if run.is_active:
        context |= _progress_context(run)
    elif run.status == JobStatus.DONE:
        told = told_of(run)
        context |= {
            "results": browsing.results(run, told),
            "obstacle": publishing.obstacle(run),
            "moves": moves_of(run),
        }
        context["others"] = comparable(run)[:1]
        context |= _matches_context(run)
        context |= _map_context(request, run, told)
    return render(request, "runs/run.html", context)


@requires(Deed.SEE_SEGMENTS)
@require_safe
def progress(request: HttpRequest, public_id: str) -> HttpResponse:
    """The live part of a run's page; once the run has ended, the word to load the page anew."""
    run = get_run(public_id)
    if not run.is_active:
        return HttpResponse(headers={"HX-Refresh": "true"})
    context = _progress_context(run)
    seen = request.GET.get("seen", "")
    return render(request, "runs/live.html", context | {"is_news": seen != str(context["tried"])})


def _progress_context(run: Run) -> dict[str, object]:
    candidates = browsing.measured(run)
    return {
        "run": run,
        "watch": watch(run),
        "what": _("Run"),
        "unit": _("steps"),
        "fragment_url": reverse("run_progress", args=[run.public_id]) + f"?seen={len(candidates)}",
        "tried": len(candidates),
        "elbow": browsing.elbow_so_far(candidates),
    }


@requires(Deed.SEE_SEGMENTS)
@require_safe
def map_(request: HttpRequest, public_id: str) -> HttpResponse:
    """The map alone, for two other features."""
    run = get_run(public_id)
    if run.status != JobStatus.DONE:
        return redirect("run", public_id=run.public_id)
    return render(request, "runs/map.html", {"run": run} | _map_context(request, run, told_of(run)))


def _map_context(request: HttpRequest, run: Run, told: Told) -> dict[str, object]:
    seen = maps.read_map(run, told.cards, told.labels)
    if len(seen.choices) < 2:
        return {}
    form = MapForm(request.GET, choices=seen.choices)
    directions = seen.told if seen.is_told(*form.axes) else ""
    return {"map_form": form, "map": seen.chart(*form.axes), "map_told": directions}


@requires(Deed.SEE_SEGMENTS)
@require_safe
def compare(request: HttpRequest, public_id: str) -> HttpResponse:
    """Two runs of a segmentation beside each other: who moved, what goes on, what is new."""
    run = get_run(public_id)
    others = list(comparable(run)[:MOST_RUNS])
    wanted = asked(request, "with")
    chosen = next((one for one in others if one.public_id == wanted), None)
    if chosen is None and not wanted:
        preferred = (run.baseline_id, run.segmentation.published_run_id)
        chosen = next((one for key in preferred for one in others if one.pk == key), others[0] if others else None)
    can_be_compared = chosen is not None and run.status == JobStatus.DONE and run.pruned_at is None
    # The older one is what was before, whichever was asked for first.
    pair = sorted([run, chosen], key=lambda one: one.pk) if chosen and can_be_compared else []
    context = {
        "run": run,
        "chosen": chosen,
        "others": others,
        "wanted": wanted,
        "before": pair[0] if pair else None,
        "after": pair[1] if pair else None,
        "comparison": moves.compare(pair[0], pair[1]) if pair else None,
    }
    return render(request, "runs/compare.html", context, status=HTTPStatus.NOT_FOUND if wanted and not chosen else 200)


def _matches_context(run: Run) -> dict[str, object]:
    """What a draft's segments go on as, and what they could."""
    if run.published_at is not None or publishing.obstacle(run):
        return {}
    return {"matches": overruling.decided(run), "segments_before": overruling.known_before(run)}


@requires(Deed.SEGMENT)
@require_POST
def matches(request: HttpRequest, public_id: str) -> HttpResponse:
    """Decide which segments in use a draft's segments go on as."""
    run = get_run(public_id)
    known = {one.segment.public_id for one in overruling.decided(run)}
    decisions = {key: value or None for key, value in request.POST.items() if key in known}
    try:
        overruling.decide(run, decisions, by=request.user)  # type: ignore[arg-type]
    except Problem as problem:
        messages.error(request, said(problem.detail))
    else:
        messages.success(request, _("Saved. What using it would move is counted anew."))
    return redirect(reverse("run", args=[run.public_id]) + "#moves")


@requires(Deed.SEGMENT)
@require_POST
def again(request: HttpRequest, public_id: str) -> HttpResponse:
    """Do a run again, as it was defined then, with the customers and the segments in use of now."""
    run = get_run(public_id)
    try:
        started = starting.start_again(run, by=request.user)  # type: ignore[arg-type]
    except Problem as problem:
        messages.error(request, said(problem.detail))
        return redirect("run", public_id=run.public_id)
    return redirect("run", public_id=started.public_id)


@requires(Deed.SEE_SEGMENTS)
@require_safe
def pmml(request: HttpRequest, public_id: str) -> HttpResponse:
    """The model as a file for programs that score elsewhere."""
    run = get_run(public_id)
    if run.model is None:
        return redirect("run", public_id=run.public_id)
    headers = {"Content-Disposition": f'attachment; filename="{run.public_id}.pmml"'}
    return HttpResponse(browsing.pmml_of(run), content_type="application/xml", headers=headers)


@requires(Deed.SEGMENT)
@require_POST
def cancel(request: HttpRequest, public_id: str) -> HttpResponse:
    """Ask a run to stop."""
    run = get_run(public_id)
    if leases.request_cancel(run):
        messages.info(request, _("The run is told to stop. Nothing half done is kept."))
    else:
        messages.info(request, _("The run had already ended."))
    return redirect("run", public_id=run.public_id)


@requires(Deed.PUBLISH)
@require_POST
def publish(request: HttpRequest, public_id: str) -> HttpResponse:
    """Use this run's segments; with an older run that is going back."""
    run = get_run(public_id)
    try:
        publishing.publish(run, by=request.user)  # type: ignore[arg-type]
    except Problem as problem:
        messages.error(request, said(problem.detail))
    else:
        messages.success(request, _("These segments are in use now: on all pages and over the API."))
    return redirect("run", public_id=run.public_id)


urlpatterns = [
    path("runs/<str:public_id>", show, name="run"),
    path("runs/<str:public_id>/progress", progress, name="run_progress"),
    path("runs/<str:public_id>/map", map_, name="run_map"),
    path("runs/<str:public_id>/compare", compare, name="run_compare"),
    path("runs/<str:public_id>/matches", matches, name="run_matches"),
    path("runs/<str:public_id>/model.pmml", pmml, name="run_pmml"),
    path("runs/<str:public_id>/again", again, name="run_again"),
    path("runs/<str:public_id>/cancel", cancel, name="run_cancel"),
    path("runs/<str:public_id>/publish", publish, name="run_publish"),
]
