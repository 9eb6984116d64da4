"""Two runs beside each other: who would move, how far they agree, what becomes of each segment."""

import math
from collections import Counter
from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.test import Client
from hypothesis import given as for_all
from hypothesis import settings
from hypothesis import strategies as st
from sklearn.metrics import adjusted_rand_score

from customers import erasing, writing
from segments.browsing.moves import adjusted_rand
from segments.models import Assignment, Run, Segmentation
from tests.api.answers import problem
from tests.api.calling import Caller, data
from tests.segments import given

SignIn = Callable[[User], Client]
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def caller() -> Caller:
    return Caller("segments:read")


@pytest.fixture
def published(segmentation: Segmentation) -> Run:
    return given.publish(given.run(segmentation))


def places(run: Run) -> dict[int, str]:
    rows = Assignment.objects.filter(run_id=run.pk).values_list("customer_id", "segment_id")
    names = {segment.pk: segment.public_id for segment in run.segmentation.segments.all()}
    return {customer: names[segment] for customer, segment in rows}


def test_a_comparison_says_who_migrates_and_how_far_two_runs_agree(caller: Caller, published: Run) -> None:
    writing.write([{"external_id": str(n), "spending_score": 100 - n % 7} for n in range(1, 30)])
    writing.write([{"external_id": "new", "annual_income": 40, "spending_score": 50}])
    erasing.erase(["200"])
    draft = given.run(published.segmentation, seed=3)
    told = data(caller.get(f"/runs/{draft.public_id}/compare", {"with": published.public_id}))
    before, after = places(published), places(draft)
    both = sorted(set(before) & set(after))
    assert (told["before"], told["after"]) == (published.public_id, draft.public_id)
    assert told["stayed"] == sum(before[one] == after[one] for one in both)
    assert told["moved"] == len(both) - told["stayed"] > 0
    assert (told["joined"], told["left"]) == (len(set(after) - set(before)), len(set(before) - set(after)))
    expected = Counter((before.get(one), after.get(one)) for one in {*before, *after})
    migrations = {(one["from_segment_id"], one["to_segment_id"]): one["customers"] for one in told["migrations"]}
    assert migrations == expected
    rand = adjusted_rand_score([before[one] for one in both], [after[one] for one in both])
    assert math.isclose(told["adjusted_rand"], rand, abs_tol=1e-12)
    assert {one["change"] for one in told["segments"]} == {"matched"}


def test_a_segment_that_is_given_up_is_said_to_be_in_another(caller: Caller, published: Run) -> None:
    given.redefine(published.segmentation, k=4)
    draft = given.run(published.segmentation)
    told = data(caller.get(f"/runs/{published.public_id}/compare", {"with": draft.public_id}))["segments"]
    assert len(told) == 5
    assert Counter(one["change"] for one in told)["merged"] >= 1
    assert sum(one["change"] == "born" for one in told) == 0


def test_a_drafts_page_says_what_using_it_would_move(signed_in: SignIn, viewer: User, published: Run) -> None:
    given.redefine(published.segmentation, k=4)
    draft = given.run(published.segmentation)
    client = signed_in(viewer)
    page = client.get(f"/runs/{draft.public_id}").content.decode()
    assert "What using it would move" in page
    assert "move to another segment" in page
    first = client.get(f"/runs/{published.public_id}").content.decode()
    assert "What using it" not in first, "it was compared with nothing"
    given.publish(draft)
    assert "What using it moved" in client.get(f"/runs/{draft.public_id}").content.decode()
    compared = client.get(f"/runs/{published.public_id}/compare").content.decode()
    assert "Migration table" in compared
    assert f'<option value="{draft.public_id}" selected>' in compared


def test_what_cannot_be_compared_is_said(caller: Caller, signed_in: SignIn, viewer: User, published: Run) -> None:
    path = f"/runs/{published.public_id}/compare"
    elsewhere = given.run(given.segmentation("Ages", ["age", "annual_income"], k=2))
    for wanted in (None, published.public_id, elsewhere.public_id, "run_nothing"):
        problem(caller.get(path, {"with": wanted} if wanted else {}), 400, "invalid_request")
    pruned = given.run(published.segmentation, seed=2)
    Run.objects.filter(pk=pruned.pk).update(pruned_at=pruned.finished_at)
    problem(caller.get(path, {"with": pruned.public_id}), 409, "run_pruned")
    client = signed_in(viewer)
    page = client.get(f"{path}")
    assert "There is no other run yet" in page.content.decode()
    assert client.get(path, {"with": "run_nothing"}).status_code == 404


@for_all(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=2, max_size=60))
@settings(max_examples=40, deadline=None)
def test_the_rand_index_is_that_of_the_field(pairs: list[tuple[int, int]]) -> None:
    ours = adjusted_rand(Counter(pairs))
    theirs = adjusted_rand_score([one for one, _ in pairs], [other for _, other in pairs])
    assert ours == pytest.approx(theirs, abs=1e-9)
