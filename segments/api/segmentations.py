"""Segmentations: how customers are divided, and by what."""

from typing import Any

from django.db import transaction
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from segmentation_site.access.scopes import Scope
from segmentation_site.access.views import ApiView, asked_by
from segmentation_site.http import paging
from segmentation_site.http.finding import find
from segmentation_site.http.idempotency import HEADER, idempotent
from segmentation_site.http.schema import TEXT, operation, page_of, shape
from segments import defining, refitting
from segments.api import answers
from segments.api.definitions import DEFINITION, DEFINITION_CHANGE
from segments.api.requests import OBJECT, OBJECT_OR_NULL, read_body
from segments.api.requests import TEXT as SOME_TEXT
from segments.api.schedules import SCHEDULE, read_timetable
from segments.browsing import stopping
from segments.kmeans.shapes import Definition
from segments.models import Segmentation

FIELDS = {"name": SOME_TEXT, "description": SOME_TEXT, "definition": OBJECT, "schedule": OBJECT_OR_NULL}
_FIELDS_IN_WORDS = {"name": TEXT, "description": TEXT, "definition": DEFINITION, "schedule": SCHEDULE}
SCOPES = {
    "GET": Scope.SEGMENTS_READ,
    "POST": Scope.SEGMENTATIONS_WRITE,
    "PATCH": Scope.SEGMENTATIONS_WRITE,
    "DELETE": Scope.SEGMENTATIONS_WRITE,
}


def find_segmentation(slug: str) -> Segmentation:
    """The segmentation of that slug. Raises NotFound."""
    return find(Segmentation.objects.select_related("published_run"), slug=slug)


def find_for_pulling(slug: str) -> Segmentation:
    """The same with no more than what pages of members and changes need, many times a second. Raises NotFound."""
    needed = ("slug", "last_change", "published_run__public_id", "published_run__segmentation_id")
    return find(Segmentation.objects.select_related("published_run").only(*needed), slug=slug)


def _read_definition(value: dict[str, Any]) -> Definition:
    try:
        return defining.read_definition(value)
    except defining.InvalidDefinition as problem:
        # Its pointer is into the definition, which is a field of the body here.
        raise defining.InvalidDefinition(pointer=f"/definition{problem.pointer}", **problem.facts) from problem


class Segmentations(ApiView):
    """All segmentations, and a new one."""

    required_scope = SCOPES
    query = {"GET": paging.PAGING}

    @operation("Segmentations, the newest first", page_of(answers.SEGMENTATION))
    def get(self, request: Request) -> Response:
        found = Segmentation.objects.select_related("published_run").defer("published_run__model")
        rows, after = paging.newest_first(found, paging.asked(request, self.asked))
        known = stopping.known()
        shown = [answers.of_segmentation(one, known) for one in rows]
        return Response(paging.answer(request, paging.Page(shown, after)))

    @operation(
        "Define a segmentation",
        answers.SEGMENTATION,
        status=201,
        headers=[HEADER],
        location="Where the segmentation is.",
        body=shape("NewSegmentation", _FIELDS_IN_WORDS, optional=["description", "schedule"]),
        refuses=[409, 422],
        description="A feature may be given as its name alone. A run of it, once published, divides the customers.",
    )
    @idempotent
    def post(self, request: Request) -> Response:
        body = read_body(request, FIELDS, required=["name", "definition"])
        timetable = read_timetable(request, body.get("schedule"))
        with transaction.atomic():
            segmentation = defining.create_segmentation(
                name=body["name"],
                definition=_read_definition(body["definition"]),
                description=body.get("description", ""),
                by=asked_by(request),
            )
            if timetable:
                segmentation = refitting.schedule(segmentation, timetable, by=asked_by(request))
        # The database gives some of its values.
        segmentation.refresh_from_db()
        location = reverse("api-segmentation", args=[segmentation.slug], request=request)
        return Response(answers.of_segmentation(segmentation), status=201, headers={"Location": location})


class SegmentationOne(ApiView):
    """One segmentation."""

    required_scope = SCOPES

    @operation("One segmentation", answers.SEGMENTATION)
    def get(self, request: Request, slug: str) -> Response:
        return Response(answers.of_segmentation(find_segmentation(slug)))

    @operation(
        "Change a segmentation",
        answers.SEGMENTATION,
        body=shape(
            "SegmentationChange",
            _FIELDS_IN_WORDS | {"definition": DEFINITION_CHANGE},
            optional=list(_FIELDS_IN_WORDS),
        ),
        refuses=[409],
        description="What is not given stays, also inside `definition`; a `schedule` is replaced whole, null ends "
        "it. Runs that were started keep the definition that they were started with; the slug stays.",
    )
    def patch(self, request: Request, slug: str) -> Response:
        segmentation = find_segmentation(slug)
        body = read_body(request, FIELDS)
        if "definition" in body:
            body["definition"] = _read_definition(segmentation.definition | body["definition"])
        has_schedule = "schedule" in body
        timetable = read_timetable(request, body.pop("schedule", None))
        with transaction.atomic():
            defining.change_segmentation(segmentation, **body)
            if has_schedule:
                refitting.schedule(segmentation, timetable, by=asked_by(request))
        return Response(answers.of_segmentation(find_segmentation(slug)))

    @operation(
        "Delete a segmentation",
        status=204,
        refuses=[409],
        description="With its runs, its segments and who was in them. 409 while a run of it is under way.",
    )
    def delete(self, request: Request, slug: str) -> Response:
        defining.delete_segmentation(find_segmentation(slug))
        return Response(status=204)
