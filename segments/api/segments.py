"""Segments: lasting groups, with what they look like in the published run."""

from collections.abc import Mapping
from typing import Any, cast

from rest_framework.request import Request
from rest_framework.response import Response

from segmentation_site.access.scopes import Scope
from segmentation_site.access.views import ApiView, json_object
from segmentation_site.http import paging
from segmentation_site.http.caching import with_etag
from segmentation_site.http.problems import InvalidRequest
from segmentation_site.http.schema import (
    BOOLEAN,
    INTEGER,
    NUMBER,
    TEXT,
    Schema,
    list_of,
    nullable,
    operation,
    page_of,
    shape,
)
from segments import defining
from segments.api import finding
from segments.browsing.segments import profiles, read_profile, row_of
from segments.charts import PALETTE
from segments.kmeans.shapes import FeatureProfile
from segments.models import Segment, SegmentProfile

_FIGURES = ("mean", "sd", "minimum", "q1", "median", "q3", "maximum")
FEATURE_PROFILE = shape(
    "FeatureProfile",
    {
        "name": TEXT,
        "count": INTEGER,
        "missing": INTEGER,
        **dict.fromkeys(_FIGURES, nullable(NUMBER)),
        "z": NUMBER,
        "eta_squared": NUMBER,
    },
)
VALUES: Schema = {"type": "object", "additionalProperties": {"type": ["number", "null"]}}
SEGMENT = shape(
    "Segment",
    {
        "id": TEXT,
        "segmentation": TEXT,
        "name": TEXT,
        "colour": INTEGER,
        "description": TEXT,
        "action": TEXT,
        "is_in_use": BOOLEAN,
        "run_id": nullable(TEXT),
        "size": nullable(INTEGER),
        "share": nullable(NUMBER),
        "silhouette": nullable(NUMBER),
        "stability": nullable(NUMBER),
        "centroid": VALUES,
        "profile": list_of(FEATURE_PROFILE),
    },
)
_FIELDS: Mapping[str, Schema] = {
    "name": {"type": "string", "minLength": 1, "maxLength": defining.LONGEST_NAME},
    "colour": {"type": "integer", "minimum": 0, "maximum": PALETTE - 1},
    "description": TEXT,
    "action": {"type": "string", "maxLength": defining.LONGEST_ACTION},
}
CHANGE = shape("SegmentChange", _FIELDS, optional=list(_FIELDS))
_HEADERS = ["If-None-Match"]


def as_json(segment: Segment, row: SegmentProfile | None) -> dict[str, Any]:
    """A segment as the interface has it; `row` is what a run stored of it, None when no run kept anything."""
    profile = read_profile(row) if row else None
    return {
        "id": segment.public_id,
        "segmentation": segment.segmentation.slug,
        "name": segment.name,
        "colour": segment.colour,
        "description": segment.description,
        "action": segment.action,
        "is_in_use": bool(row and row.run_id == segment.segmentation.published_run_id),
        "run_id": row.run.public_id if row else None,
        "size": row.size if row else None,
        "share": row.share if row else None,
        "silhouette": profile.silhouette if profile else None,
        "stability": profile.stability if profile else None,
        "centroid": dict(profile.centroid) if profile else {},
        "profile": [_feature(one) for one in profile.features] if profile else [],
    }


def _feature(one: FeatureProfile) -> dict[str, Any]:
    return {
        "name": one.name,
        "count": one.count,
        "missing": one.missing,
        **{figure: getattr(one, figure) for figure in _FIGURES},
        "z": one.z,
        "eta_squared": one.eta_squared,
    }


class SegmentationSegments(ApiView):
    """The segments that readers see now."""

    required_scope = Scope.SEGMENTS_READ
    query = {"GET": paging.PAGING}

    @operation("The segments of the published run, the largest first", page_of(SEGMENT), headers=_HEADERS)
    def get(self, request: Request, slug: str) -> Response:
        segmentation = finding.segmentation(slug)
        published = segmentation.published_run
        found = []
        if published is not None:
            published.segmentation = segmentation
            for row in profiles([published.pk]):
                segment = cast(Segment, row.segment)
                row.run, segment.segmentation = published, segmentation
                found.append(as_json(segment, row))
        page = paging.Page(*paging.in_order(found, paging.asked(request, self.asked)))
        return with_etag(request, paging.answer(request, page))


class SegmentOne(ApiView):
    """One segment."""

    required_scope = {"GET": Scope.SEGMENTS_READ, "PATCH": Scope.SEGMENTS_WRITE}

    @operation(
        "One segment with its profile",
        SEGMENT,
        headers=_HEADERS,
        description="In the published run, or in the last run that had it when it is not in use.",
    )
    def get(self, request: Request, public_id: str) -> Response:
        segment = finding.segment(public_id)
        return with_etag(request, as_json(segment, row_of(segment)))

    @operation(
        "Name or describe a segment",
        SEGMENT,
        body=CHANGE,
        refuses=[409],
        description="What people say of a segment stays with it over refits.",
    )
    def patch(self, request: Request, public_id: str) -> Response:
        segment = finding.segment(public_id)
        body = json_object(request)
        for name, value in body.items():
            if name not in _FIELDS:
                raise InvalidRequest.at(
                    f"/{name}", "unknown_field", f"There is no field {name!r} here. Known: {', '.join(_FIELDS)}."
                )
            if name == "colour":
                if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < PALETTE:
                    raise InvalidRequest.at(
                        "/colour", "invalid_colour", f"Send the number of a colour, 0 to {PALETTE - 1}."
                    )
            elif not isinstance(value, str):
                raise InvalidRequest.at(f"/{name}", "not_a_text", f"The {name} must be a text.")
        defining.edit_segment(segment, **body)
        return Response(as_json(segment, row_of(segment)))
