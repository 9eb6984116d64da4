"""Who is in a segment: in pages, or everybody in one stream."""

from typing import Any, ClassVar

from django.http import StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.translation import gettext_noop
from rest_framework.request import Request

from customers import attributes
from segmentation_site.access.scopes import Scope
from segmentation_site.access.views import ApiView
from segmentation_site.http import paging
from segmentation_site.http.caching import with_etag
from segmentation_site.http.negotiating import ByPreference
from segmentation_site.http.packing import packed, wants_gzip
from segmentation_site.http.parameters import Parameter, names
from segmentation_site.http.problems import IN_QUERY, InvalidRequest
from segmentation_site.http.rendering import CsvRenderer, JSONRenderer, NdjsonRenderer
from segmentation_site.http.schema import TEXT, operation, page_of
from segmentation_site.jobs.problems import Problem
from segments.api import answers
from segments.api.segmentations import find_for_pulling
from segments.api.segments import find_segment
from segments.browsing.members import Members, Stream
from segments.models import Run, Segment, Segmentation


def _fields() -> list[str]:
    """What is known of customers; `external_id` is always there."""
    return [column.key for column in attributes.columns() if column.key != "external_id"]


QUERY: tuple[Parameter, ...] = (
    *paging.PAGING,
    names("fields", "Keys of /attributes that come along, separated by commas.", _fields),
)
MEDIA_TYPES = {Stream.CSV: "text/csv; charset=utf-8", Stream.NDJSON: "application/x-ndjson"}
DESCRIPTION = (
    "The cursor pins the run that was published when the pull began: a run that is published meanwhile does not mix "
    "into it. With `Accept: text/csv` or `application/x-ndjson` everybody comes in one streamed answer, with "
    "`Accept-Encoding: gzip` packed."
)


class RunGone(Problem):
    code = "run_gone"
    sentence = gettext_noop("The run that this pull began with is no longer kept.")
    remedy = gettext_noop("Begin anew, without a cursor.")
    http_status = 409


class _MembersView(ApiView):
    required_scope = Scope.MEMBERS_READ
    renderer_classes = (JSONRenderer, CsvRenderer, NdjsonRenderer)
    content_negotiation_class = ByPreference
    query: ClassVar[dict[str, Any]] = {"GET": QUERY}

    def answer(self, request: Request, segmentation: Segmentation, segment: Segment | None) -> HttpResponseBase:
        form = request.accepted_renderer.format
        if form in list(Stream):
            return self._everybody(request, segmentation.published_run, segment, Stream(form))
        wanted = paging.asked(request, self.asked)
        run, after = segmentation.published_run, 0
        if wanted.after is not None:
            key, after = wanted.after
            run = run if run and run.pk == key else _pinned(key, segmentation)
        rows, last = Members(run, segment, self.asked["fields"]).page(after, wanted.size)
        following = [run.pk, last] if run and last is not None else None
        return with_etag(request, paging.answer(request, paging.Page(rows, following)))

    def _everybody(
        self, request: Request, run: Run | None, segment: Segment | None, form: Stream
    ) -> StreamingHttpResponse:
        for parameter in paging.PAGING:
            if parameter.name in request.query_params:
                raise InvalidRequest.at(
                    IN_QUERY + parameter.name, "not_for_streams", "A stream has no pages: it brings everybody at once."
                )
        headers = {
            "Content-Disposition": f'attachment; filename="members.{form}"',
            # Which of the formats it is depends on what was asked for.
            "Vary": "Accept, Accept-Encoding",
        }
        chunks = Members(run, segment, self.asked["fields"]).stream(form)
        if wants_gzip(request):
            chunks, headers["Content-Encoding"] = packed(chunks), "gzip"
        return StreamingHttpResponse(
            chunks if request.method == "GET" else (), content_type=MEDIA_TYPES[form], headers=headers
        )


def _pinned(key: int, segmentation: Segmentation) -> Run:
    run = segmentation.runs.filter(pk=key, published_at__isnull=False, pruned_at=None).first()
    if run is None:
        raise RunGone()
    return run


class SegmentMembers(_MembersView):
    """The members of one segment."""

    @operation(
        "Members of a segment",
        page_of(answers.MEMBER),
        media={"text/csv": TEXT, "application/x-ndjson": TEXT},
        headers=["If-None-Match"],
        refuses=[409],
        description=DESCRIPTION,
    )
    def get(self, request: Request, public_id: str) -> HttpResponseBase:
        segment = find_segment(public_id)
        return self.answer(request, segment.segmentation, segment)


class SegmentationMembers(_MembersView):
    """The members of all its segments."""

    @operation(
        "Members of all segments of a segmentation",
        page_of(answers.MEMBER),
        media={"text/csv": TEXT, "application/x-ndjson": TEXT},
        headers=["If-None-Match"],
        refuses=[409],
        description=DESCRIPTION,
    )
    def get(self, request: Request, slug: str) -> HttpResponseBase:
        return self.answer(request, find_for_pulling(slug), None)
