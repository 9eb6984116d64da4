"""Runs that start by themselves: by the clock, because customers have changed, and what becomes of what they find."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from customers.models import Customer
from segmentation_site.jobs import leases
from segments import refitting, reproducing, running, scoring
from segments.models import Origin, Run, Segmentation
from segments.timetable import Timetable
from tests import given as people
from tests.api.answers import pointers, problem
from tests.api.calling import Caller, data
from tests.customers.given import imported
from tests.segments import given

SignIn = Callable[[User], Client]
DAILY: dict[str, Any] = {"every": "day", "hour": 3}
RULE: dict[str, Any] = {"most_moved": 0.2, "least_stability": 0.5, "despite_drift": False}


@pytest.mark.parametrize(
    ("timetable", "now", "then"),
    [
        ({"every": "day", "hour": 3}, "2026-01-31T02:59", "2026-01-31T03:00"),
        ({"every": "day", "hour": 3}, "2026-01-31T03:00", "2026-02-01T03:00"),
        ({"every": "week", "weekday": "friday", "hour": 0}, "2026-11-23T12:00", "2026-11-27T00:00"),
        ({"every": "week", "weekday": "monday", "hour": 13}, "2026-11-23T12:00", "2026-11-23T13:00"),
        ({"every": "month", "day": 28, "hour": 23}, "2026-02-28T23:30", "2026-03-28T23:00"),
        ({"every": "month", "day": 1, "hour": 5}, "2026-12-31T00:00", "2027-01-01T05:00"),
        ({"refit_on_drift": True}, "2026-01-01T00:00", None),
    ],
)
def test_the_next_time_is_the_first_one_after_now(timetable: dict[str, Any], now: str, then: str | None) -> None:
    found = Timetable.from_json(timetable).next_after(datetime.fromisoformat(now).replace(tzinfo=UTC))
    assert found == (then and datetime.fromisoformat(then).replace(tzinfo=UTC))


def due(segmentation: Segmentation, timetable: dict[str, Any]) -> Segmentation:
    """Its time came a minute ago."""
    planned = refitting.schedule(segmentation, Timetable.from_json(timetable))
    Segmentation.objects.filter(pk=planned.pk).update(next_refit_at=datetime(2026, 1, 1, tzinfo=UTC))
    return planned


def carried_out(run: Run) -> Run:
    leases.carry_out(Run, run.pk, running.execute)
    return Run.objects.select_related("segmentation").get(pk=run.pk)


@pytest.mark.django_db(transaction=True)
def test_a_time_that_has_come_starts_one_run_however_often_somebody_looks(segmentation: Segmentation) -> None:
    due(segmentation, DAILY)
    assert [run.origin for run in refitting.start_due()] == [Origin.SCHEDULE]
    assert refitting.start_due() == []
    segmentation.refresh_from_db()
    assert segmentation.next_refit_at is not None
    assert segmentation.next_refit_at > datetime.now(UTC)
    assert Run.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_time_that_comes_during_a_run_is_passed_over(segmentation: Segmentation) -> None:
    due(segmentation, DAILY)
    refitting.start_due()
    due(segmentation, DAILY)
    assert refitting.start_due() == []
    segmentation.refresh_from_db()
    assert segmentation.next_refit_at is not None
    assert segmentation.next_refit_at > datetime.now(UTC)


@pytest.mark.django_db(transaction=True)
def test_nothing_that_a_schedule_finds_is_used_before_somebody_allows_it(segmentation: Segmentation) -> None:
    before = given.publish(given.run(segmentation))
    due(segmentation, DAILY)
    after = carried_out(refitting.start_due()[0])
    assert after.state == "draft"
    assert after.segmentation.published_run_id == before.pk


@pytest.mark.django_db(transaction=True)
def test_what_fulfils_the_rule_is_used_without_asking_and_goes_on_from_the_segments_in_use(
    segmentation: Segmentation,
) -> None:
    before = given.publish(given.run(segmentation))
    due(segmentation, DAILY | {"publish": RULE})
    after = carried_out(refitting.start_due()[0])
    assert (after.state, after.warnings) == ("published", [])
    assert given.members_by_segment_id(after) == given.members_by_segment_id(before)
    assert (after.model or {})["fit"]["from"] == before.public_id
    assert reproducing.reproduce(after).is_equal


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("rule", "change", "why"),
    [
        ({"most_moved": 0.01}, {"k": 3}, "of the customers would move to another segment, 1.0"),
        ({"least_stability": 1.0}, {"k": 7}, "the least stable segment reaches"),
        # Nobody moves who is left out: who may not publish could change what readers see.
        ({}, {"filter": [{"attribute": "age", "operator": "ge", "value": 30}]}, "the segmentation was changed since"),
    ],
)
def test_what_breaks_the_rule_stays_a_draft_that_says_why(
    segmentation: Segmentation, rule: dict[str, Any], change: dict[str, Any], why: str
) -> None:
    given.publish(given.run(segmentation))
    given.redefine(segmentation, **change)
    due(segmentation, DAILY | {"publish": RULE | rule})
    after = carried_out(refitting.start_due()[0])
    assert after.state == "draft"
    assert after.warnings[-1].startswith("It was not put into use by itself: ")
    assert why in after.warnings[-1]


@pytest.mark.django_db(transaction=True)
def test_the_first_segments_are_never_used_without_asking(segmentation: Segmentation) -> None:
    due(segmentation, DAILY | {"publish": RULE})
    assert "no segments in use to compare with" in carried_out(refitting.start_due()[0]).warnings[-1]


@pytest.mark.django_db(transaction=True)
def test_an_import_that_brings_other_customers_starts_a_run_where_the_schedule_says_so(
    segmentation: Segmentation,
) -> None:
    given.publish(given.run(segmentation))
    scoring.score_changes()
    refitting.schedule(segmentation, Timetable.from_json({"refit_on_drift": True, "publish": RULE}))
    rich = "\n".join(f"rich-{n},{300 + n},{n % 100}" for n in range(400))
    imported(f"id,annual income,spending score\n{rich}\n")
    scoring.score_changes()
    scoring.score_changes()
    run = Run.objects.get(origin=Origin.DRIFT)
    assert "customers have changed since the segments in use were found" in carried_out(run).warnings[-1]
    assert Customer.objects.count() == 600


@pytest.mark.django_db(transaction=True)
def test_a_program_reads_and_writes_a_schedule(segmentation: Segmentation) -> None:
    caller = Caller("segments:read", "segmentations:write", "runs:write")
    path = f"/segmentations/{segmentation.slug}"
    told = data(caller.patch(path, {"schedule": {"every": "week", "weekday": "sunday", "publish": {}}}))
    assert told["schedule"]["publish"] == {"most_moved": 0.2, "least_stability": 0.75, "despite_drift": False}
    assert told["next_run_at"] is not None
    assert data(caller.patch(path, {"description": "Income."}))["schedule"] == told["schedule"]
    ended = data(caller.patch(path, {"schedule": None}))
    assert (ended["schedule"], ended["next_run_at"]) == (None, None)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("schedule", "pointer"),
    [
        ({"every": "hour"}, "/schedule/every"),
        ({"every": "month", "day": 31}, "/schedule/day"),
        ({"every": "day", "hour": 24}, "/schedule/hour"),
        ({"publish": {"most_moved": 20}}, "/schedule/publish/most_moved"),
        ({"publish": True}, "/schedule/publish"),
        ({"refit_on_drift": "yes"}, "/schedule/refit_on_drift"),
        ({"often": True}, "/schedule/often"),
    ],
)
def test_a_schedule_that_cannot_be_is_refused_with_the_place_of_the_fault(
    segmentation: Segmentation, schedule: dict[str, Any], pointer: str
) -> None:
    caller = Caller("segments:read", "segmentations:write", "runs:write")
    answer = caller.patch(f"/segmentations/{segmentation.slug}", {"name": "Other", "schedule": schedule})
    assert pointers(problem(answer, 400, "invalid_schedule")) == {pointer: "invalid_schedule"}
    segmentation.refresh_from_db()
    assert (segmentation.name, segmentation.schedule) == ("Income and spending", None)


@pytest.mark.django_db(transaction=True)
def test_who_may_not_publish_may_not_let_runs_publish_themselves(segmentation: Segmentation, signed_in: SignIn) -> None:
    keys = Caller("segments:read", "segmentations:write")
    path = f"/segmentations/{segmentation.slug}"
    assert (
        "runs:write"
        in problem(keys.patch(path, {"schedule": DAILY | {"publish": RULE}}), 403, "permission_denied")["detail"]
    )

    form = {"every": "day", "weekday": "monday", "day": 1, "hour": 4, "publishes": "on", "most_moved": 100}
    analyst = signed_in(people.person("analyst", "ann"))
    page = analyst.post(f"{path}/schedule", form, follow=True).content.decode()
    assert "A run starts every day at 04:00 UTC." in page
    assert "What it finds is a draft until somebody uses it." in page

    manager = signed_in(people.person("manager", "max"))
    page = manager.post(f"{path}/schedule", form, follow=True).content.decode()
    assert "Its segments are used without asking when at most 100.0" in page
    refused = manager.post(f"{path}/schedule", form | {"hour": 25})
    assert refused.status_code == 422
