"""Who is in a segment: in pages, or everybody in one stream."""

from typing import Any, ClassVar

from django.http import StreamingHttpResponse
from django.http.response import HttpResponseBase
from rest_framework.request import Request

from customers import attributes
from segmentation_site.access.scopes import Scope
from segmentation_site.access.views import ApiView
from segmentation_site.http import paging
from segmentation_site.http.caching import with_etag
from segmentation_site.http.parameters import Parameter, names
from segmentation_site.http.rendering import CsvRenderer, JSONRenderer, NdjsonRenderer
from segmentation_site.http.schema import NUMBER, TEXT, Schema, nullable, one_of, operation, page_of
from segmentation_site.jobs.problems import Problem
from segments.api import finding
from segments.browsing.members import Members, Stream
from segments.kmeans.explaining import FitWord
from segments.models import Run, Segment, Segmentation

# `external_id` is always there.
FIELDS = [column.key for column in attributes.columns() if column.key != "external_id"]
QUERY: tuple[Parameter, ...] = (
    *paging.PAGING,
    names("fields", "Values of the customer that come along, separated by commas.", FIELDS),
)
MEMBER: Schema = {
    "type": "object",
    "properties": {
        "external_id": TEXT,
        "segment_id": TEXT,
        "distance": NUMBER,
        "fit": one_of([word.value for word in FitWord]),
        "joined_at": nullable(TEXT),
        "run_id": TEXT,
    },
    "required": ["external_id", "segment_id", "distance", "fit", "joined_at", "run_id"],
    # And what `fields` asks for.
    "additionalProperties": {"type": ["string", "number", "null"]},
}
DESCRIPTION = (
    "The cursor pins the run that was published when the pull began: a run that is published meanwhile does not mix "
    "into it. With `Accept: text/csv` or `application/x-ndjson` everybody comes in one streamed answer."
)


class RunGone(Problem):
    code = "run_gone"
    sentence = "The run that this pull began with is no longer kept."
    remedy = "Begin anew, without a cursor."
    http_status = 409


class _MembersView(ApiView):
    required_scope = Scope.MEMBERS_READ
    renderer_classes = (JSONRenderer, CsvRenderer, NdjsonRenderer)
    query: ClassVar[dict[str, Any]] = {"GET": QUERY}

    def answer(self, request: Request, segmentation: Segmentation, segment: Segment | None) -> HttpResponseBase:
        fields = self.asked["fields"]
        wanted = paging.asked(request, self.asked)
        run = segmentation.published_run
        if wanted.after is not None:
            run = _pinned(wanted.after, segmentation)
        form = request.accepted_renderer.format
        if form in list(Stream):
            return _stream(Members(run, segment, fields) if run else None, Stream(form))
        if run is None:
            return with_etag(request, paging.answer(request, paging.Page([], None)))
        after = wanted.after[1] if wanted.after is not None else 0
        rows, last = Members(run, segment, fields).page(after, wanted.size)
        following = None if last is None else [run.pk, last]
        return with_etag(request, paging.answer(request, paging.Page(rows, following)))


def _pinned(cursor: Any, segmentation: Segmentation) -> Run:
    run = segmentation.runs.filter(pk=cursor[0], published_at__isnull=False).first()
    if run is None:
        raise RunGone()
    return run


def _stream(members: Members | None, form: Stream) -> StreamingHttpResponse:
    kind = "text/csv; charset=utf-8" if form is Stream.CSV else "application/x-ndjson"
    answer = StreamingHttpResponse(members.stream(form) if members else (), content_type=kind)
    answer["Content-Disposition"] = f'attachment; filename="members.{form}"'
    # Which of the formats it is depends on what was asked for.
    answer["Vary"] = "Accept"
    return answer


class SegmentMembers(_MembersView):
    """The members of one segment."""

    @operation(
        "Members of a segment",
        page_of(MEMBER),
        media={"text/csv": TEXT, "application/x-ndjson": TEXT},
        headers=["If-None-Match"],
        refuses=[409],
        description=DESCRIPTION,
    )
    def get(self, request: Request, public_id: str) -> HttpResponseBase:
        segment = finding.segment(public_id)
        return self.answer(request, segment.segmentation, segment)


class SegmentationMembers(_MembersView):
    """The members of all its segments."""

    @operation(
        "Members of all segments of a segmentation",
        page_of(MEMBER),
        media={"text/csv": TEXT, "application/x-ndjson": TEXT},
        headers=["If-None-Match"],
        refuses=[409],
        description=DESCRIPTION,
    )
    def get(self, request: Request, slug: str) -> HttpResponseBase:
        return self.answer(request, finding.segmentation(slug), None)
