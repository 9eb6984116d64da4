"""Many customers in one call: written, or looked up with their segments."""

from collections.abc import Mapping, Sequence
from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from customers import searching, writing
from segmentation_site.access.scopes import Scope
from segmentation_site.access.views import ApiView, json_object
from segmentation_site.http.problems import Fault, InvalidRequest, escaped
from segmentation_site.http.schema import TEXT, list_of, nullable, one_of, operation, shape
from segments.api import answers
from segments.browsing import assignments
from segments.models import Segment

OUTCOMES = (writing.CREATED, writing.UPDATED, writing.UNCHANGED, writing.REJECTED)
REASON = shape("Reason", {"field": TEXT, "code": TEXT, "detail": TEXT})
WRITTEN = shape("WrittenCustomer", {"external_id": TEXT, "status": one_of(OUTCOMES), "errors": list_of(REASON)})
# One without its id is rejected alone: it is no reason to refuse the others.
GIVEN: dict[str, Any] = {
    "type": "object",
    "description": "`external_id`, which is needed, and any attributes of /attributes. What is not given stays, null "
    "clears.",
    "properties": {"external_id": {"description": "The owner's own id: a text or a whole number."}},
    "examples": [{"external_id": "17", "age": 36, "email": "ada@example.com"}],
    "additionalProperties": True,
}
AT_MOST = {"minItems": 1, "maxItems": writing.MOST}
FOUND = shape(
    "LookedUpCustomer",
    {
        "asked": TEXT,
        "external_id": nullable(TEXT),
        "segments": list_of(shape("SegmentOfCustomer", {"segmentation": TEXT, "segment_id": TEXT, "name": TEXT})),
    },
)


def of_written(one: writing.Written) -> dict[str, Any]:
    """What became of one customer."""
    return {
        "external_id": one.external_id,
        "status": one.outcome,
        "errors": [{"field": wrong.field, "code": wrong.code, "detail": wrong.detail} for wrong in one.reasons],
    }


def read_list(request: Request, name: str, kind: type, words: str, *, others: Sequence[str] = ()) -> list[Any]:
    """The list `name` of the body: from 1 to 1,000 items of a kind. Raises InvalidRequest."""
    body = json_object(request)
    known = (name, *others)
    faults = [
        Fault(f"/{escaped(key)}", "unknown_field", f"There is no field {key!r} here. Known: {', '.join(known)}.")
        for key in body
        if key not in known
    ]
    items = body.get(name, [])
    if not isinstance(items, list) or len(items) > writing.MOST:
        faults.append(Fault(f"/{name}", "invalid", f"Give a list of at most {writing.MOST} {words}."))
        items = []
    faults += [
        Fault(f"/{name}/{place}", "invalid_type", f"Each of {name} must be one of {words}.")
        for place, item in enumerate(items)
        if not isinstance(item, kind)
    ][:100]
    if faults:
        raise InvalidRequest(faults)
    return items


class CustomerBatch(ApiView):
    """Up to 1,000 customers, added or changed."""

    required_scope = Scope.CUSTOMERS_WRITE

    @operation(
        "Add or change up to 1,000 customers",
        shape("BatchOutcome", {"results": list_of(WRITTEN)}),
        body=shape("Batch", {"customers": {"type": "array", "items": GIVEN, **AT_MOST}}),
        description="Each item is checked as a row of a file is, and answered in its place; one that is rejected "
        "stops no other. Sending the same batch again changes nothing.",
    )
    def post(self, request: Request) -> Response:
        rows: list[Mapping[str, Any]] = read_list(request, "customers", dict, "objects")
        if not rows:
            raise InvalidRequest.at("/customers", "required", "Give at least one customer.")
        return Response({"results": [of_written(one) for one in writing.write(rows)]})


class CustomerLookup(ApiView):
    """Whom a tool knows by id or address, and their segments."""

    required_scope = Scope.CUSTOMERS_READ

    @operation(
        "The segments of up to 1,000 customers",
        shape("Looked", {"results": list_of(FOUND)}),
        body=shape(
            "Lookup",
            {
                "external_ids": {"type": "array", "items": TEXT, "maxItems": writing.MOST},
                "emails": {"type": "array", "items": TEXT, "maxItems": writing.MOST},
            },
            optional=["external_ids", "emails"],
        ),
        description="By the owner's own ids, by e-mail addresses, or both. Everything that was asked for is answered, "
        "in its order: with null where nobody is known, and once for each customer who has the address.",
    )
    def post(self, request: Request) -> Response:
        ids = read_list(request, "external_ids", str, "texts", others=["emails"])
        emails = read_list(request, "emails", str, "texts", others=["external_ids"])
        if not ids and not emails:
            raise InvalidRequest.at("", "required", "Give external_ids or emails.")
        if len(ids) + len(emails) > writing.MOST:
            raise InvalidRequest.at("", "too_many", f"Ask for at most {writing.MOST} at once.")
        found = searching.keys_of(ids, emails)
        places = assignments.of_customers(pk for matches in found.values() for pk, _ in matches)
        results = []
        for asked in [("external_id", value) for value in ids] + [("email", value) for value in emails]:
            matches = found.get(asked, [])
            results += [_of_found(asked[1], external_id, places[pk]) for pk, external_id in matches]
            if not matches:
                results.append(_of_found(asked[1], None, []))
        return Response({"results": results})


def _of_found(asked: str, external_id: str | None, segments: Sequence[Segment]) -> dict[str, Any]:
    return {
        "asked": asked,
        "external_id": external_id,
        "segments": [answers.of_membership(segment) for segment in segments],
    }
