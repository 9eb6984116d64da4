"""Programs read customers in the order of their changes, and why each is in its segment."""

from datetime import timedelta
from urllib.parse import quote

import pytest
from django.utils import timezone

from customers.models import Customer, next_change
from segments.models import Run, Segment, Segmentation
from tests.api.answers import pointers, problem
from tests.api.calling import Caller, data
from tests.segments import given


@pytest.fixture
def caller(db: None) -> Caller:
    return Caller("customers:read")


def change(external_id: str, **values: object) -> None:
    """Somebody changes this customer now."""
    rows = Customer.objects.filter(external_id=external_id)
    rows.update(change_sequence=next_change(), updated_at=timezone.now(), **values)


def names(customers: list[dict[str, object]]) -> list[object]:
    return [one["external_id"] for one in customers]


def test_everybody_comes_exactly_once_in_the_order_of_the_last_change(caller: Caller, mall: list[Customer]) -> None:
    change("17", age=40)
    found = caller.pull("/customers", {"page_size": 30})
    assert names(found) == [str(number) for number in range(1, 201) if number != 17] + ["17"]
    sequences = [one["change_sequence"] for one in found]
    assert sequences == sorted(set(sequences))


def test_a_change_in_the_midst_of_a_pull_comes_at_its_end(caller: Caller, mall: list[Customer]) -> None:
    page = data(caller.get("/customers", {"page_size": 50}))
    pulled = page["results"]
    change("1", age=41)
    change("199", age=42)

    while page["next"]:
        page = data(caller.get(page["next"]))
        pulled += page["results"]

    assert names(pulled).count("1") == 2
    assert names(pulled)[-2:] == ["1", "199"]
    assert [one["age"] for one in pulled[-2:]] == [41, 42]


def test_a_puller_that_keeps_the_last_sequence_gets_what_changed_after_it(caller: Caller, mall: list[Customer]) -> None:
    last = caller.pull("/customers")[-1]["change_sequence"]
    assert caller.pull("/customers", {"updated_since": last}) == []
    change("5", city="Graz")
    assert names(caller.pull("/customers", {"updated_since": last})) == ["5"]


def test_only_what_changed_since_a_moment_is_given_when_it_is_asked_for(caller: Caller, mall: list[Customer]) -> None:
    Customer.objects.update(updated_at=timezone.now() - timedelta(days=1))
    moment = timezone.now().isoformat()
    change("3", city="Linz")
    assert names(caller.pull("/customers", {"updated_since": moment})) == ["3"]


def test_customers_of_a_segment_and_those_who_may_be_contacted(caller: Caller, published: Run) -> None:
    public_id, members = next(iter(given.members_by_segment_id(published).items()))
    expected = set(Customer.objects.filter(pk__in=members).values_list("external_id", flat=True))
    willing = set(sorted(expected)[:3])
    Customer.objects.filter(external_id__in=willing).update(consent="granted")

    assert set(names(caller.pull("/customers", {"segment": public_id, "page_size": 9}))) == expected
    assert set(names(caller.pull("/customers", {"segment": public_id, "contactable": "true"}))) == willing
    assert set(names(caller.pull("/customers", {"segment": public_id, "contactable": "false"}))) == expected - willing
    assert set(names(caller.pull("/customers", {"contactable": "true"}))) == willing


def test_a_customer_comes_with_its_values_and_its_place_in_each_segmentation(
    caller: Caller, published: Run, mall: list[Customer]
) -> None:
    by_age = given.segmentation("By age", ["age"], k=2)
    given.publish(given.run(by_age))

    one = data(caller.get("/customers/1"))

    assert {key: one[key] for key in ("external_id", "gender", "age", "annual_income", "spending_score")} == {
        "external_id": "1",
        "gender": "male",
        "age": 19,
        "annual_income": 15,
        "spending_score": 39,
    }
    by_age_place, place = one["segmentations"]
    assert (by_age_place["segmentation"], place["segmentation"]) == ("by-age", "income-and-spending")
    assert place["run_id"] == published.public_id
    segment = Segment.objects.get(public_id=place["segment"]["id"])
    assert place["segment"]["name"] == segment.name
    assert mall[0].pk in given.members_by_segment_id(published)[segment.public_id]
    assert place["runner_up"]["id"] != place["segment"]["id"]
    assert place["fit"] in {"typical", "close", "borderline"}
    assert published.published_at is not None
    assert place["since"] == published.published_at.isoformat().replace("+00:00", "Z")
    assert place["previous_segment"] is None


def test_a_customer_who_moved_says_where_it_was_before(caller: Caller, published: Run) -> None:
    before = data(caller.get("/customers/1"))["segmentations"][0]["segment"]
    change("1", annual_income=87, spending_score=82)

    given.publish(given.run(published.segmentation))

    place = data(caller.get("/customers/1"))["segmentations"][0]
    assert place["previous_segment"] == before
    assert place["segment"] != before


def test_a_customer_who_came_after_the_run_has_no_segment(caller: Caller, published: Run) -> None:
    Customer.objects.create(external_id="late/comer é")
    one = data(caller.get(f"/customers/{quote('late/comer é')}"))
    assert one["external_id"] == "late/comer é"
    assert [place["segment"] for place in one["segmentations"]] == [None]


def test_why_a_customer_is_in_its_segment_is_told_feature_by_feature(caller: Caller, published: Run) -> None:
    why = data(caller.get("/customers/1/explanation", {"segmentation": "income-and-spending"}))

    place = data(caller.get("/customers/1"))["segmentations"][0]
    assert (why["segment"], why["runner_up"], why["fit"]) == (place["segment"], place["runner_up"], place["fit"])
    values = {one["name"]: one["value"] for one in why["features"]}
    assert values == {"annual_income": 15, "spending_score": 39}
    # With features as they are, a gap is the difference of the squared distances to what is typical.
    for one in why["features"]:
        gap = (one["value"] - one["runner_up_typical"]) ** 2 - (one["value"] - one["typical"]) ** 2
        assert one["gap"] == pytest.approx(gap)
    assert sum(one["gap"] for one in why["features"]) > 0
    assert why["sentence"]


def test_with_one_segmentation_in_use_nobody_has_to_name_it(caller: Caller, published: Run) -> None:
    assert data(caller.get("/customers/1/explanation"))["segmentation"] == "income-and-spending"
    given.publish(given.run(given.segmentation("By age", ["age"], k=2)))
    told = problem(caller.get("/customers/1/explanation"), 400, "invalid_request")
    assert pointers(told) == {"?segmentation": "required"}


def test_what_is_not_there_is_not_found(caller: Caller, segmentation: Segmentation) -> None:
    for path in ("/customers/nobody", "/customers/a%00b", "/customers/nobody/explanation"):
        problem(caller.get(path), 404, "not_found")
    problem(caller.get("/customers/1/explanation", {"segmentation": segmentation.slug}), 404, "not_found")


@pytest.mark.parametrize(
    ("query", "pointer", "code"),
    [
        ({"updated_since": "yesterday"}, "?updated_since", "invalid_parameter"),
        ({"updated_since": "2026-01-31T09:00:00"}, "?updated_since", "invalid_parameter"),
        ({"contactable": "perhaps"}, "?contactable", "invalid_parameter"),
        ({"segment": "sgm_0000000000000000"}, "?segment", "unknown_segment"),
        ({"sort": "age"}, "?sort", "unknown_parameter"),
    ],
)
def test_a_parameter_that_cannot_be_is_refused(caller: Caller, query: dict[str, str], pointer: str, code: str) -> None:
    assert pointers(problem(caller.get("/customers", query), 400, "invalid_request")) == {pointer: code}


def test_a_key_for_segments_sees_no_customer(mall: list[Customer]) -> None:
    caller = Caller("segments:read", "segments:write", "runs:write")
    for path in ("/customers", "/customers/1", "/customers/1/explanation"):
        assert "customers:read" in problem(caller.get(path), 403, "permission_denied")["detail"]
