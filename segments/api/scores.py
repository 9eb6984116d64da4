"""What a published model says of rows that are not saved."""

from typing import Any

from django.utils.translation import gettext_noop
from rest_framework.request import Request
from rest_framework.response import Response

from customers.writing import MOST
from segmentation_site.access.scopes import Scope
from segmentation_site.access.views import ApiView
from segmentation_site.http.problems import InvalidRequest
from segmentation_site.http.schema import BOOLEAN, INTEGER, NUMBER, TEXT, list_of, nullable, one_of, operation, shape
from segmentation_site.jobs.problems import Problem
from segments.api.batches import AT_MOST, REASON, read_list
from segments.api.segmentations import find_segmentation
from segments.browsing.scores import Scored, Unreadable, score_rows
from segments.kmeans.explaining import FitWord

# Null for a row that could not be read.
_OF_ROW = {
    "segment_id": nullable(TEXT),
    "segment_name": nullable(TEXT),
    "distance": nullable(NUMBER),
    "runner_up_id": nullable(TEXT),
    "runner_up_distance": nullable(NUMBER),
    "fit": nullable(one_of([word.value for word in FitWord])),
    "is_far": nullable(BOOLEAN),
}
_ROW = {
    "type": "object",
    "additionalProperties": True,
    "examples": [{"annual_income": 54.5, "spending_score": 81}],
}
SCORE = shape("Score", {"row": INTEGER, **_OF_ROW, "out_of_range": list_of(TEXT), "errors": list_of(REASON)})


class NothingPublished(Problem):
    code = "nothing_published"
    sentence = gettext_noop("No run of this segmentation is in use, so there is no model to score with.")
    remedy = gettext_noop("Publish a run first.")
    http_status = 409


class Scores(ApiView):
    """Rows of feature values, and where they belong."""

    required_scope = Scope.SEGMENTS_READ

    @operation(
        "Score up to 1,000 rows; nothing is saved",
        shape("ScoredRows", {"run_id": TEXT, "results": list_of(SCORE)}),
        body=shape(
            "RowsToScore",
            {"rows": {"type": "array", "items": _ROW, **AT_MOST}},
        ),
        refuses=[409],
        description="Each row has the features of the published model (see the model of its run) in their own units; "
        "what is missing is filled as the model fills it. `out_of_range` names values beyond those that the model was "
        "fitted on. A row that cannot be read is answered with its errors and stops no other.",
    )
    def post(self, request: Request, slug: str) -> Response:
        rows = read_list(request, "rows", dict, "objects")
        if not rows:
            raise InvalidRequest.at("/rows", "required", f"Give 1 to {MOST} rows.")
        run = find_segmentation(slug).published_run
        if run is None or run.model is None:
            raise NothingPublished()
        found = score_rows(run, rows)
        results = [_told(place, one) for place, one in enumerate(found)]
        return Response({"run_id": run.public_id, "results": results})


def _told(place: int, one: Scored | Unreadable) -> dict[str, Any]:
    if isinstance(one, Unreadable):
        errors = [{"field": field, "code": code, "detail": detail} for field, code, detail in one.reasons]
        return {"row": place, **dict.fromkeys(_OF_ROW), "out_of_range": [], "errors": errors}
    return {
        "row": place,
        "segment_id": one.segment.public_id,
        "segment_name": one.segment.name,
        "distance": one.distance,
        "runner_up_id": one.runner_up.public_id,
        "runner_up_distance": one.runner_up_distance,
        "fit": one.fit.value,
        "is_far": one.is_far,
        "out_of_range": list(one.out_of_range),
        "errors": [],
    }
