"""Programs write customers: the same checks and reasons as files, an answer for each item."""

import pytest

from customers import registering
from customers.models import Customer
from tests.api.answers import pointers, problem
from tests.api.calling import Caller, data
from tests.customers.given import values

pytestmark = pytest.mark.django_db


@pytest.fixture
def caller() -> Caller:
    return Caller("customers:read", "customers:write")


def test_a_customer_is_added_changed_and_left_alone(caller: Caller) -> None:
    body = {"age": 36, "gender": "F", "annual_income": 54.5}
    assert data(caller.put("/customers/ada%2F1", body))["status"] == "created"
    assert data(caller.put("/customers/ada%2F1", body))["status"] == "unchanged"
    assert data(caller.put("/customers/ada%2F1", {"age": None}))["status"] == "updated"
    read = data(caller.get("/customers/ada%2F1"))
    assert (read["age"], read["gender"], read["annual_income"]) == (None, "female", 54.5)


def test_a_change_of_what_was_read_before_somebody_else_changed_it_is_refused(caller: Caller) -> None:
    data(caller.put("/customers/1", {"age": 30}))
    read = str(data(caller.get("/customers/1"))["change_sequence"])
    data(caller.put("/customers/1", {"age": 31}, if_match=f'"{read}"'))
    problem(caller.put("/customers/1", {"age": 32}, if_match=f'"{read}"'), 412, "changed_meanwhile")
    problem(caller.put("/customers/1", {"age": 32}, if_match="soon"), 400, "invalid_request")
    assert values("age") == {"1": 31}


def test_what_a_read_gave_as_etag_is_taken_back_until_somebody_changes_the_customer(caller: Caller) -> None:
    data(caller.put("/customers/1", {"age": 30}))
    tag = caller.get("/customers/1")["ETag"]
    assert caller.get("/customers/1", if_none_match=tag).status_code == 304
    data(caller.put("/customers/1", {"age": 31}, if_match=f'"5", {tag}'))
    problem(caller.put("/customers/1", {"age": 32}, if_match=tag), 412, "changed_meanwhile")
    assert values("age") == {"1": 31}


def test_somebody_who_must_be_there_already_is_not_added(caller: Caller) -> None:
    problem(caller.put("/customers/1", {"age": 30}, if_match="*"), 412, "changed_meanwhile")
    assert not Customer.objects.exists()
    data(caller.put("/customers/1", {"age": 30}))
    assert data(caller.put("/customers/1", {"age": 31}, if_match="*"))["status"] == "updated"


def test_what_cannot_be_saved_is_told_by_field_and_nothing_is(caller: Caller) -> None:
    refused = problem(caller.put("/customers/1", {"age": 200, "email": "nobody", "shoes": 43}), 400, "invalid_request")
    assert pointers(refused) == {"/age": "above_maximum", "/email": "not_an_email", "/shoes": "unknown_attribute"}
    problem(caller.put("/customers/1", {"external_id": "2"}), 400, "invalid_request")
    assert not Customer.objects.exists()


def test_a_batch_answers_each_item_in_its_place(caller: Caller) -> None:
    registering.register(key="points", label="Points", kind="number", minimum=0)
    items = [
        {"external_id": "1", "age": 30, "points": 5},
        {"external_id": "2", "points": -5},
        {"age": 3},
        {"external_id": "3", "email": "c@example.com"},
    ]
    results = data(caller.post("/customers/batch", {"customers": items}))["results"]
    assert [one["status"] for one in results] == ["created", "rejected", "rejected", "created"]
    assert results[1]["errors"][0]["code"] == "below_minimum"
    assert data(caller.get("/customers/1"))["points"] == 5
    again = data(caller.post("/customers/batch", {"customers": items[:1]}))["results"]
    assert again[0]["status"] == "unchanged"


def test_an_id_that_is_a_number_is_that_of_the_text(caller: Caller) -> None:
    answer = data(caller.post("/customers/batch", {"customers": [{"external_id": 17}, {"external_id": "17"}]}))
    outcomes = [(one["external_id"], one["status"]) for one in answer["results"]]
    assert outcomes == [("17", "rejected"), ("17", "created")]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/customers"),
        ({"customers": []}, "/customers"),
        ({"customers": "1"}, "/customers"),
        ({"customers": [1]}, "/customers/0"),
        ({"customers": [{"external_id": str(n)} for n in range(1001)]}, "/customers"),
        ({"people": []}, "/people"),
    ],
)
def test_a_batch_that_is_none_is_refused(caller: Caller, body: dict[str, object], pointer: str) -> None:
    assert pointer in pointers(problem(caller.post("/customers/batch", body), 400, "invalid_request"))


def test_a_lookup_answers_everything_in_its_order(caller: Caller) -> None:
    for number, email in [("1", "Ada@example.com"), ("2", "both@example.com"), ("3", "both@example.com")]:
        data(caller.put(f"/customers/{number}", {"email": email}))
    asked = {"external_ids": ["2", "nobody"], "emails": ["ADA@example.com", "both@example.com"]}
    results = data(caller.post("/customers/lookup", asked))["results"]
    assert [(one["asked"], one["external_id"]) for one in results] == [
        ("2", "2"),
        ("nobody", None),
        ("ADA@example.com", "1"),
        ("both@example.com", "2"),
        ("both@example.com", "3"),
    ]
    problem(caller.post("/customers/lookup", {}), 400, "invalid_request")


def test_a_lookup_tells_the_segments_in_use(caller: Caller, published: object) -> None:
    (found,) = data(caller.post("/customers/lookup", {"external_ids": ["17"]}))["results"]
    assert [set(segment) for segment in found["segments"]] == [{"segmentation", "segment_id", "name"}]
