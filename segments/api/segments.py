"""Segments: lasting groups, with what they look like in the published run."""

from typing import cast

from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response

from segmentation_site.access.scopes import Scope
from segmentation_site.access.views import ApiView
from segmentation_site.http import paging
from segmentation_site.http.caching import with_etag
from segmentation_site.http.finding import find
from segmentation_site.http.problems import InvalidRequest
from segmentation_site.http.schema import operation, page_of, shape
from segments import defining
from segments.api import answers
from segments.api.requests import NUMBER, TEXT, read_body
from segments.api.segmentations import find_segmentation
from segments.browsing.profiles import profiles
from segments.browsing.segments import row_of
from segments.charts import PALETTE
from segments.models import Segment

FIELDS = {"name": TEXT, "colour": NUMBER, "description": TEXT, "action": TEXT}
CHANGE = shape(
    "SegmentChange",
    {
        "name": {"type": "string", "minLength": 1, "maxLength": defining.LONGEST_NAME},
        "colour": {"type": "integer", "minimum": 0, "maximum": PALETTE - 1},
        "description": {"type": "string", "maxLength": defining.LONGEST_TEXT},
        "action": {"type": "string", "maxLength": defining.LONGEST_ACTION},
    },
    optional=list(FIELDS),
)
_HEADERS = ["If-None-Match"]


def find_segment(public_id: str) -> Segment:
    """The segment with that id. Raises NotFound."""
    return find(Segment.objects.select_related("segmentation__published_run"), public_id=public_id)


class SegmentsInUse(ApiView):
    """The segments that readers see now."""

    required_scope = Scope.SEGMENTS_READ
    query = {"GET": paging.PAGING}

    @operation("The segments of the published run, the largest first", page_of(answers.SEGMENT), headers=_HEADERS)
    def get(self, request: Request, slug: str) -> HttpResponse:
        segmentation = find_segmentation(slug)
        published = segmentation.published_run
        found = []
        if published is not None:
            for row in profiles([published.pk]):
                segment = cast(Segment, row.segment)
                # Known already: no row has to look them up.
                row.run, segment.segmentation = published, segmentation
                found.append(answers.of_segment(segment, row))
        page = paging.Page(*paging.in_order(found, paging.asked(request, self.asked)))
        return with_etag(request, paging.answer(request, page))


class SegmentOne(ApiView):
    """One segment."""

    required_scope = {"GET": Scope.SEGMENTS_READ, "PATCH": Scope.SEGMENTS_WRITE}

    @operation(
        "One segment with its profile",
        answers.SEGMENT,
        headers=_HEADERS,
        description="As it is in the published run, or in the last run that had it when it is not in use. Statistics "
        "and the centroid are in the features' own units; `z` is how far the mean lies from everybody's, in "
        "everybody's standard deviations.",
    )
    def get(self, request: Request, public_id: str) -> HttpResponse:
        segment = find_segment(public_id)
        return with_etag(request, answers.of_segment(segment, row_of(segment)))

    @operation(
        "Name or describe a segment",
        answers.SEGMENT,
        body=CHANGE,
        refuses=[409],
        description="What people say of a segment stays with it over refits.",
    )
    def patch(self, request: Request, public_id: str) -> Response:
        segment = find_segment(public_id)
        body = read_body(request, FIELDS)
        if not 0 <= body.get("colour", 0) < PALETTE:
            raise InvalidRequest.at("/colour", "out_of_range", f"A colour is a whole number from 0 to {PALETTE - 1}.")
        defining.edit_segment(segment, **body)
        return Response(answers.of_segment(segment, row_of(segment)))
