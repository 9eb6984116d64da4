"""Which of the segments in use a draft's segments go on as."""

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from segmentation_site.access.scopes import Scope
from segmentation_site.access.views import ApiView, asked_by
from segmentation_site.http.finding import find
from segmentation_site.http.problems import Fault, InvalidRequest
from segmentation_site.http.schema import BOOLEAN, NUMBER, TEXT, list_of, nullable, one_of, operation, shape
from segments import overruling
from segments.api.requests import OBJECT, read_body
from segments.kmeans.matches import Matching, Transition
from segments.models import Run

_TRANSITIONS = one_of([one.value for one in Transition])
MATCHES = shape(
    "Matches",
    {
        "baseline": nullable(TEXT),
        "segments": list_of(
            shape(
                "Match",
                {
                    "segment_id": TEXT,
                    "name": TEXT,
                    "transition": _TRANSITIONS,
                    "goes_on_as": nullable(TEXT),
                    "jaccard": NUMBER,
                    "sources": {"type": "object", "additionalProperties": NUMBER},
                    "why": TEXT,
                    "is_overruled": BOOLEAN,
                },
            )
        ),
        "gone": list_of(shape("Gone", {"segment_id": TEXT, "transition": _TRANSITIONS, "why": TEXT})),
    },
)
DECISIONS = shape(
    "MatchDecisions", {"segments": {"type": "object", "additionalProperties": nullable(TEXT), "minProperties": 1}}
)


class RunMatches(ApiView):
    """Where a run's segments come from."""

    required_scope = {"GET": Scope.SEGMENTS_READ, "PATCH": Scope.RUNS_WRITE}

    @operation(
        "Which segments go on in which",
        MATCHES,
        description="Of each segment of the run: the segment in use that it goes on as (null: it is new), and why; and "
        "the segments in use that none goes on as. Empty where no segments were in use when the run was made.",
    )
    def get(self, request: Request, public_id: str) -> Response:
        return Response(_told(_find(public_id)))

    @operation(
        "Decide which segments go on in which",
        MATCHES,
        body=DECISIONS,
        refuses=[409],
        description="For a draft: ids of its segments, each with the id of the segment in use that "
        "it goes on as, or null for a new one; what is not named stays. Nobody changes the group that they are in.",
    )
    def patch(self, request: Request, public_id: str) -> Response:
        decisions = read_body(request, {"segments": OBJECT}, required=["segments"])["segments"]
        faults = [
            Fault(f"/segments/{key}", "invalid_type", "Give the id of a segment in use, or null for a new one.")
            for key, value in decisions.items()
            if not isinstance(value, str | None)
        ]
        if faults:
            raise InvalidRequest(faults)
        run = overruling.decide(_find(public_id), decisions, by=asked_by(request))
        return Response(_told(Run.objects.select_related("baseline").get(pk=run.pk)))


def _find(public_id: str) -> Run:
    return find(Run.objects.select_related("baseline", "segmentation"), public_id=public_id)


def _told(run: Run) -> dict[str, Any]:
    groups = overruling.decided(run)
    matching = Matching.from_json(run.matching) if groups else Matching((), {})
    return {
        "baseline": run.baseline.public_id if run.baseline else None,
        "segments": [
            {
                "segment_id": one.segment.public_id,
                "name": one.segment.name,
                "transition": one.match.transition.value,
                "goes_on_as": one.match.keeps,
                "jaccard": one.match.jaccard,
                "sources": one.match.sources,
                "why": one.match.why,
                "is_overruled": one.match.is_overruled,
            }
            for one in groups
        ],
        "gone": [
            {"segment_id": segment_id, "transition": end.value, "why": matching.why_gone.get(segment_id, "")}
            for segment_id, end in matching.gone.items()
        ],
    }
