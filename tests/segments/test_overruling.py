"""A person decides which segments in use a draft's segments go on as; nobody changes the group that they are in."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.test import Client

from segments import scoring
from segments.browsing.moves import count_moves
from segments.kmeans.model import Model
from segments.models import Assignment, Run, Segment, Segmentation
from tests import given as people
from tests.api.answers import pointers, problem
from tests.api.calling import Caller, data
from tests.segments import given
from tests.segments.test_changes_feed import Puller

SignIn = Callable[[User], Client]
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def before(segmentation: Segmentation) -> Run:
    run = given.publish(given.run(segmentation))
    scoring.score_changes()
    return run


@pytest.fixture
def draft(before: Run) -> Run:
    """Four segments, matched with the five in use."""
    given.redefine(before.segmentation, k=4)
    return given.run(before.segmentation)


def groups(run: Run) -> set[frozenset[int]]:
    return {frozenset(members) for members in given.members_by_segment_id(run).values()}


def caller() -> Caller:
    return Caller("segments:read", "runs:write", "members:read")


def matches(run: Run) -> dict[str, str | None]:
    told = data(caller().get(f"/runs/{run.public_id}/matches"))
    return {one["segment_id"]: one["goes_on_as"] for one in told["segments"]}


def test_a_decision_swaps_two_segments_and_leaves_everybody_in_their_group(before: Run, draft: Run) -> None:
    was, members = groups(draft), given.members_by_segment_id(draft)
    kept = [one for one, goes_on in matches(draft).items() if goes_on == one][:2]
    assert len(kept) == 2
    one, other = kept

    told = data(caller().patch(f"/runs/{draft.public_id}/matches", {"segments": {one: other, other: one}}))

    assert {match["segment_id"] for match in told["segments"] if match["is_overruled"]} == {one, other}
    assert groups(draft) == was
    after = given.members_by_segment_id(draft)
    assert (after[one], after[other]) == (members[other], members[one])
    draft.refresh_from_db()
    assert {tuple(move) for move in draft.matching["moves"]} == set(count_moves(before.pk, draft.pk))
    for customer in Assignment.objects.filter(run_id=draft.pk):
        there = Assignment.objects.get(run_id=before.pk, customer_id=customer.customer_id)
        stayed = there.segment_id == customer.segment_id
        assert customer.joined_run_id == (there.joined_run_id if stayed else draft.pk)
        assert customer.runner_up_id != customer.segment_id


def test_what_was_decided_is_what_is_published_scored_and_told_in_the_feed(before: Run, draft: Run) -> None:
    puller = Puller(before.segmentation)
    puller.pull(page_size=1000)
    first = next(one for one, goes_on in matches(draft).items() if goes_on == one)
    assert data(caller().patch(f"/runs/{draft.public_id}/matches", {"segments": {first: None}}))
    born = next(one for one, goes_on in matches(draft).items() if goes_on is None and one != first)
    given.publish(draft)
    puller.pull(page_size=1000)
    assert Segment.objects.get(public_id=first).ended_run_id == draft.pk
    assert Segment.objects.get(public_id=born).born_run_id == draft.pk
    model = Model.from_json(Run.objects.get(pk=draft.pk).model or {})
    assert born in {segment.segment_id for segment in model.segments}
    now = given.members_by_segment_id(draft)
    assert {segment.segment_id: segment.n for segment in model.segments} == {one: len(who) for one, who in now.items()}


def test_taking_a_decision_back_leaves_no_segment_behind(draft: Run) -> None:
    known = set(Segment.objects.values_list("pk", flat=True))
    found = matches(draft)
    first = next(one for one, goes_on in found.items() if goes_on == one)
    data(caller().patch(f"/runs/{draft.public_id}/matches", {"segments": {first: None}}))
    [born] = set(Segment.objects.exclude(pk__in=known).values_list("public_id", flat=True))
    data(caller().patch(f"/runs/{draft.public_id}/matches", {"segments": {born: first}}))
    assert matches(draft) == found
    assert set(Segment.objects.values_list("pk", flat=True)) == known


def test_what_cannot_be_decided_is_refused_and_changes_nothing(before: Run, draft: Run) -> None:
    path, found = f"/runs/{draft.public_id}/matches", matches(draft)
    one, other = list(found)[:2]
    for decisions, pointer in (
        ({"sgm_none": one}, "/segments/sgm_none"),
        ({one: "sgm_none"}, "/segments"),
        ({one: found[other]}, "/segments"),
    ):
        assert set(pointers(problem(caller().patch(path, {"segments": decisions}), 400, "invalid_decision"))) == {
            pointer
        }
    assert pointers(problem(caller().patch(path, {"segments": {one: 7}}), 400, "invalid_request"))
    assert matches(draft) == found
    used = f"/runs/{before.public_id}/matches"
    problem(caller().patch(used, {"segments": {one: None}}), 409, "not_a_draft")


def test_an_outdated_draft_cannot_be_decided_about_but_can_be_done_again(
    before: Run, draft: Run, signed_in: SignIn
) -> None:
    given.redefine(before.segmentation, k=3)
    given.publish(given.run(before.segmentation))
    one = next(iter(matches(draft)))
    path = f"/runs/{draft.public_id}"
    problem(caller().patch(f"{path}/matches", {"segments": {one: None}}), 409, "draft_outdated")
    analyst = signed_in(people.person("analyst", "ann"))
    assert "Do this run again" in analyst.get(path).content.decode()
    analyst.post(f"{path}/again")
    again = Run.objects.order_by("-pk")[0]
    assert (again.definition["k"], again.status) == (4, "queued")


def test_the_runs_page_offers_the_decision_to_who_may_make_it(draft: Run, signed_in: SignIn) -> None:
    path, found = f"/runs/{draft.public_id}", matches(draft)
    assert "Decide which segments" not in signed_in(people.person("viewer", "vic")).get(path).content.decode()
    analyst = signed_in(people.person("analyst", "ann"))
    assert "Decide which segments" in analyst.get(path).content.decode()
    first = next(one for one, goes_on in found.items() if goes_on == one)
    form = {one: goes_on or "" for one, goes_on in found.items()} | {first: ""}
    assert "Saved." in analyst.post(f"{path}/matches", form, follow=True).content.decode()
    assert first not in matches(draft)
