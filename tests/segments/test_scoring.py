"""Customers who come or change are put where the published model sees them, and the feed says so."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from hypothesis import HealthCheck, settings
from hypothesis import given as for_all
from hypothesis import strategies as st

from customers import erasing, writing
from customers.models import Customer
from segmentation_site.access.models import AuditEntry
from segmentation_site.jobs.models import JobStatus
from segments import recording, scoring, starting
from segments.browsing.members import Members
from segments.kmeans.model import Model, score
from segments.models import Change, Run, Segmentation, SegmentProfile
from tests import given as given_all
from tests.api.answers import problem
from tests.api.calling import Caller, data
from tests.customers.given import imported
from tests.segments import given
from tests.segments.test_changes_feed import Puller

SignIn = Callable[[User], Client]
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def published(segmentation: Segmentation) -> Run:
    run = given.publish(given.run(segmentation))
    scoring.score_changes()
    return run


def members(run: Run) -> dict[str, str]:
    rows, _ = Members(run).page(0, 1000)
    return {row["external_id"]: row["segment_id"] for row in rows}


def seen_by_the_model(run: Run, **values: float) -> str:
    model = Model.from_json(Run.objects.get(pk=run.pk).model or {})
    import numpy as np

    row = np.array([[values[name] for name in model.names]])
    return model.segments[int(score(model, model.names, row).nearest[0])].segment_id


def is_where_the_model_sees_everybody(run: Run) -> bool:
    names = ("external_id", "annual_income", "spending_score")
    everybody = Customer.objects.values_list(*names)
    expected = {
        key: seen_by_the_model(run, annual_income=income, spending_score=spending)
        for key, income, spending in everybody
    }
    return members(run) == expected


def test_who_comes_is_a_member_as_soon_as_a_worker_has_looked(published: Run) -> None:
    puller = Puller(published.segmentation)
    puller.pull(page_size=1000)
    imported("id,annual income,spending score\nnew,88,82\n1,15,39\n")
    scoring.score_changes()
    expected = seen_by_the_model(published, annual_income=88, spending_score=82)
    assert members(published)["new"] == expected
    assert [(one["type"], one["external_id"], one["to_segment_id"]) for one in puller.pull()] == [
        ("joined", "new", expected)
    ]


def test_who_changes_moves_and_whoever_changes_nothing_of_it_stays_untold(published: Run) -> None:
    puller = Puller(published.segmentation)
    puller.pull(page_size=1000)
    caller = Caller("customers:write", "customers:read")
    before = members(published)["1"]
    data(caller.put("/customers/1", {"annual_income": 120, "spending_score": 90}))
    data(caller.put("/customers/2", {"first_name": "Ada"}))
    scoring.score_changes()
    expected = seen_by_the_model(published, annual_income=120, spending_score=90)
    told = puller.pull()
    assert [(one["type"], one["external_id"]) for one in told] == [("moved", "1")]
    assert (told[0]["from_segment_id"], told[0]["to_segment_id"]) == (before, expected)
    assert is_where_the_model_sees_everybody(published)


def test_who_no_longer_fulfils_the_conditions_leaves(mall: list[Customer]) -> None:
    condition = {"attribute": "age", "operator": "ge", "value": 30}
    adults = given.segmentation("Adults", ["annual_income", "spending_score"], k=3, filter=[condition])
    run = given.publish(given.run(adults))
    puller = Puller(adults)
    puller.pull(page_size=1000)
    old = Customer.objects.filter(age__gte=30).order_by("pk").first()
    young = Customer.objects.filter(age__lt=30).order_by("pk").first()
    assert old
    assert young
    writing.write([{"external_id": old.external_id, "age": 20}, {"external_id": young.external_id, "age": 50}])
    scoring.score_changes()
    kinds = {(one["type"], one["external_id"]) for one in puller.pull()}
    assert kinds == {("left", old.external_id), ("joined", young.external_id)}
    assert puller.places == members(run)


def test_who_changed_while_a_draft_waited_is_looked_at_when_it_is_used(segmentation: Segmentation) -> None:
    draft = given.run(segmentation)
    writing.write([{"external_id": "1", "annual_income": 130, "spending_score": 5}])
    given.publish(draft)
    scoring.score_changes()
    assert is_where_the_model_sees_everybody(draft)


def test_segments_tell_how_many_they_are_now(published: Run, signed_in: SignIn, viewer: User) -> None:
    imported("id,annual income,spending score\n" + "".join(f"new{n},88,82\n" for n in range(50)))
    scoring.score_changes()
    assert (
        sum(SegmentProfile.objects.filter(run=published, segment__isnull=False).values_list("size", flat=True)) == 250
    )
    erasing.erase(["new1"])
    sizes = SegmentProfile.objects.filter(run=published, segment__isnull=False).values_list("size", flat=True)
    assert sum(sizes) == 249


def test_a_worker_that_dies_loses_nothing(published: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    writing.write([{"external_id": "1", "annual_income": 130, "spending_score": 5}])
    whole = scoring._place

    def die(run: Run) -> None:
        whole(run)
        raise SystemExit

    monkeypatch.setattr(scoring, "_place", die)
    with pytest.raises(SystemExit):
        scoring.score_changes()
    monkeypatch.setattr(scoring, "_place", whole)
    puller = Puller(published.segmentation)
    puller.pull(page_size=1000)
    assert scoring.score_changes() == 1
    assert scoring.score_changes() == 0
    assert len(puller.pull()) == 1
    assert is_where_the_model_sees_everybody(published)


def test_a_run_can_be_started_while_a_worker_looks_at_changes(published: Run) -> None:
    writing.write([{"external_id": "1", "annual_income": 130, "spending_score": 5}])

    def look() -> int:
        try:
            return scoring.score_changes()
        finally:
            connection.close()

    with ThreadPoolExecutor() as pool:
        with given_all.somebody_holds("LOCK TABLE customers_customer IN ACCESS EXCLUSIVE MODE"):
            looking = pool.submit(look)
            given_all.wait_for_somebody_who_waits()
            run = starting.start_run(published.segmentation, by=None, ring=False)
            assert not looking.done()
        assert looking.result(timeout=30) == 1
    assert run.status == JobStatus.QUEUED


def test_changes_are_looked_at_in_portions(published: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scoring, "CHANGES_AT_ONCE", 3)
    people = [{"external_id": f"new{n}", "annual_income": 20 + n, "spending_score": n} for n in range(10)]
    writing.write(people)
    assert scoring.score_changes() == 10
    assert is_where_the_model_sees_everybody(published)


def test_many_who_come_are_told_beside_being_put_there(published: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording, "MANY", 5)
    monkeypatch.setattr(scoring, "CHANGES_AT_ONCE", 8)
    puller = Puller(published.segmentation)
    puller.pull(page_size=1000)
    before = puller.since
    writing.write([{"external_id": f"new{n}", "annual_income": 20 + n, "spending_score": n} for n in range(20)])
    writing.write([{"external_id": "1", "annual_income": 130, "spending_score": 5}])
    assert scoring.score_changes() == 21
    assert [one["sequence"] for one in puller.pull()] == list(range(before + 1, before + 22))
    assert puller.places == members(published)
    assert is_where_the_model_sees_everybody(published)
    profiles = SegmentProfile.objects.filter(run=published, segment__isnull=False)
    assert sum(profiles.values_list("size", flat=True)) == 220
    assert sum(profiles.values_list("share", flat=True)) == pytest.approx(1)


@pytest.mark.parametrize("erased", [[], ["1"]], ids=["scored next", "erased next"])
def test_what_a_worker_told_before_it_died_is_heard_by_nobody(
    published: Run, erased: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording, "MANY", 5)
    puller = Puller(published.segmentation)
    puller.pull(page_size=1000)
    before, places = puller.since, members(published)
    writing.write([{"external_id": f"new{n}", "annual_income": 20 + n, "spending_score": n} for n in range(9)])

    def die(*_: object) -> None:
        raise SystemExit

    with monkeypatch.context() as dying:
        dying.setattr(recording, "recount", die)
        with pytest.raises(SystemExit):
            scoring.score_changes()
    assert Change.objects.filter(segmentation_id=published.segmentation_id, sequence__gt=before).count() == 9
    assert puller.pull(page_size=1000) == []
    assert members(published) == places
    erasing.erase(erased)
    assert scoring.score_changes() == 9
    told = puller.pull()
    assert [one["sequence"] for one in told] == list(range(before + 1, before + len(told) + 1))
    assert [one["type"] for one in told] == ["erased"] * len(erased) + ["joined"] * 9
    assert puller.places == members(published)
    assert is_where_the_model_sees_everybody(published)


def test_a_real_worker_looks_by_itself(published: Run, worker: Any) -> None:
    from tests.given import eventually

    data(Caller("customers:write").put("/customers/somebody", {"annual_income": 88, "spending_score": 82}))
    eventually(lambda: "somebody" in members(published), seconds=30, what="the worker to look")


def test_drift_is_measured_after_an_import_and_told_once(published: Run, signed_in: SignIn, viewer: User) -> None:
    caller = Caller("segments:read")
    path = f"/segmentations/{published.segmentation.slug}"
    assert data(caller.get(path))["drift"] is None
    imported("id,annual income,spending score\nnew,60,50\n")
    scoring.score_changes()
    assert data(caller.get(path))["drift"]["word"] == "stable"
    imported("id,annual income,spending score\n" + "".join(f"rich{n},137,99\n" for n in range(300)))
    scoring.score_changes()
    drift = data(caller.get(path))["drift"]
    assert drift["word"] == "act"
    assert drift["features"]["annual_income"]["psi"] > 0.25
    assert drift["run"] == published.public_id
    imported("id,annual income,spending score\nrich301,137,99\n")
    scoring.score_changes()
    assert AuditEntry.objects.filter(action="drift detected").count() == 1
    page = signed_in(viewer).get(f"/segmentations/{published.segmentation.slug}").content.decode()
    assert "Customers have changed" in page
    given.publish(given.run(published.segmentation))
    assert data(caller.get(path))["drift"] is None, "another model knows these customers"


_step = st.one_of(
    st.tuples(st.just("write"), st.integers(1, 12), st.integers(0, 130), st.integers(1, 100)),
    st.tuples(st.just("erase"), st.integers(1, 12)),
    st.tuples(st.just("run"), st.integers(2, 3)),
    st.tuples(st.just("back"), st.integers(0, 3)),
    st.just(("score",)),
)


@for_all(steps=st.lists(_step, min_size=3, max_size=10), many=st.sampled_from([1, recording.MANY]))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_happens_the_feed_tells_who_is_where_and_the_model_agrees(
    steps: list[tuple[Any, ...]], many: int, transactional_db: None
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recording, "MANY", many)
        _live_through(steps)


def _live_through(steps: list[tuple[Any, ...]]) -> None:
    from segments.defining import delete_segmentation

    for old in Segmentation.objects.all():
        delete_segmentation(old)
    Customer.objects.all().delete()
    # More than are needed for a run: who is erased in one history does not come in again in the next.
    people = "".join(f"{n},{10 + 3 * n},{n * 37 % 100}\n" for n in range(1, 81))
    imported("id,annual income,spending score\n" + people)
    segmentation = given.segmentation("Everybody", ["annual_income", "spending_score"], k=2)
    runs = [given.publish(given.run(segmentation))]
    puller = Puller(segmentation)
    seen: list[tuple[int, dict[str, str]]] = []
    for what, *more in [*steps, ("score",)]:
        if what == "write":
            number, income, spending = more
            writing.write([{"external_id": str(number), "annual_income": income, "spending_score": spending}])
        elif what == "erase":
            erasing.erase([str(more[0])])
        elif what == "run":
            given.redefine(segmentation, k=more[0])
            run = given.run(segmentation)
            if run.status == "done":
                runs.append(given.publish(run))
        elif what == "back":
            given.publish(runs[more[0] % len(runs)])
        else:
            scoring.score_changes()
        puller.pull()
        segmentation.refresh_from_db()
        assert puller.places == members(in_use(segmentation))
        seen.append((segmentation.last_change, puller.places.copy()))
    assert is_where_the_model_sees_everybody(in_use(segmentation))
    # Whoever begins only now passes through the same, but for who is gone by now.
    still = set(Customer.objects.values_list("external_id", flat=True))
    entries, replayed = Puller(segmentation).pull(), {}
    for last, places in seen:
        while entries and entries[0]["sequence"] <= last:
            entry = entries.pop(0)
            replayed[entry["external_id"]] = entry["to_segment_id"]
        now = {who: where for who, where in replayed.items() if where and who in still}
        assert now == {who: where for who, where in places.items() if who in still}
    assert not entries


def in_use(segmentation: Segmentation) -> Run:
    run = segmentation.published_run
    assert run
    return run


def test_rows_are_scored_as_the_model_sees_them_and_nothing_is_saved(published: Run) -> None:
    caller = Caller("segments:read")
    path = f"/segmentations/{published.segmentation.slug}/score"
    rows: list[dict[str, Any]] = [
        {"annual_income": 88, "spending_score": 82},
        {"annual_income": 900, "spending_score": None},
        {"annual_income": "much", "shoe_size": 43},
    ]
    told = data(caller.post(path, {"rows": rows}))
    assert told["run_id"] == published.public_id
    first, second, third = told["results"]
    assert first["segment_id"] == seen_by_the_model(published, annual_income=88, spending_score=82)
    assert first["distance"] < first["runner_up_distance"]
    assert (first["out_of_range"], first["is_far"], first["errors"]) == ([], False, [])
    assert (second["out_of_range"], second["is_far"]) == (["annual_income"], True)
    assert third["segment_id"] is None
    assert {(one["field"], one["code"]) for one in third["errors"]} == {
        ("annual_income", "not_a_number"),
        ("shoe_size", "unknown_feature"),
    }
    assert Customer.objects.count() == 200


def test_without_a_published_run_nothing_can_be_scored(segmentation: Segmentation) -> None:
    answer = Caller("segments:read").post(f"/segmentations/{segmentation.slug}/score", {"rows": [{}]})
    problem(answer, 409, "nothing_published")
