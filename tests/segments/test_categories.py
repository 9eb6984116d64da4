"""Categories: shown in profiles, and segmentations that divide by them, from the run to the explanation."""

from collections.abc import Callable

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.test import Client

from customers import registering
from customers.files.schema import Kind
from customers.models import Customer
from segments import reproducing, scoring
from segments.models import Run, Segmentation, SegmentProfile
from tests import given as people
from tests.api.calling import Caller, data
from tests.customers.given import imported
from tests.segments import given

SignIn = Callable[[User], Client]
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def caller() -> Caller:
    return Caller("segments:read", "customers:read", "customers:write", "members:read")


@pytest.fixture
def by_plan(mall: list[Customer]) -> Run:
    """The mall's customers by spending and by a registered category; some have none."""
    registering.register(key="plan", label="Plan", kind=Kind.CATEGORY, categories=["basic", "plus", "gold"])
    plans = ("basic", "plus", "gold", "basic", "")
    rows = "".join(f"{n},{plans[n % 10] if n % 10 < 5 else 'basic'}\n" for n in range(1, 201))
    imported(f"id,plan\n{rows}")
    return given.publish(given.run(given.segmentation("Plans", ["spending_score", "plan"], scaling="standard", k=4)))


def test_a_profile_counts_the_categories_that_nobody_was_divided_by(segmentation: Segmentation, caller: Caller) -> None:
    run = given.publish(given.run(segmentation))
    members = given.members_by_segment_id(run)
    for segment in data(caller.get(f"/segmentations/{segmentation.slug}/segments"))["results"]:
        mine = Customer.objects.filter(pk__in=members[segment["id"]])
        gender = segment["categories"]["gender"]
        assert gender["counts"] == {one: mine.filter(gender=one).count() for one in ("female", "male")}
        assert (gender["rest"], gender["missing"]) == (0, 0)
        assert 0 <= gender["cramers_v"] <= 1
    everybody = SegmentProfile.objects.get(run=run, segment=None).content["categories"]
    assert everybody[0]["counts"] == {"female": 112, "male": 88}


def test_customers_are_divided_by_a_category_and_the_page_shows_it(by_plan: Run, signed_in: SignIn) -> None:
    assert by_plan.model is not None
    assert [one["name"] for one in by_plan.model["categories"]] == ["plan"]
    assert sorted(by_plan.model["categories"][0]["levels"]) == ["basic", "gold", "plus"]
    assert reproducing.reproduce(by_plan).is_equal
    viewer = signed_in(people.person("viewer", "vic"))
    assert viewer.get(f"/runs/{by_plan.public_id}").status_code == 200
    segment = next(iter(given.members_by_segment_id(by_plan)))
    page = viewer.get(f"/segments/{segment}").content.decode()
    assert "Who they are" in page
    assert "Plan" in page


def test_who_changes_a_category_moves_to_where_the_model_sees_them(by_plan: Run, caller: Caller) -> None:
    scoring.score_changes()
    customer = Customer.objects.get(external_id="11")
    data(caller.put(f"/customers/{customer.external_id}", {"plan": "gold"}))
    scoring.score_changes()
    scored = data(
        caller.post(
            "/segmentations/plans/score", {"rows": [{"spending_score": customer.spending_score, "plan": "gold"}]}
        )
    )["results"][0]
    place = data(caller.get("/customers/11"))["segmentations"][0]
    assert place["segment"]["id"] == scored["segment_id"]
    assert np.isclose(place["distance"], scored["distance"], atol=1e-6)
    wrong = data(caller.post("/segmentations/plans/score", {"rows": [{"spending_score": 1, "plan": 7}]}))["results"][0]
    assert [error["code"] for error in wrong["errors"]] == ["not_a_text"]
    new = data(caller.post("/segmentations/plans/score", {"rows": [{"spending_score": 1, "plan": "silver"}]}))
    assert new["results"][0]["out_of_range"] == ["plan"]


def test_an_explanation_counts_a_category_as_one_reason_and_adds_up(by_plan: Run, caller: Caller) -> None:
    for external_id in ("1", "2", "3", "4"):
        told = data(caller.get(f"/customers/{external_id}/explanation"))
        reasons = {one["name"]: one for one in told["features"]}
        assert set(reasons) == {"spending_score", "plan"}
        place = data(caller.get("/segments/" + told["segment"]["id"] + "/members", {"page_size": 1000}))["results"]
        own = next(one for one in place if one["external_id"] == external_id)
        assert own["distance"] >= 0
        customer = Customer.objects.get(external_id=external_id)
        row = {"spending_score": customer.spending_score, "plan": reasons["plan"]["value"]}
        scored = data(caller.post("/segmentations/plans/score", {"rows": [row]}))["results"][0]
        gap = scored["runner_up_distance"] ** 2 - scored["distance"] ** 2
        assert np.isclose(sum(one["gap"] for one in told["features"]), gap)
        assert reasons["plan"]["would_move_at"] is None


def test_the_value_at_which_somebody_would_move_moves_them(segmentation: Segmentation, caller: Caller) -> None:
    given.publish(given.run(segmentation))
    moved = 0
    for customer in Customer.objects.order_by("pk")[:40]:
        told = data(caller.get(f"/customers/{customer.external_id}/explanation"))
        values = {one["name"]: one["value"] for one in told["features"]}
        for one in told["features"]:
            if one["would_move_at"] is None:
                continue
            row = values | {one["name"]: one["would_move_at"]}
            scored = data(caller.post(f"/segmentations/{segmentation.slug}/score", {"rows": [row]}))["results"][0]
            assert scored["segment_id"] == told["runner_up"]["id"]
            moved += 1
    assert moved > 20


def test_a_category_alone_divides_nobody(mall: list[Customer]) -> None:
    run = given.run(given.segmentation("Alone", ["gender"], k=2))
    assert run.status == "failed"
    assert run.error is not None
    assert "Add a number" in run.error["detail"]


def test_a_customer_is_told_apart_by_purchases_as_the_run_saw_them(caller: Caller, signed_in: SignIn) -> None:
    rows = "".join(f"c{n},2026-0{1 + n % 6}-1{n % 9},{10 + n % 7 * 30}\n" for n in range(120))
    imported("id\n" + "".join(f"c{n}\n" for n in range(120)))
    imported(f"customer id,date,amount\n{rows}", kind="transactions")
    run = given.publish(given.run(given.segmentation("Money", ["recency", "monetary"], scaling="standard", k=3)))
    told = data(caller.get("/customers/c7/explanation"))
    assert {one["name"]: one["value"] is None for one in told["features"]} == {"recency": False, "monetary": False}
    segment = next(iter(given.members_by_segment_id(run)))
    page = signed_in(people.person("analyst", "ann")).get(f"/segments/{segment}")
    assert page.status_code == 200
