"""Customers with their segments, and why they are in them."""

import re
from datetime import datetime
from typing import Any, cast

from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response

from customers import erasing, searching, writing
from segmentation_site.access.scopes import Scope
from segmentation_site.access.views import ApiView, asked_by, json_object
from segmentation_site.http import paging
from segmentation_site.http.caching import with_etag
from segmentation_site.http.parameters import Parameter, boolean, moment, text
from segmentation_site.http.problems import IN_QUERY, Fault, InvalidRequest, NotFound, escaped
from segmentation_site.http.schema import IF_NONE_MATCH, INTEGER, MOMENT, operation, page_of
from segments.api import answers, batches
from segments.api.explanations import EXPLANATION, of_explanation
from segments.browsing.assignments import members_of
from segments.browsing.explanations import explain_customer
from segments.models import Segment

_TAG = re.compile(r'(?:W/)?"?([0-9]{1,18})(?:\.[0-9a-f]{32})?"?')
_MOMENT = moment("updated_since", "Only customers that changed at this time or later.")


def _since(given: str) -> datetime | int:
    if re.fullmatch(r"[0-9]{1,18}", given):
        return int(given)
    try:
        return cast(datetime, _MOMENT.read(given))
    except ValueError as error:
        raise ValueError(f"{error} Or give the change_sequence of the last customer that you have seen.") from None


UPDATED_SINCE = Parameter(
    "updated_since",
    "Only customers that changed at this time or later; or, so that nothing is missed or seen twice, the "
    "`change_sequence` of the last customer that you have seen: only those that changed after it.",
    _since,
    {"oneOf": [MOMENT, INTEGER | {"minimum": 0, "maximum": 10**18 - 1}]},
)


class Customers(ApiView):
    """All customers, in the order in which they changed."""

    required_scope = Scope.CUSTOMERS_READ
    query = {
        "GET": (
            *paging.PAGING,
            UPDATED_SINCE,
            text("segment", "Only the members of this segment: its id."),
            boolean("contactable", "Only customers who agreed to be contacted, or only the others."),
        )
    }

    @operation(
        "Customers in the order of their last change",
        page_of(answers.CUSTOMER),
        description="Ascending by `change_sequence`, which a customer gets anew with each change. A puller that keeps "
        "the last one and gives it as `updated_since` next time never misses a change.",
    )
    def get(self, request: Request) -> Response:
        wanted = paging.asked(request, self.asked)
        since = self.asked["updated_since"]
        seen = since if isinstance(since, int) else 0
        found = searching.changed(
            after=wanted.after or seen,
            size=wanted.size + 1,
            since=since if isinstance(since, datetime) else None,
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

    required_scope = {
        "GET": Scope.CUSTOMERS_READ,
        "PUT": Scope.CUSTOMERS_WRITE,
        "DELETE": Scope.CUSTOMERS_ERASE,
    }

    @operation(
        "One customer and its segments",
        answers.CUSTOMER_IN_SEGMENTS,
        headers=[IF_NONE_MATCH],
        description="In each segmentation in use: the segment, since when, the one before, how firmly it belongs there "
        "and the second nearest. No segment: it came after the run, or what the run looks at was not known.",
    )
    def get(self, request: Request, external_id: str) -> HttpResponse:
        pk, values = _known(external_id)
        found = values | {"segmentations": [answers.of_place(one) for one in explain_customer(pk)]}
        return with_etag(request, found, version=values["change_sequence"])

    @operation(
        "Add or change one customer",
        batches.WRITTEN,
        body={key: value for key, value in batches.GIVEN.items() if key != "properties"},
        refuses=[412],
        headers=["If-Match"],
        description="What is not given stays, null clears. The values are checked as the cells of a file are. With "
        "`If-Match`, which takes the `ETag` or the `change_sequence` of the customer, only while it is as you read it; "
        "with `If-Match: *` only if it is there.",
    )
    def put(self, request: Request, external_id: str) -> Response:
        body = json_object(request)
        if body.get("external_id", external_id) != external_id:
            raise InvalidRequest.at("/external_id", "mismatch", "The id in the body is not the one in the address.")
        (written,) = writing.write([{**body, "external_id": external_id}], is_expected=_is_expected(request))
        if written.reasons:
            raise InvalidRequest(
                Fault(f"/{escaped(wrong.field)}", wrong.code, wrong.detail) for wrong in written.reasons
            )
        return Response(batches.of_written(written))

    @operation(
        "Erase one customer",
        status=204,
        description="With purchases, history, places in segments, rejected rows, uploaded files and exports. The id "
        "and the e-mail address stay on the suppression list as keyed hashes: imports and writes skip them from now "
        "on. The feed of changes says `erased`.",
    )
    def delete(self, request: Request, external_id: str) -> Response:
        if "\0" in external_id or not erasing.erase([external_id], by=asked_by(request)):
            raise NotFound()
        return Response(status=204)


def _is_expected(request: Request) -> writing.IsExpected | None:
    """What `If-Match` asks for: one of some change sequences, each alone or in front of an `ETag`; or anything."""
    given = request.headers.get("If-Match")
    if given is None:
        return None
    if given.strip() == "*":
        return lambda sequence: sequence is not None
    found = [_TAG.fullmatch(one.strip()) for one in given.split(",")]
    if None in found:
        raise InvalidRequest.at(
            "If-Match",
            "invalid_header",
            'If-Match takes the ETag of the customer, its change_sequence, such as "123", or *.',
        )
    expected = {int(one[1]) for one in found if one}
    return lambda sequence: sequence in expected


class CustomerExplanation(ApiView):
    """Why a customer is in its segment."""

    required_scope = Scope.CUSTOMERS_READ
    query = {"GET": (text("segmentation", "The slug of the segmentation; needed where several are in use."),)}

    @operation(
        "Why this segment?",
        EXPLANATION,
        description="Exact for K-means: feature by feature the customer's value, what is typical of its segment and of "
        "the runner-up, and the gap between its squared distances to both; positive speaks for its own segment. "
        "`would_move_at` is the nearest value that, all else equal, would move it to the runner-up.",
    )
    def get(self, request: Request, external_id: str) -> Response:
        pk, _values = _known(external_id)
        found = explain_customer(pk)
        if (slug := self.asked["segmentation"]) is not None:
            found = [one for one in found if one.segmentation.slug == slug]
        if not found:
            raise NotFound()
        if len(found) > 1:
            slugs = ", ".join(one.segmentation.slug for one in found)
            raise InvalidRequest.at(f"{IN_QUERY}segmentation", "required", f"Say which segmentation: {slugs}.")
        return Response(of_explanation(found[0]))


def _known(external_id: str) -> tuple[int, dict[str, Any]]:
    # PostgreSQL keeps no text with a NUL, and does not let itself be asked for it.
    found = None if "\0" in external_id else searching.known(external_id)
    if found is None:
        raise NotFound()
    return found
