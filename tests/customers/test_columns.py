"""Features of many customers are read over two connections, and nobody can tell."""

from threading import Lock

import numpy as np
import pytest

from customers import columns
from customers.models import Customer
from tests import given
from tests.customers.given import imported

pytestmark = pytest.mark.django_db(transaction=True)

KEYS = ["age", "gender", "annual_income"]


@pytest.fixture
def people() -> None:
    genders = ["female", "male", ""]
    imported("id,age,gender\n" + "".join(f"{n},{20 + n},{genders[n % 3]}\n" for n in range(30)))


def test_two_halves_are_what_one_reading_gives(people: None, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = columns.read_columns(KEYS)
    monkeypatch.setattr(columns, "MANY", 2)
    monkeypatch.setattr(columns, "CUSTOMERS_AT_ONCE", 4)
    halves = columns.read_columns(KEYS)
    assert (halves.keys, halves.levels, halves.sha256) == (whole.keys, whole.levels, whole.sha256)
    assert len(halves.ids) == 30


def test_both_halves_are_of_one_moment(people: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(columns, "MANY", 2)
    ages = columns.read_columns(["age"]).values
    read, turn = columns._Source.read, Lock()
    changed: list[object] = []

    def read_what_changes(source: columns._Source, after: int, until: int) -> object:
        with turn:
            if not changed:
                changed.extend(given.at_once(lambda: Customer.objects.update(age=99)))
        return read(source, after, until)

    monkeypatch.setattr(columns._Source, "read", read_what_changes)
    assert np.array_equal(columns.read_columns(["age"]).values, ages)
    assert changed == [30]
