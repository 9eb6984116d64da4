"""A segmentation's schedule as JSON."""

from typing import Any

from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request

from segmentation_site.access.scopes import Scope, scopes_of
from segmentation_site.http.schema import BOOLEAN, INTEGER, NUMBER, nullable, one_of, shape
from segments import refitting
from segments.timetable import Every, Timetable, Weekday

SCHEDULE = nullable(
    shape(
        "Schedule",
        {
            "every": {"oneOf": [one_of([one.value for one in Every]), {"type": "null"}]},
            "weekday": one_of([one.value for one in Weekday]),
            "day": INTEGER,
            "hour": INTEGER,
            "refit_on_drift": BOOLEAN,
            "publish": nullable(
                shape(
                    "PublishRule",
                    {"most_moved": NUMBER, "least_stability": NUMBER, "despite_drift": BOOLEAN},
                    optional=["most_moved", "least_stability", "despite_drift"],
                )
            ),
        },
        optional=["every", "weekday", "day", "hour", "refit_on_drift", "publish"],
    )
)


def read_timetable(request: Request, value: dict[str, Any] | None) -> Timetable | None:
    """The field `schedule` of a body. Raises InvalidSchedule; PermissionDenied where it publishes and one may not."""
    try:
        timetable = refitting.read_timetable(value)
    except refitting.InvalidSchedule as problem:
        raise refitting.InvalidSchedule(pointer=f"/schedule{problem.pointer}", **problem.facts) from problem
    if timetable and timetable.publish and Scope.RUNS_WRITE not in scopes_of(request):
        raise PermissionDenied(
            f"Runs that publish themselves need the scope {Scope.RUNS_WRITE}, which your key or role does not have."
        )
    return timetable
