"""The feed of changes: whoever keeps one number is never wrong about who is in which segment."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from customers import erasing, undoing
from customers.models import Customer, Import, Undo
from segmentation_site.jobs import leases
from segmentation_site.jobs.models import JobStatus
from segments import publishing, recording, running, starting, storing
from segments.browsing.members import Members
from segments.kmeans.shapes import Fit
from segments.models import Assignment, Change, Run, Segment, Segmentation, SegmentProfile
from tests import given as anywhere
from tests.api.calling import Caller
from tests.customers.given import imported
from tests.segments import given as given_all

pytestmark = pytest.mark.django_db(transaction=True)

SEGMENTS = 3


class Puller:
    """A tool that keeps one number and who is where."""

    def __init__(self, segmentation: Segmentation) -> None:
        self.caller = Caller("members:read")
        self.path = f"/segmentations/{segmentation.slug}/changes"
        self.since = 0
        self.places: dict[str, str] = {}

    def pull(self, page_size: int = 7) -> list[dict[str, Any]]:
        entries = self.caller.pull(self.path, {"since": self.since, "page_size": page_size})
        for entry in entries:
            assert entry["sequence"] > self.since
            self.since = entry["sequence"]
            was = self.places.pop(entry["external_id"], None)
            # Of somebody who is gone only that is told, and not where they were moved to before.
            assert was == entry["from_segment_id"] or entry["to_segment_id"] is None
            if entry["to_segment_id"]:
                self.places[entry["external_id"]] = entry["to_segment_id"]
        return entries


def segmentation_of(people: Iterable[int]) -> tuple[Segmentation, Import, list[Segment]]:
    brought = imported("id,age\n" + "".join(f"{n},{n}\n" for n in people))
    definition = {"features": [{"name": "age"}], "k": SEGMENTS}
    segmentation = Segmentation.objects.create(name="Ages", slug="ages", definition=definition)
    origin = Run.objects.create(segmentation=segmentation, definition=definition, status=JobStatus.FAILED)
    segments = [
        Segment.objects.create(segmentation=segmentation, name=f"S{n}", colour=n, born_run=origin)
        for n in range(SEGMENTS)
    ]
    return segmentation, brought, segments


def run_with(segmentation: Segmentation, segments: list[Segment], places: dict[str, int]) -> Run:
    """A run that is done and put these customers into these segments."""
    run = Run.objects.create(
        segmentation=segmentation,
        definition=segmentation.definition,
        status=JobStatus.DONE,
        baseline=segmentation.published_run,
        k=SEGMENTS,
    )
    known = dict(Customer.objects.order_by("pk").values_list("external_id", "pk"))
    here = sorted((known[name], place) for name, place in places.items() if name in known)
    ids = np.array([pk for pk, _ in here], dtype=np.int64)
    labels = np.array([place for _, place in here], dtype=np.int64)
    zeros = np.zeros(len(ids))
    fit = Fit(np.zeros((SEGMENTS, 1)), labels, zeros, labels, zeros, 0.0, 1, 1)
    keys = np.array([segment.pk for segment in segments], dtype=np.int64)
    from django.db import transaction

    with transaction.atomic():
        storing.store_assignments(run, ids, fit, keys, np.full(len(ids), run.pk, dtype=np.int64))
    for segment in segments:
        SegmentProfile.objects.create(run=run, segment=segment, size=0, share=0, content={})
    return run


def members(segmentation: Segmentation) -> dict[str, str]:
    segmentation.refresh_from_db()
    rows, _ = Members(segmentation.published_run).page(0, 1000)
    return {row["external_id"]: row["segment_id"] for row in rows}


def test_the_feed_tells_who_joined_moved_and_left_and_a_way_back_tells_it_backwards() -> None:
    segmentation, _, segments = segmentation_of(range(1, 5))
    puller = Puller(segmentation)
    first = run_with(segmentation, segments, {"1": 0, "2": 0, "3": 1})
    publishing.publish(first, by=None)
    assert [(entry["type"], entry["external_id"]) for entry in puller.pull()] == [
        ("joined", "1"),
        ("joined", "2"),
        ("joined", "3"),
    ]
    segmentation.refresh_from_db()
    second = run_with(segmentation, segments, {"1": 0, "2": 2, "4": 1})
    publishing.publish(second, by=None)
    entries = puller.pull()
    told = [(entry["type"], entry["external_id"]) for entry in entries]
    assert told == [("moved", "2"), ("left", "3"), ("joined", "4")]
    assert {entry["run_id"] for entry in entries} == {second.public_id}
    publishing.publish(first, by=None)
    assert [entry["type"] for entry in puller.pull()] == ["moved", "joined", "left"]
    assert puller.places == members(segmentation)


def _published_at_once(segmentation: Segmentation) -> Run:
    """A run that is published when it is done, carried out here."""
    started = starting.start_run(segmentation, by=None, publish=True, ring=False)
    leases.carry_out(Run, started.pk, running.execute)
    started.refresh_from_db()
    return started


def test_of_a_first_run_that_is_published_at_once_everybody_is_told_while_they_are_stored(
    segmentation: Segmentation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording, "MANY", 1)
    puller = Puller(segmentation)
    first = _published_at_once(segmentation)
    entries = puller.pull(page_size=1000)
    assert [entry["sequence"] for entry in entries] == list(range(1, 201))
    assert {(entry["type"], entry["run_id"]) for entry in entries} == {("joined", first.public_id)}
    assert puller.places == members(segmentation)
    second = _published_at_once(segmentation)
    assert second.published_at is not None
    assert puller.pull() == [], "everybody is where they were"


def test_a_first_run_that_dies_before_it_is_published_has_told_nobody(
    segmentation: Segmentation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording, "MANY", 1)

    def die(*_: object, **__: object) -> None:
        raise SystemExit

    with monkeypatch.context() as dying:
        dying.setattr(publishing, "publish", die)
        with pytest.raises(SystemExit):
            _published_at_once(segmentation)
    puller = Puller(segmentation)
    assert Change.objects.count() == 200
    Run.objects.update(status=JobStatus.FAILED)
    assert _published_at_once(segmentation).published_at is not None
    assert len(puller.pull(page_size=1000)) == 200
    assert puller.places == members(segmentation)


def test_a_run_that_is_no_longer_the_first_when_it_ends_tells_nothing(
    segmentation: Segmentation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording, "MANY", 1)
    draft = given_all.run(segmentation)
    matching = running._match

    def somebody_publishes(*arguments: Any) -> Any:
        found = matching(*arguments)
        anywhere.at_once(lambda: publishing.publish(draft, by=None))
        return found

    puller = Puller(segmentation)
    monkeypatch.setattr(running, "_match", somebody_publishes)
    late = _published_at_once(segmentation)
    assert (late.status, late.published_at) == (JobStatus.DONE, None)
    assert {entry["run_id"] for entry in puller.pull(page_size=1000)} == {draft.public_id}
    assert puller.places == members(segmentation)


def test_publishing_what_is_published_already_tells_nothing() -> None:
    segmentation, _, segments = segmentation_of(range(1, 4))
    run = run_with(segmentation, segments, {"1": 0})
    publishing.publish(run, by=None)
    publishing.publish(run, by=None)
    assert len(Puller(segmentation).pull()) == 1


def test_customers_who_go_with_an_import_that_is_taken_back_leave_in_the_feed() -> None:
    segmentation, _, segments = segmentation_of(range(1, 3))
    later = imported("id,age\n8,8\n9,9\n")
    publishing.publish(run_with(segmentation, segments, {"1": 0, "8": 1}), by=None)
    puller = Puller(segmentation)
    puller.pull()
    take_back(later)
    assert [(entry["type"], entry["external_id"]) for entry in puller.pull()] == [("left", "8")]
    assert puller.places == members(segmentation)


def test_who_left_before_being_gone_is_told_to_have_left() -> None:
    segmentation, brought, segments = segmentation_of(range(1, 3))
    publishing.publish(run_with(segmentation, segments, {"1": 0, "2": 0}), by=None)
    puller = Puller(segmentation)
    puller.pull()
    segmentation.refresh_from_db()
    publishing.publish(run_with(segmentation, segments, {"2": 0}), by=None)
    take_back(brought)
    assert [(entry["type"], entry["external_id"]) for entry in puller.pull()] == [("left", "1"), ("left", "2")]
    assert puller.places == {}


def test_who_is_erased_is_in_no_run_and_told_of_also_where_they_were_no_members() -> None:
    segmentation, _, segments = segmentation_of(range(1, 4))
    draft = run_with(segmentation, segments, {"1": 0, "2": 1})
    publishing.publish(run_with(segmentation, segments, {"1": 0}), by=None)
    puller = Puller(segmentation)
    puller.pull()
    erasing.erase(["1", "2"])
    told = [(entry["type"], entry["external_id"], entry["from_segment_id"]) for entry in puller.pull()]
    assert told == [("erased", "1", segments[0].public_id), ("erased", "2", None)]
    assert not Assignment.objects.filter(run_id__in=[draft.pk, segmentation.published_run_id]).exists()
    assert puller.places == members(segmentation) == {}


def take_back(one: Import) -> None:
    undo = undoing.start_undo(one, by=None, ring=False)
    leases.carry_out(Undo, undo.pk, undoing.execute)
    undo.refresh_from_db()
    assert undo.status == JobStatus.DONE, undo.error_detail


_places = st.dictionaries(st.integers(1, 9).map(str), st.integers(0, SEGMENTS - 1), max_size=9)
_step = st.one_of(
    st.tuples(st.just("run"), _places),
    st.tuples(st.just("back"), st.integers(0, 9)),
    st.tuples(st.just("import"), st.integers(5, 9)),
    st.tuples(st.just("undo"), st.integers(0, 9)),
    st.tuples(st.just("pull"), st.integers(1, 5)),
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(_step, min_size=3, max_size=12))
def test_whatever_happens_a_replay_of_the_feed_gives_the_members_of_the_published_run(steps: list[Any]) -> None:
    _empty()
    segmentation, brought, segments = segmentation_of(range(1, 5))
    now_and_then, imports, runs = Puller(segmentation), [brought], []
    for step, value in steps:
        segmentation.refresh_from_db()
        if step == "run":
            run = run_with(segmentation, segments, value)
            publishing.publish(run, by=None)
            runs.append(run)
        elif step == "back" and runs:
            publishing.publish(runs[value % len(runs)], by=None)
        elif step == "import":
            imports.append(imported(f"id,age\n{value},{value}\n"))
        elif step == "undo" and imports:
            take_back(imports.pop(value % len(imports)))
        elif step == "pull":
            now_and_then.pull(page_size=value)
    now_and_then.pull()
    anew = Puller(segmentation)
    anew.pull()
    assert anew.places == now_and_then.places == members(segmentation)


def _empty() -> None:
    from segments import defining

    for segmentation in Segmentation.objects.all():
        defining.delete_segmentation(segmentation)
    for one in Import.objects.filter(status="done").order_by("-pk"):
        take_back(one)
    assert not Customer.objects.exists()
