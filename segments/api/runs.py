"""Runs: started, followed, stopped, published."""

from typing import Any, ClassVar

from django.db.models import QuerySet
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from segmentation_site.access.scopes import Scope
from segmentation_site.access.views import ApiView, asked_by
from segmentation_site.http import paging
from segmentation_site.http.finding import find
from segmentation_site.http.idempotency import HEADER, idempotent
from segmentation_site.http.negotiating import ByPreference
from segmentation_site.http.parameters import one_of
from segmentation_site.http.rendering import JSONRenderer
from segmentation_site.http.schema import BOOLEAN, TEXT, operation, page_of, shape
from segmentation_site.jobs.leases import NotActive, request_cancel
from segments import publishing, starting
from segments.api import answers
from segments.api.requests import TRUTH, read_body
from segments.api.segmentations import find_segmentation
from segments.browsing import runs as browsing
from segments.models import Run

# Not application/xml, which every browser says it would rather have than JSON.
PMML_TYPE = "application/pmml+xml"
SCOPES = {"GET": Scope.SEGMENTS_READ, "POST": Scope.RUNS_WRITE}


def _runs() -> QuerySet[Run]:
    return Run.objects.select_related("segmentation").defer("params", "measures", "model", "matching")


def _find_run(public_id: str) -> Run:
    return find(_runs(), public_id=public_id)


class Runs(ApiView):
    """The runs of a segmentation, and the start of another one."""

    required_scope = SCOPES
    query = {"GET": paging.PAGING}

    @operation("Runs of a segmentation, the newest first", page_of(answers.BRIEF_RUN))
    def get(self, request: Request, slug: str) -> Response:
        found = _runs().filter(segmentation=find_segmentation(slug))
        rows, after = paging.newest_first(found, paging.asked(request, self.asked))
        return Response(paging.answer(request, paging.Page([answers.of_run_in_brief(run) for run in rows], after)))

    @operation(
        "Start a run",
        answers.RUN,
        status=202,
        body=shape("NewRun", {"publish": BOOLEAN}, optional=["publish"]),
        headers=[HEADER],
        location="Where to follow the work.",
        refuses=[409, 422],
        description="A worker carries it out: poll the address in `Location`. With `publish` it publishes itself when "
        "it is done. 409 while another run of the segmentation is under way; the problem names it as `run`.",
    )
    @idempotent
    def post(self, request: Request, slug: str) -> Response:
        body = read_body(request, {"publish": TRUTH})
        run = starting.start_run(find_segmentation(slug), by=asked_by(request), publish=body.get("publish", False))
        location = reverse("api-run", args=[run.public_id], request=request)
        return Response(answers.of_run(_find_run(run.public_id)), status=202, headers={"Location": location})


class RunOne(ApiView):
    """One run."""

    required_scope = SCOPES

    @operation(
        "One run: its progress, what it has tried, what it found, what went wrong",
        answers.RUN,
        description="`status` is `queued`, `running`, `failed`, `cancelled`, or once it is done `draft`, `published` "
        "or `superseded`. Candidates appear one by one while it works.",
    )
    def get(self, request: Request, public_id: str) -> Response:
        return Response(answers.of_run(_find_run(public_id)))


class RunCancel(ApiView):
    """An end before the end."""

    required_scope = SCOPES

    @operation(
        "Stop a run",
        answers.RUN,
        status=202,
        refuses=[409],
        description="One that waits is cancelled at once, one that works at its next check; nothing half done is kept.",
    )
    def post(self, request: Request, public_id: str) -> Response:
        read_body(request, {})
        run = _find_run(public_id)
        if not request_cancel(run):
            raise NotActive(state=run.state.label.lower())
        return Response(answers.of_run(_find_run(public_id)), status=202)


class RunPublish(ApiView):
    """The run that readers see."""

    required_scope = SCOPES

    @operation(
        "Publish a run",
        answers.RUN,
        refuses=[409],
        description="Readers see its segments from now on. An older run that was published before is the way back.",
    )
    def post(self, request: Request, public_id: str) -> Response:
        read_body(request, {})
        publishing.publish(_find_run(public_id), by=asked_by(request))
        return Response(answers.of_run(_find_run(public_id)))


class PmmlRenderer(BaseRenderer):
    """Lets a client ask for PMML; the view answers it, and its problems are JSON."""

    media_type = PMML_TYPE
    format = "pmml"

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> bytes:
        """Nothing but problems are rendered by the framework here."""
        return JSONRenderer().render(data)


class RunModel(ApiView):
    """The model of a run."""

    required_scope = SCOPES
    renderer_classes = (JSONRenderer, PmmlRenderer)
    content_negotiation_class = ByPreference
    query: ClassVar[dict[str, Any]] = {
        "GET": [one_of("format", "`pmml` is the model as PMML 4.4, as `Accept` of that type is.", ["json", "pmml"])]
    }

    @operation(
        "The model: features, preparation, centroids",
        answers.MODEL,
        media={PMML_TYPE: TEXT},
        refuses=[409],
        description="Enough to score elsewhere: a feature's raw value x becomes "
        "weight · (transform(clip(x)) − center) / scale, a missing one is `impute` first; the nearest centroid wins.",
    )
    def get(self, request: Request, public_id: str) -> HttpResponseBase:
        run = find(Run.objects.select_related("segmentation"), public_id=public_id)
        if run.model is None:
            raise publishing.NotDone(run=run.public_id, state=run.state.label.lower())
        if (self.asked["format"] or request.accepted_renderer.format) == "json":
            return Response(run.model, headers={"Vary": "Accept"})
        return HttpResponse(
            browsing.pmml_of(run),
            content_type=PMML_TYPE,
            headers={"Content-Disposition": f'attachment; filename="{run.public_id}.pmml"', "Vary": "Accept"},
        )
