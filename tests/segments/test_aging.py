"""Segments made of purchases: whoever buys again is looked at again, and everybody as of the same day."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client

from customers import registering, undoing
from customers.columns import read_columns
from customers.models import Attribute, Customer, Import, Undo
from segmentation_site.jobs import leases
from segments import scoring
from segments.models import Run, Segmentation
from tests import given as people
from tests.api.calling import Caller, data
from tests.customers.given import imported
from tests.segments import given
from tests.segments.test_scoring import members, seen_by_the_model

SignIn = Callable[[User], Client]
pytestmark = pytest.mark.django_db(transaction=True)
TODAY = datetime.now(UTC).date()


def bought(lines: list[tuple[str, int, float]]) -> Import:
    """Purchases: who, how many days ago, for how much."""
    rows = "".join(f"{who},{TODAY - timedelta(days=ago)},{amount}\n" for who, ago, amount in lines)
    return imported(f"customer id,date,amount\n{rows}", kind="transactions")


def figures(names: list[str]) -> dict[str, dict[str, float]]:
    """Of each customer, as of today."""
    read, keys = read_columns(names), dict(Customer.objects.values_list("pk", "external_id"))
    rows = zip(read.ids.tolist(), read.values.tolist(), strict=True)
    return {keys[pk]: dict(zip(names, row, strict=True)) for pk, row in rows}


@pytest.fixture
def published() -> Run:
    """Two groups: who bought much lately, and who bought little long ago. The run looked a week ago."""
    imported("id\n" + "".join(f"c{n}\n" for n in range(100)))
    lately = [(f"c{n}", 7 + n % 20, 100.0 + n) for n in range(50)]
    bought(lately + [(f"c{n}", 250 + n, 5.0 + n / 10) for n in range(50, 100)])
    run = given.run(given.segmentation("Purchases", ["recency", "monetary"], scaling="standard", k=2))
    # As if it had been started then.
    Run.objects.filter(pk=run.pk).update(definition=run.definition | {"as_of": str(TODAY - timedelta(days=7))})
    published = given.publish(Run.objects.select_related("segmentation").get(pk=run.pk))
    scoring.score_changes()
    return published


def test_whoever_buys_again_is_put_where_the_model_sees_them_now(published: Run) -> None:
    before = members(published)
    bought([("c99", 0, 300.0)])
    assert scoring.score_changes() == 1
    after = members(published)
    assert after["c99"] == before["c0"] != before["c99"]
    seen = figures(["recency", "monetary"])
    assert after == {who: seen_by_the_model(published, **values) for who, values in seen.items()}


def test_the_explanation_counts_the_purchases_that_the_place_counts(published: Run) -> None:
    caller = Caller("customers:read")

    def recency() -> float:
        told = data(caller.get("/customers/c60/explanation"))
        return next(one["value"] for one in told["features"] if one["name"] == "recency")

    assert recency() == 310 - 7, "as of the run"
    bought([("c99", 0, 300.0)])
    scoring.score_changes()
    assert recency() == 310, "as of today, as everybody else"


def test_what_is_taken_back_does_not_count_any_more(published: Run) -> None:
    before = members(published)
    later = bought([("c99", 0, 300.0)])
    scoring.score_changes()
    undo = undoing.start_undo(later, by=None, ring=False)
    leases.carry_out(Undo, undo.pk, undoing.execute)
    scoring.score_changes()
    assert members(published) == before


def test_purchases_that_came_while_a_draft_waited_count_when_it_is_used(published: Run) -> None:
    draft = given.run(published.segmentation)
    bought([("c99", 0, 300.0)])
    given.publish(draft)
    scoring.score_changes()
    assert members(draft)["c99"] == members(draft)["c0"]


def test_where_a_person_fixed_the_day_it_stays(published: Run) -> None:
    day = str(TODAY - timedelta(days=5))
    fixed = given.publish(given.run(given.segmentation("Fixed", ["monetary", "tenure"], k=2, as_of=day)))
    bought([("c99", 0, 300.0)])
    scoring.score_changes()
    assert Segmentation.objects.get(pk=fixed.segmentation_id).scored_as_of is None
    assert Segmentation.objects.get(pk=published.segmentation_id).scored_as_of == TODAY


def test_a_feature_that_was_removed_is_missed_aloud(signed_in: SignIn) -> None:
    registering.register(key="visits", label="Visits", kind="number")
    imported("id,age,visits\n" + "".join(f"c{n},{20 + n % 50},{n % 9}\n" for n in range(60)))
    one = given.segmentation("By visits", ["age", "visits"], k=2)
    run = given.publish(given.run(one))
    caller, viewer = Caller("segments:read"), signed_in(people.person("viewer"))
    assert data(caller.get("/segmentations/by-visits"))["missing_attributes"] == []
    pages = ("/", "/segmentations/by-visits")
    assert all("no longer put into" not in viewer.get(page).content.decode() for page in pages)

    registering.remove(Attribute.objects.get(key="visits"))
    imported("id,age\nnew,40\n")
    scoring.score_changes()
    assert "new" not in members(run)
    assert data(caller.get("/segmentations/by-visits"))["missing_attributes"] == ["visits"]
    assert all("Visits: this was removed" in viewer.get(page).content.decode() for page in pages)
    again = given.run(one)
    assert again.error is not None
    assert "There is no attribute 'visits' any more" in again.error["detail"]
