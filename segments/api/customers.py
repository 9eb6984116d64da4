"""Customers with their segments, and why they are in them."""

from collections.abc import Mapping
from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from customers import attributes, searching
from segmentation_site.access.scopes import Scope
from segmentation_site.access.views import ApiView
from segmentation_site.http import paging
from segmentation_site.http.parameters import boolean, moment, text
from segmentation_site.http.problems import IN_QUERY, InvalidRequest, NotFound
from segmentation_site.http.schema import (
    INTEGER,
    MOMENT,
    NUMBER,
    TEXT,
    Schema,
    list_of,
    nullable,
    one_of,
    operation,
    page_of,
    shape,
)
from segments.browsing.assignments import members_of
from segments.browsing.explanations import Explanation, explain_customer
from segments.kmeans.explaining import FitWord
from segments.models import Segment

_TYPES: Mapping[str, Schema] = {"number": NUMBER, "date": {"type": "string", "format": "date"}}
_VALUES: dict[str, Schema] = {
    column.key: TEXT if column.key == "external_id" else nullable(_TYPES.get(column.kind, TEXT))
    for column in attributes.columns()
}
CUSTOMER = shape("Customer", {**_VALUES, "change_sequence": INTEGER, "created_at": MOMENT, "updated_at": MOMENT})
SEGMENT_NAME = shape("SegmentName", {"id": TEXT, "name": TEXT})
PLACE = shape(
    "Place",
    {
        "segmentation": TEXT,
        "run_id": TEXT,
        "segment": nullable(SEGMENT_NAME),
        "since": nullable(MOMENT),
        "previous_segment": nullable(SEGMENT_NAME),
        "fit": nullable(one_of([word.value for word in FitWord])),
        "distance": nullable(NUMBER),
        "runner_up": nullable(SEGMENT_NAME),
    },
)
CUSTOMER_IN_SEGMENTS = shape(
    "CustomerInSegments",
    {
        **_VALUES,
        "change_sequence": INTEGER,
        "created_at": MOMENT,
        "updated_at": MOMENT,
        "segmentations": list_of(PLACE),
    },
)
EXPLANATION = shape(
    "Explanation",
    {
        "segmentation": TEXT,
        "run_id": TEXT,
        "segment": nullable(SEGMENT_NAME),
        "runner_up": nullable(SEGMENT_NAME),
        "fit": nullable(one_of([word.value for word in FitWord])),
        "sentence": TEXT,
        "features": list_of(
            shape(
                "FeatureReason",
                {
                    "name": TEXT,
                    "label": TEXT,
                    "unit": TEXT,
                    "value": nullable(NUMBER),
                    "typical": nullable(NUMBER),
                    "runner_up_typical": nullable(NUMBER),
                    "gap": NUMBER,
                },
            )
        ),
    },
)


def _named(segment: Segment | None) -> dict[str, str] | None:
    return {"id": segment.public_id, "name": segment.name} if segment else None


def _place(one: Explanation) -> dict[str, Any]:
    return {
        "segmentation": one.segmentation.slug,
        "run_id": one.run.public_id,
        "segment": _named(one.segment),
        "since": one.joined_at,
        "previous_segment": _named(one.before),
        "fit": one.fit,
        "distance": one.distance,
        "runner_up": _named(one.runner_up),
    }


class Customers(ApiView):
    """All customers, in the order in which they changed."""

    required_scope = Scope.CUSTOMERS_READ
    query = {
        "GET": (
            *paging.PAGING,
            moment("updated_since", "Only customers that changed at this time or later."),
            text("segment", "Only the members of this segment: its id."),
            boolean("contactable", "Only customers who agreed to be contacted, or only the others."),
        )
    }

    @operation(
        "Customers in the order of their last change",
        page_of(CUSTOMER),
        description="A puller that goes on from its last cursor never misses a change.",
    )
    def get(self, request: Request) -> Response:
        wanted = paging.asked(request, self.asked)
        found = searching.changed(
            after=wanted.after or 0,
            size=wanted.size + 1,
            since=self.asked["updated_since"],
            is_contactable=self.asked["contactable"],
            among=self._members(),
        )
        rows = found[: wanted.size]
        after = rows[-1]["change_sequence"] if len(found) > wanted.size else None
        return Response(paging.answer(request, paging.Page(rows, after)))

    def _members(self) -> Any:
        if self.asked["segment"] is None:
            return None
        segment = Segment.objects.select_related("segmentation").filter(public_id=self.asked["segment"]).first()
        if segment is None:
            raise InvalidRequest.at(f"{IN_QUERY}segment", "unknown_segment", "There is no segment with this id.")
        return members_of(segment)


class CustomerOne(ApiView):
    """One customer."""

    required_scope = Scope.CUSTOMERS_READ

    @operation(
        "One customer and its segments",
        CUSTOMER_IN_SEGMENTS,
        description="In each segmentation in use: the segment, since when, the one before, how firmly it belongs there "
        "and the second nearest. No segment: it came after the run, or what the run looks at was not known.",
    )
    def get(self, request: Request, external_id: str) -> Response:
        pk, values = _known(external_id)
        return Response(values | {"segmentations": [_place(one) for one in explain_customer(pk, values)]})


class CustomerExplanation(ApiView):
    """Why a customer is in its segment."""

    required_scope = Scope.CUSTOMERS_READ
    query = {"GET": (text("segmentation", "The slug of the segmentation; needed where several are in use."),)}

    @operation(
        "Why this segment?",
        EXPLANATION,
        description="Exact for K-means: feature by feature the customer's value, what is typical of its segment and of "
        "the runner-up, and the gap between its squared distances to both; positive speaks for its own segment.",
    )
    def get(self, request: Request, external_id: str) -> Response:
        pk, values = _known(external_id)
        found = explain_customer(pk, values)
        if (slug := self.asked["segmentation"]) is not None:
            found = [one for one in found if one.segmentation.slug == slug]
        if not found:
            raise NotFound()
        if len(found) > 1:
            slugs = ", ".join(one.segmentation.slug for one in found)
            raise InvalidRequest.at(f"{IN_QUERY}segmentation", "required", f"Say which segmentation: {slugs}.")
        return Response(_explanation(found[0]))


def _explanation(one: Explanation) -> dict[str, Any]:
    return {
        "segmentation": one.segmentation.slug,
        "run_id": one.run.public_id,
        "segment": _named(one.segment),
        "runner_up": _named(one.runner_up),
        "fit": one.fit,
        "sentence": one.sentence,
        "features": [
            {
                "name": reason.name,
                "label": reason.label,
                "unit": reason.unit,
                "value": reason.number,
                "typical": reason.own,
                "runner_up_typical": reason.other,
                "gap": reason.gap,
            }
            for reason in one.reasons
        ],
    }


def _known(external_id: str) -> tuple[int, dict[str, Any]]:
    found = searching.known(external_id)
    if found is None:
        raise NotFound()
    return found
