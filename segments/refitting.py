"""Runs that nobody asks for: by the clock, or because customers have changed.

The next time stands in the segmentation's row and every sweep looks for those that have come. The run and the time
after it are written in one transaction: no message can be lost, and no time can start two runs.
"""

import logging
from datetime import UTC, datetime
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction

from segmentation_site.access import audit
from segmentation_site.access.audit import Action
from segmentation_site.jobs.problems import Problem
from segments.holding import hold
from segments.kmeans.checking import DefinitionError
from segments.models import Origin, Run, Segmentation
from segments.starting import AlreadyRunning, start_run
from segments.timetable import Timetable

logger = logging.getLogger(__name__)


class InvalidSchedule(Problem):
    """The schedule names something that cannot be; `pointer` says where."""

    code = "invalid_schedule"
    sentence = "{detail}"


def read_timetable(value: Any) -> Timetable | None:
    """A timetable out of JSON, None for none. Raises InvalidSchedule, which points at the fault."""
    try:
        return None if value is None else Timetable.from_json(value)
    except DefinitionError as error:
        raise InvalidSchedule(pointer=error.pointer, detail=error.detail) from error


def schedule(segmentation: Segmentation, timetable: Timetable | None, *, by: User | None = None) -> Segmentation:
    """Let runs of it start by themselves from now on, or no longer; returns it as it is then."""
    with transaction.atomic():
        segmentation = hold(segmentation.pk)
        segmentation.schedule = timetable.to_json() if timetable else None
        segmentation.next_refit_at = timetable.next_after(datetime.now(UTC)) if timetable else None
        segmentation.save(update_fields=["schedule", "next_refit_at", "updated_at"])
        audit.record(Action.SEGMENTATION_CHANGED, segmentation.slug, by=by, schedule=segmentation.schedule)
    return segmentation


def start_due() -> list[Run]:
    """Start a run of every segmentation whose time has come. After a time without any worker that is one run, not
    many."""
    due = Segmentation.objects.filter(next_refit_at__lte=datetime.now(UTC)).order_by("pk")
    return [run for key in due.values_list("pk", flat=True) if (run := _start_due(key)) is not None]


def _start_due(key: int) -> Run | None:
    now = datetime.now(UTC)
    with transaction.atomic():
        # Whoever holds it publishes or looks at it as well; the next sweep comes soon.
        found = (
            Segmentation.objects.select_for_update(skip_locked=True, no_key=True)
            .filter(pk=key, next_refit_at__lte=now)
            .first()
        )
        if found is None or found.schedule is None:
            return None
        found.next_refit_at = Timetable.from_json(found.schedule).next_after(now)
        found.save(update_fields=["next_refit_at"])
        return _start(found, Origin.SCHEDULE)


def start_for_drift(segmentation: Segmentation) -> Run | None:
    """Start a run because customers have changed, where its schedule says so."""
    if segmentation.schedule is None or not Timetable.from_json(segmentation.schedule).refit_on_drift:
        return None
    return _start(segmentation, Origin.DRIFT)


def _start(segmentation: Segmentation, origin: Origin) -> Run | None:
    try:
        return start_run(segmentation, by=None, origin=origin)
    except AlreadyRunning as problem:
        logger.info("No run of %s was started: %s", segmentation.slug, problem.detail)
        return None
