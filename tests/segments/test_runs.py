"""A run ends with a draft that nobody sees, is published at one stroke, and its segments stay who they are."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial

import numpy as np
import pytest
from django.db import connection

from customers.models import Customer
from segmentation_site.access.models import AuditEntry
from segmentation_site.jobs import leases
from segmentation_site.jobs.leases import Lease
from segmentation_site.jobs.models import JobStatus
from segments import defining, publishing, running, starting
from segments.holding import Deleted
from segments.kmeans.model import Model, score
from segments.models import Assignment, Candidate, Change, Run, Segment, Segmentation, SegmentProfile
from segments.models.run import RunState
from tests import given as anywhere
from tests.segments import given


def test_every_customer_is_in_exactly_one_segment_and_has_a_runner_up(segmentation: Segmentation) -> None:
    run = given.run(segmentation)

    assert run.status == JobStatus.DONE
    rows = Assignment.objects.filter(run_id=run.pk)
    assert sorted(rows.values_list("customer_id", flat=True)) == sorted(Customer.objects.values_list("pk", flat=True))
    segments = set(Segment.objects.values_list("pk", flat=True))
    for row in rows:
        assert {row.segment_id, row.runner_up_id} <= segments
        assert row.segment_id != row.runner_up_id
        assert row.distance <= (row.runner_up_distance or 0)
        assert row.joined_run_id == run.pk


def test_profiles_say_what_the_assignments_say(segmentation: Segmentation) -> None:
    run = given.run(segmentation)

    members = given.members_by_segment_id(run)
    profiles = SegmentProfile.objects.filter(run=run)
    assert {one.segment.public_id: one.size for one in profiles if one.segment} == {
        public_id: len(customers) for public_id, customers in members.items()
    }
    everybody = profiles.get(segment=None)
    assert (everybody.size, everybody.share) == (200, 1.0)


def test_a_refit_keeps_the_segments_ids_although_kmeans_numbers_them_anew(segmentation: Segmentation) -> None:
    first = given.publish(given.run(segmentation, seed=1))
    second = given.publish(given.run(segmentation, seed=2))

    assert given.members_by_segment_id(second) == given.members_by_segment_id(first)
    assert {group["transition"] for group in second.matching["groups"]} == {"matched"}
    assert Segment.objects.count() == 5


def test_a_name_that_somebody_gave_stays_with_the_people_over_refits(segmentation: Segmentation) -> None:
    first = given.publish(given.run(segmentation))
    champions = Segment.objects.get(name="High annual income · High spending score")
    defining.edit_segment(champions, name="Champions", action="Invite to the preview")
    members = given.members_by_segment_id(first)[champions.public_id]

    second = given.publish(given.run(segmentation, seed=7))

    champions.refresh_from_db()
    assert (champions.name, champions.action, champions.ended_run) == ("Champions", "Invite to the preview", None)
    assert given.members_by_segment_id(second)[champions.public_id] == members


def test_colours_tell_segments_apart(segmentation: Segmentation) -> None:
    given.run(segmentation)
    assert sorted(Segment.objects.values_list("colour", flat=True)) == [0, 1, 2, 3, 4]


def test_who_stays_keeps_the_run_by_which_it_joined_and_who_moves_gets_the_new_one(segmentation: Segmentation) -> None:
    first = given.publish(given.run(segmentation))
    mover = Customer.objects.get(external_id="1")
    Customer.objects.filter(pk=mover.pk).update(annual_income=87, spending_score=82)
    newcomer = Customer.objects.create(external_id="201", annual_income=86, spending_score=83)

    second = given.publish(given.run(segmentation))

    joined = dict(Assignment.objects.filter(run_id=second.pk).values_list("customer_id", "joined_run_id"))
    assert {customer for customer, run in joined.items() if run == second.pk} == {mover.pk, newcomer.pk}
    assert set(joined.values()) == {first.pk, second.pk}


def test_readers_see_nothing_of_a_draft_and_all_of_it_once_it_is_published(segmentation: Segmentation) -> None:
    draft = given.run(segmentation)
    assert not Segmentation.objects.exclude(published_run=None).exists()
    assert draft.state == RunState.DRAFT

    published = given.publish(draft)

    segmentation.refresh_from_db()
    assert segmentation.published_run == draft
    assert published.state == RunState.PUBLISHED


def test_rolling_back_is_publishing_the_run_before_and_revives_its_segments(segmentation: Segmentation) -> None:
    first = given.publish(given.run(segmentation))
    given.redefine(segmentation, k=3)
    second = given.publish(given.run(segmentation))
    ended = set(Segment.objects.filter(ended_run=second).values_list("public_id", flat=True))
    assert ended, "three segments cannot go on as five"

    again = given.publish(first)

    assert again.state == RunState.PUBLISHED
    second.refresh_from_db()
    assert Run.objects.get(pk=second.pk).state == RunState.SUPERSEDED
    assert not Segment.objects.filter(public_id__in=ended).exclude(ended_run=None).exists()
    living = Segment.objects.filter(ended_run=None).values_list("public_id", flat=True)
    assert set(living) >= set(given.members_by_segment_id(first))


def test_publishing_the_published_run_again_changes_nothing(segmentation: Segmentation) -> None:
    run = given.publish(given.run(segmentation))
    assert given.publish(run).published_at == run.published_at


def test_a_draft_that_was_not_matched_with_the_segments_in_use_is_not_published(segmentation: Segmentation) -> None:
    old_draft = given.run(segmentation)
    given.publish(given.run(segmentation))

    with pytest.raises(publishing.Outdated, match="Start a new run"):
        publishing.publish(old_draft, by=None)
    segmentation.refresh_from_db()
    assert segmentation.published_run != old_draft


def test_a_run_that_has_not_ended_well_cannot_be_published(segmentation: Segmentation) -> None:
    waiting = starting.start_run(segmentation, by=None, ring=False)
    with pytest.raises(publishing.NotDone, match="queued"):
        publishing.publish(waiting, by=None)


def test_of_two_drafts_that_four_publish_at_once_one_is_in_use_and_told_of_once(segmentation: Segmentation) -> None:
    drafts = [given.run(segmentation), given.run(segmentation, seed=2)]
    done = anywhere.at_once(*[partial(given.publish, Run.objects.get(pk=one.pk)) for one in drafts * 2])
    assert sum(isinstance(one, publishing.Outdated) for one in done) == 2
    (published,) = Run.objects.filter(published_at__isnull=False)
    segmentation.refresh_from_db()
    assert segmentation.published_run_id == published.pk
    assert Change.objects.filter(segmentation_id=segmentation.pk).count() == segmentation.last_change == 200
    assert AuditEntry.objects.filter(action="run published").count() == 1


def test_who_publishes_or_changes_what_somebody_is_deleting_is_told_so(segmentation: Segmentation) -> None:
    draft = given.run(segmentation)
    deeds: list[Callable[[], object]] = [
        partial(defining.delete_segmentation, segmentation),
        partial(publishing.publish, Run.objects.get(pk=draft.pk), by=None),
        partial(defining.change_segmentation, Segmentation.objects.get(pk=segmentation.pk), name="Other"),
        partial(defining.delete_segmentation, Segmentation.objects.get(pk=segmentation.pk)),
    ]
    with anywhere.somebody_holds("SELECT 1 FROM segments_segmentation FOR UPDATE"):
        done: list[Future[object]] = []
        for waiting, deed in enumerate(deeds, 1):
            done.append(anywhere.aside(deed))
            anywhere.wait_for_somebody_who_waits(waiting)
    assert done[0].result() is None
    for told in done[1:]:
        with pytest.raises(Deleted):
            told.result()


def test_later_edits_of_the_segmentation_do_not_reach_a_run_that_was_started(segmentation: Segmentation) -> None:
    run = starting.start_run(segmentation, by=None, ring=False)
    given.redefine(segmentation, features=["age"], k=2)
    leases.carry_out(Run, run.pk, running.execute)
    run.refresh_from_db()
    assert run.k == 5


def test_the_stored_model_scores_every_customer_into_the_segment_it_is_in(segmentation: Segmentation) -> None:
    run = given.run(segmentation)
    model = Model.from_json(run.model or {})
    customers = list(Customer.objects.order_by("pk").values_list("pk", "annual_income", "spending_score"))
    scores = score(model, ["annual_income", "spending_score"], np.array([row[1:] for row in customers], dtype=float))
    members = given.members_by_segment_id(run)
    for (customer, *_), nearest in zip(customers, scores.nearest, strict=True):
        assert customer in members[model.segments[nearest].segment_id]
    assert sum(segment.n for segment in model.segments) == 200
    assert model.fit["snapshot_sha256"] == run.input_sha256
    assert model.fit["inertia"] == run.inertia


def test_the_same_customers_and_the_same_seed_give_the_same_model(segmentation: Segmentation) -> None:
    one, other = given.run(segmentation), given.run(segmentation)
    assert one.input_sha256 == other.input_sha256
    assert (
        Model.from_json(one.model or {}).centroids.tobytes() == Model.from_json(other.model or {}).centroids.tobytes()
    )


def test_segments_told_apart_by_other_features_are_new_ones(segmentation: Segmentation) -> None:
    given.publish(given.run(segmentation))
    before = set(Segment.objects.values_list("public_id", flat=True))
    given.redefine(segmentation, features=["age"], k=3)

    second = given.publish(given.run(segmentation))

    assert not before & set(given.members_by_segment_id(second))
    assert set(Segment.objects.filter(ended_run=second).values_list("public_id", flat=True)) == before


def beating_while(check: Callable[[Lease[Run]], None]) -> Callable[[Run, Lease[Run]], None]:
    """`running.execute`, during which `check` is called whenever a candidate has been stored."""

    def execute(run: Run, lease: Lease[Run]) -> None:
        seen = 0
        plain = lease.progress

        def progress(done: int, total: int | None = None, *, phase: str | None = None) -> None:
            nonlocal seen
            if Candidate.objects.filter(run=run).count() > seen:
                seen += 1
                check(lease)
            plain(done, total, phase=phase)

        lease.progress = progress  # type: ignore[method-assign]
        running.execute(run, lease)

    return execute


def test_the_curve_grows_while_the_run_still_works(segmentation: Segmentation) -> None:
    given.redefine(segmentation, k="auto", k_range=[2, 5])
    run = starting.start_run(segmentation, by=None, ring=False)
    seen: list[tuple[str, int]] = []

    def look_from_another_connection(_lease: Lease[Run]) -> None:
        def look() -> None:
            status = Run.objects.values_list("status", flat=True).get(pk=run.pk)
            seen.append((status, Candidate.objects.filter(run=run).count()))
            connection.close()

        onlooker = threading.Thread(target=look)
        onlooker.start()
        onlooker.join()

    leases.carry_out(Run, run.pk, beating_while(look_from_another_connection))
    assert seen == [("running", 1), ("running", 2), ("running", 3), ("running", 4)]


def test_cancelling_a_run_keeps_nothing_of_its_results(segmentation: Segmentation) -> None:
    published = given.publish(given.run(segmentation))
    given.redefine(segmentation, k="auto")
    run = starting.start_run(segmentation, by=None, ring=False)

    def cancel(lease: Lease[Run]) -> None:
        leases.request_cancel(run)
        lease.beat()

    leases.carry_out(Run, run.pk, beating_while(cancel))

    run.refresh_from_db()
    assert run.status == JobStatus.CANCELLED
    assert not SegmentProfile.objects.filter(run=run).exists()
    assert not Assignment.objects.filter(run_id=run.pk).exists()
    assert Segment.objects.count() == 5
    segmentation.refresh_from_db()
    assert segmentation.published_run == published


def test_a_run_whose_worker_was_lost_is_carried_out_again_from_the_start_and_once(segmentation: Segmentation) -> None:
    given.redefine(segmentation, k="auto", k_range=[4, 6])
    run = starting.start_run(segmentation, by=None, ring=False)

    def lose_the_lease(lease: Lease[Run]) -> None:
        Run.objects.filter(pk=run.pk).update(status=JobStatus.QUEUED, lease_token=None)

    leases.carry_out(Run, run.pk, beating_while(lose_the_lease))
    assert not Assignment.objects.filter(run_id=run.pk).exists()

    leases.carry_out(Run, run.pk, running.execute)

    run.refresh_from_db()
    assert (run.status, run.attempt, run.k) == (JobStatus.DONE, 2, 5)
    assert list(run.candidates.order_by("k").values_list("k", flat=True)) == [4, 5, 6]
    assert Assignment.objects.filter(run_id=run.pk).count() == 200
    assert Segment.objects.count() == 5


def test_of_twenty_people_who_start_a_run_at_once_one_does_and_the_others_are_told_which(
    segmentation: Segmentation,
) -> None:
    barrier = threading.Barrier(20)
    started: list[str] = []
    told: list[str] = []

    def start() -> None:
        barrier.wait()
        try:
            started.append(starting.start_run(segmentation, by=None, ring=False).public_id)
        except starting.AlreadyRunning as problem:
            told.append(problem.facts["run"])
        finally:
            connection.close()

    people = [threading.Thread(target=start) for _ in range(20)]
    for person in people:
        person.start()
    for person in people:
        person.join()

    assert len(started) == 1
    assert told == started * 19


def test_a_real_worker_carries_out_a_run_that_publishes_itself(segmentation: Segmentation, worker: object) -> None:
    run = anywhere.ended(starting.start_run(segmentation, by=None, publish=True))

    assert (run.status, run.error_detail) == (JobStatus.DONE, "")
    segmentation.refresh_from_db()
    assert segmentation.published_run == run
    assert sorted(map(len, given.members_by_segment_id(run).values()), reverse=True) == [81, 39, 35, 23, 22]


def test_a_deleted_segmentation_takes_its_assignments_with_it(segmentation: Segmentation) -> None:
    run = given.publish(given.run(segmentation))
    defining.delete_segmentation(segmentation)

    assert not Run.objects.exists()
    assert not Segment.objects.exists()
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s)", [f"segments_assignment_{run.pk}"])
        assert cursor.fetchone() == (None,)
