"""Pages of segments: those in use, and one of them with everything that is known of it."""

from urllib.parse import urlencode

from django.contrib import messages
from django.core.exceptions import NON_FIELD_ERRORS
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from segmentation_site.access.roles import Deed, may, requires
from segmentation_site.http.lists import asked
from segmentation_site.jobs.problems import Problem
from segments import defining
from segments.browsing import segments as browsing
from segments.forms import SegmentForm, put_problem
from segments.models import Segment, Segmentation


@requires(Deed.SEE_SEGMENTS)
@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """The segments in use, by segmentation."""
    query, slug = asked(request, "search"), asked(request, "segmentation")
    sort = "name" if asked(request, "sort") == "name" else "size"
    return render(
        request,
        "segments/segments.html",
        {
            "groups": browsing.groups(query=query, slug=slug, sort=sort),
            "segmentations": Segmentation.objects.filter(published_run__isnull=False).only("name", "slug"),
            "query": query,
            "chosen": slug,
            "sort": sort,
        },
    )


def get_segment(public_id: str) -> Segment:
    """The segment with that id, or a page that says there is none."""
    in_use = "segmentation__published_run"
    unused = (f"{in_use}__{column}" for column in browsing.NOT_IN_PORTRAITS)
    return get_object_or_404(Segment.objects.select_related(in_use).defer(*unused), public_id=public_id)


@requires(Deed.SEE_SEGMENTS)
@require_safe
def show(request: HttpRequest, public_id: str) -> HttpResponse:
    """One segment."""
    return _page(request, get_segment(public_id))


@requires(Deed.SEGMENT)
@require_POST
def edit(request: HttpRequest, public_id: str) -> HttpResponse:
    """Give a segment another name, notes or action; what was typed stays when it cannot be."""
    segment = get_segment(public_id)
    form = SegmentForm(request.POST)
    if form.is_valid():
        try:
            defining.edit_segment(segment, **form.cleaned_data, seen=asked_seen(request))
        except Problem as problem:
            put_problem(form, problem)
        else:
            messages.success(request, _("Saved."))
            return redirect("segment", public_id=segment.public_id)
    return _page(request, get_segment(public_id), form)


def asked_seen(request: HttpRequest) -> str | None:
    """The stamp that the form was shown with; None for a form that had none."""
    return request.POST.get("seen") or None


def _page(request: HttpRequest, segment: Segment, form: SegmentForm | None = None) -> HttpResponse:
    shown = form or SegmentForm(
        initial={"name": segment.name, "description": segment.description, "action": segment.action}
    )
    has_conflict = form is not None and form.has_error(NON_FIELD_ERRORS, defining.ChangedMeanwhile.code)
    portrait = browsing.portrait(segment)
    after = asked(request, "after")
    members = None
    if portrait and portrait.is_in_use and may(request.user, Deed.SEE_CUSTOMERS):
        members = browsing.members(segment, portrait.run, portrait.labels, after=after)
    return render(
        request,
        "segments/segment.html",
        {
            "segment": segment,
            "portrait": portrait,
            "form": shown,
            "stamp": defining.stamp(segment) if has_conflict else asked_seen(request) or defining.stamp(segment),
            "has_conflict": has_conflict,
            "members": members,
            "first_url": "?#members" if after else "",
            "next_url": f"?{urlencode({'after': members.after})}#members" if members and members.after else "",
            "members_url": request.build_absolute_uri(f"/api/v1/segments/{segment.public_id}/members"),
        },
        status=422 if form is not None else 200,
    )


urlpatterns = [
    path("segments/", index, name="segments"),
    path("segments/<str:public_id>", show, name="segment"),
    path("segments/<str:public_id>/edit", edit, name="segment_edit"),
]
