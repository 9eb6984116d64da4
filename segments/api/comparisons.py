"""Two runs beside each other."""

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from segmentation_site.access.scopes import Scope
from segmentation_site.access.views import ApiView
from segmentation_site.http.finding import find
from segmentation_site.http.parameters import text
from segmentation_site.http.problems import IN_QUERY, InvalidRequest
from segmentation_site.http.schema import INTEGER, NUMBER, TEXT, list_of, nullable, one_of, operation, shape
from segmentation_site.jobs.models import JobStatus
from segments import publishing
from segments.browsing import moves
from segments.browsing.moves import Comparison
from segments.models import Run

COMPARISON = shape(
    "Comparison",
    {
        "before": TEXT,
        "after": TEXT,
        "stayed": INTEGER,
        "moved": INTEGER,
        "joined": INTEGER,
        "left": INTEGER,
        "agreement": nullable(NUMBER),
        "adjusted_rand": nullable(NUMBER),
        "migrations": list_of(
            shape(
                "Migration",
                {"from_segment_id": nullable(TEXT), "to_segment_id": nullable(TEXT), "customers": INTEGER},
            )
        ),
        "segments": list_of(
            shape(
                "SegmentInComparison",
                {
                    "segment_id": TEXT,
                    "name": TEXT,
                    "change": one_of(["matched", "split", "merged", "born", "ended"]),
                    "why": TEXT,
                },
            )
        ),
    },
)


class RunCompare(ApiView):
    """Two runs beside each other."""

    required_scope = Scope.SEGMENTS_READ
    query = {"GET": (text("with", "The id of another run of the same segmentation.", is_required=True),)}

    @operation(
        "Compare two runs",
        COMPARISON,
        refuses=[409],
        description="Who is where in the older and in the newer of the two: how many customers migrate from which "
        "segment to which (null: they are in none), how far the two agree, and what became of each segment.",
    )
    def get(self, request: Request, public_id: str) -> Response:
        run = _find(public_id)
        wanted = self.asked["with"]
        if wanted == public_id:
            raise InvalidRequest.at(f"{IN_QUERY}with", "same_run", "This is the run itself: name another one.")
        other = _runs().filter(public_id=wanted, segmentation=run.segmentation_id).first()
        if other is None:
            raise InvalidRequest.at(f"{IN_QUERY}with", "unknown_run", "This segmentation has no run with this id.")
        for one in (run, other):
            if one.status != JobStatus.DONE:
                raise publishing.NotDone(run=one.public_id, state=one.state.label.lower())
            if one.pruned_at is not None:
                raise publishing.Pruned()
        before, after = sorted([run, other], key=lambda one: one.pk)
        return Response(_told(before, after, moves.compare(before, after)))


def _runs() -> Any:
    return Run.objects.select_related("segmentation").defer("params", "measures", "model", "matching")


def _find(public_id: str) -> Run:
    return find(_runs(), public_id=public_id)


def _told(before: Run, after: Run, found: Comparison) -> dict[str, Any]:
    return {
        "before": before.public_id,
        "after": after.public_id,
        "stayed": found.stayed,
        "moved": found.moved,
        "joined": found.joined,
        "left": found.left,
        "agreement": found.agreement,
        "adjusted_rand": found.rand,
        "migrations": [
            {
                "from_segment_id": row.segment.public_id if row.segment else None,
                "to_segment_id": column.public_id if column else None,
                "customers": flow.count,
            }
            for row in found.rows
            for column, flow in zip(found.columns, row.flows, strict=True)
            if flow.count
        ],
        "segments": [
            {
                "segment_id": change.segment.public_id,
                "name": change.segment.name,
                "change": change.kind,
                "why": change.sentence,
            }
            for change in found.changes
        ],
    }
