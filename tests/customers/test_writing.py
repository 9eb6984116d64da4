"""Customers written by programs and by hand: the checks and reasons of files, and nothing lost in between."""

from typing import Any

import pytest

from customers import suppressing, writing
from customers.models import Customer
from tests.customers.given import counts, imported, values, why

pytestmark = pytest.mark.django_db(transaction=True)


def outcomes(rows: list[dict[str, Any]]) -> list[str]:
    return [written.outcome for written in writing.write(rows)]


def test_a_batch_adds_changes_and_leaves_alone_and_one_bad_row_stops_nobody() -> None:
    imported("id,age\n1,30\n2,40\n")
    rows: list[dict[str, Any]] = [
        {"external_id": "1", "age": 31},
        {"external_id": "2", "age": 40},
        {"external_id": "3", "age": "50", "gender": "F"},
        {"external_id": "4", "age": 200, "email": "nobody"},
        {"age": 20},
        {"external_id": "5", "shoe_size": 43},
    ]
    written = writing.write(rows)
    assert [one.outcome for one in written] == ["updated", "unchanged", "created", "rejected", "rejected", "rejected"]
    assert {(wrong.field, wrong.code) for wrong in written[3].reasons} == {
        ("age", "above_maximum"),
        ("email", "not_an_email"),
    }
    assert [wrong.code for wrong in (*written[4].reasons, *written[5].reasons)] == ["missing", "unknown_attribute"]
    assert values("age") == {"1": 31, "2": 40, "3": 50}
    assert values("gender")["3"] == "female"


def test_what_is_not_given_stays_and_null_clears() -> None:
    imported("id,age,city\n1,30,Lyon\n")
    assert outcomes([{"external_id": "1", "age": None}]) == ["updated"]
    assert (values("age"), values("city")) == ({"1": None}, {"1": "Lyon"})


def test_of_two_rows_with_one_id_the_last_counts() -> None:
    assert outcomes([{"external_id": "1", "age": 30}, {"external_id": "1", "age": 31}]) == ["rejected", "created"]
    assert values("age") == {"1": 31}


def test_a_change_that_was_made_on_an_old_state_is_refused() -> None:
    writing.write([{"external_id": "1", "age": 30}])
    read = values("change_sequence")["1"]
    writing.write([{"external_id": "1", "age": 31}], is_expected=read.__eq__)
    with pytest.raises(writing.ChangedMeanwhile):
        writing.write([{"external_id": "1", "age": 32}], is_expected=read.__eq__)
    assert values("age") == {"1": 31}


@pytest.mark.parametrize("value", [[], {}, [1], {"a": 1}, "x" * 500, "\0", True])
def test_nonsense_is_a_reason_and_never_a_crash(value: Any) -> None:
    assert outcomes([{"external_id": "1", "city": value, "age": value}]) == ["rejected"]
    assert not Customer.objects.exists()


def test_who_asked_to_be_forgotten_does_not_come_in_again_by_any_way() -> None:
    suppressing.suppress(["2", "ada@example.com"])
    one = imported("id,email\n1,ADA@example.com\n2,b@example.com\n3,c@example.com\n")
    assert counts(one) == (1, 0, 0, 2)
    assert why(one) == {2: {"suppressed"}, 3: {"suppressed"}}
    again = imported("id,email\n2,b@example.com\n4,d@example.com\n")
    assert (counts(again), why(again)) == ((1, 0, 0, 1), {2: {"suppressed"}})
    assert outcomes([{"external_id": "2", "age": 3}, {"external_id": "9", "email": "Ada@Example.com"}]) == [
        "rejected",
        "rejected",
    ]
    assert set(values("age")) == {"3", "4"}


def test_a_file_without_ids_finds_customers_by_their_address() -> None:
    imported("id,email,age\n1,Ada@example.com,30\n2,two@example.com,40\n3,two@example.com,50\n")
    one = imported("email,age\nada@EXAMPLE.com,31\ntwo@example.com,60\nNew@example.com,20\nnew@example.com,21\n,9\n")
    assert one.key == "email"
    assert counts(one) == (1, 1, 0, 3)
    assert why(one) == {3: {"ambiguous_customer"}, 4: {"duplicate"}, 6: {"missing"}}
    assert values("age") == {"1": 31, "2": 40, "3": 50, "new@example.com": 21}


def test_an_empty_cell_clears_what_is_known_where_that_was_chosen_but_never_a_consent() -> None:
    imported("id,age,city,consent\n1,30,Lyon,no\n")
    assert counts(imported("id,age,city,consent\n1,,,\n", empty_cells="clear")) == (0, 1, 0, 0)
    assert (values("age"), values("city"), values("consent")) == ({"1": None}, {"1": ""}, {"1": "denied"})
    assert counts(imported("id,age,city,consent\n1,,,\n", empty_cells="clear")) == (0, 0, 1, 0)
