"""Taking imports back: what they did goes, what anybody did afterwards stays."""

from functools import partial
from typing import Any

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from customers import importing, undoing, writing
from customers.models import Customer, Edit, Import, ImportStatus, Transaction, Undo
from segmentation_site.jobs import leases
from segmentation_site.jobs.leases import Lease
from segmentation_site.jobs.models import JobStatus
from tests.customers.given import carried_out, imported, started, values
from tests.given import at_once

pytestmark = pytest.mark.django_db(transaction=True)


def undone(one: Import) -> Undo:
    """The import taken back, as a worker does it."""
    undo = undoing.start_undo(one, by=None, ring=False)
    leases.carry_out(Undo, undo.pk, undoing.execute)
    undo.refresh_from_db()
    assert undo.status == JobStatus.DONE, undo.error_detail
    one.refresh_from_db()
    assert one.status == ImportStatus.UNDONE
    return undo


def test_who_came_with_an_import_is_gone_after_its_undo_and_who_was_there_before_is_not() -> None:
    imported("id,age\n1,30\n")
    undo = undone(imported("id,age\n2,40\n3,50\n"))
    assert values("age") == {"1": 30}
    assert (undo.removed, undo.restored, undo.kept) == (2, 0, 0)


def test_what_an_import_changed_comes_back() -> None:
    imported("id,age,city\n1,30,Lyon\n2,40,Paris\n")
    before = values("change_sequence")
    undo = undone(imported("id,age,city\n1,31,Lyon\n2,40,Paris\n"))
    assert (values("age"), values("city")) == ({"1": 30, "2": 40}, {"1": "Lyon", "2": "Paris"})
    assert (undo.removed, undo.restored, undo.kept) == (0, 1, 0)
    assert values("change_sequence")["1"] > max(before.values()), "pullers must see that it changed"


def test_what_a_person_changed_afterwards_stays() -> None:
    imported("id,age,city\n1,30,Lyon\n")
    one = imported("id,age,city\n1,31,Paris\n")
    writing.correct("1", {"age": 32})
    undo = undone(one)
    assert (values("age"), values("city")) == ({"1": 32}, {"1": "Lyon"})
    assert (undo.restored, undo.kept) == (1, 1)


def test_a_customer_who_came_with_the_import_and_was_corrected_since_stays_with_the_correction_alone() -> None:
    one = imported("id,age,city\n1,30,Lyon\n2,40,Paris\n")
    writing.correct("1", {"age": 31})
    undo = undone(one)
    assert (values("age"), values("city")) == ({"1": 31}, {"1": ""})
    assert (undo.removed, undo.kept) == (1, 1)


def test_imports_may_be_taken_back_in_any_order() -> None:
    imported("id,age\n1,30\n")
    second, third = imported("id,age\n1,31\n"), imported("id,age\n1,32\n2,50\n")
    undone(second)
    assert values("age") == {"1": 32, "2": 50}
    undone(third)
    assert values("age") == {"1": 30}


def test_an_undo_says_beforehand_what_it_will_do() -> None:
    imported("id,age\n1,30\n2,40\n")
    one = imported("id,age\n1,31\n2,41\n3,50\n4,60\n")
    writing.correct("3", {"age": 51})
    writing.correct("1", {"city": "Lyon"})
    told = undoing.forecast(one)
    assert (told.removed, told.restored, told.kept) == (1, 2, 2)
    undo = undone(one)
    assert (undo.removed, undo.restored) == (1, 2)


def test_an_undo_says_beforehand_who_stays_without_what_the_import_said() -> None:
    one = imported("id,age,city\n1,30,Lyon\n2,40,Paris\n")
    writing.correct("1", {"age": 31})
    told = undoing.forecast(one)
    assert (told.removed, told.restored, told.kept) == (1, 1, 1)
    undo = undone(one)
    assert (undo.removed, undo.restored, undo.kept) == (1, 1, 1)


@pytest.mark.parametrize("reason", ["undone", "dry run", "running"])
def test_what_cannot_be_taken_back_says_why(reason: str) -> None:
    if reason == "undone":
        one = imported("id,age\n1,30\n")
        undone(one)
    elif reason == "dry run":
        one = imported("id,age\n1,30\n", is_dry_run=True)
    else:
        one = started("id,age\n1,30\n")
    with pytest.raises(undoing.NotUndoable):
        undoing.start_undo(one, by=None, ring=False)


def test_an_undo_that_is_under_way_is_not_started_twice() -> None:
    one = imported("id,age\n1,30\n")
    undoing.start_undo(one, by=None, ring=False)
    with pytest.raises(undoing.BeingUndone):
        undoing.start_undo(one, by=None, ring=False)


def test_of_many_who_take_an_import_back_at_once_one_does() -> None:
    one = imported("id,age\n1,30\n")
    undo = partial(undoing.start_undo, by=None, ring=False)
    done = at_once(*[partial(undo, Import.objects.get(pk=one.pk)) for _ in range(6)])
    assert sum(isinstance(each, undoing.BeingUndone) for each in done) == 5
    assert Undo.objects.count() == 1


def test_who_comes_when_an_import_has_just_been_taken_back_is_told_so() -> None:
    one = imported("id,age\n1,30\n")
    seen_before = Import.objects.get(pk=one.pk)
    undone(one)
    with pytest.raises(undoing.NotUndoable, match="taken back already"):
        undoing.start_undo(seen_before, by=None, ring=False)
    assert Undo.objects.count() == 1


def test_an_import_is_not_taken_back_while_it_is_on_its_way_nor_twice_by_two_workers() -> None:
    one = started("id,age\n1,30\n")

    def meanwhile(one: Import, lease: Lease[Import]) -> None:
        with pytest.raises(undoing.NotUndoable, match="running"):
            undoing.start_undo(Import.objects.get(pk=one.pk), by=None, ring=False)
        importing.execute(one, lease)

    carried_out(one, meanwhile)
    undo = undoing.start_undo(one, by=None, ring=False)
    at_once(*[partial(leases.carry_out, Undo, undo.pk, undoing.execute) for _ in range(4)])
    undo.refresh_from_db()
    assert (undo.status, undo.attempt, undo.removed) == (JobStatus.DONE, 1, 1)


def test_transactions_go_with_the_customers_whom_they_brought() -> None:
    imported("id,age\n1,30\n")
    one = imported("customer id,date,amount,order id\n1,2024-01-01,10,a\n2,2024-01-02,20,b\n", kind="transactions")
    assert set(values("age")) == {"1", "2"}
    undo = undone(one)
    assert (undo.transactions_removed, undo.removed) == (2, 1)
    assert not Transaction.objects.exists()
    assert values("age") == {"1": 30}


def test_a_customer_with_transactions_of_another_import_stays_without_the_values_of_the_one_taken_back() -> None:
    one = imported("id,age\n1,30\n")
    imported("customer id,date,amount,order id\n1,2024-01-01,10,a\n", kind="transactions")
    undone(one)
    assert values("age") == {"1": None}


# ---- any history -----------------------------------------------------------------------------------------------------

Value = int | None
CUSTOMERS, KEYS = ("1", "2", "3"), ("age", "annual_income")
_values = st.one_of(st.none(), st.integers(1, 4))
_row = st.fixed_dictionaries(dict.fromkeys(KEYS, _values))
_write = st.dictionaries(st.sampled_from(CUSTOMERS), _row, min_size=1)
_step = st.one_of(
    st.tuples(st.just("import"), _write, st.booleans()),
    st.tuples(st.just("person"), st.sampled_from(CUSTOMERS), st.sampled_from(KEYS), _values),
    st.tuples(st.just("undo"), st.integers(0, 5)),
)


class History:
    """What should be: for each customer and key the writes that changed it, each with who wrote, in their order."""

    def __init__(self) -> None:
        self.came: dict[str, list[Any]] = {}
        self.writes: dict[tuple[str, str], list[tuple[Any, Value]]] = {}

    def now(self, customer: str, key: str) -> Value:
        writes = self.writes.get((customer, key), [])
        return writes[-1][1] if writes else None

    def write(self, by: Any, customer: str, row: dict[str, Value], *, clears: bool) -> None:
        changed = False
        is_new = not self.came.get(customer)
        for key, value in row.items():
            if (value is not None or clears) and value != self.now(customer, key):
                self.writes.setdefault((customer, key), []).append((by, value))
                changed = True
        if is_new or changed:
            self.came.setdefault(customer, []).append(by)

    def undo(self, by: Any) -> None:
        for customer in list(self.came):
            self.came[customer] = [writer for writer in self.came[customer] if writer != by]
            if not self.came[customer]:
                del self.came[customer]
        for place, writes in self.writes.items():
            self.writes[place] = [write for write in writes if write[0] != by] if place[0] in self.came else []

    def state(self) -> dict[str, dict[str, Value]]:
        return {customer: {key: self.now(customer, key) for key in KEYS} for customer in self.came}


def seen() -> dict[str, dict[str, Value]]:
    return {row.pop("external_id"): row for row in Customer.objects.values("external_id", *KEYS)}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(_step, min_size=2, max_size=9))
def test_after_any_history_an_undo_leaves_exactly_the_later_edits(steps: list[Any]) -> None:
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE customers_customer, customers_import, customers_edit CASCADE")
    history, imports = History(), []
    for step in steps:
        if step[0] == "import":
            _, rows, clears = step
            lines = [
                ",".join([customer, *("" if row[key] is None else str(row[key]) for key in KEYS)])
                for customer, row in rows.items()
            ]
            one = imported(
                "id,age,annual income\n" + "\n".join(lines) + "\n", empty_cells="clear" if clears else "leave"
            )
            for customer, row in rows.items():
                history.write(one.pk, customer, row, clears=clears)
            imports.append(one)
        elif step[0] == "person":
            _, customer, key, value = step
            if customer in seen():
                writing.correct(customer, {key: value})
                history.write("person", customer, {key: value}, clears=True)
        elif imports:
            one = imports.pop(step[1] % len(imports))
            undone(one)
            history.undo(one.pk)
        assert seen() == history.state()
    for one in imports:
        undone(one)
        history.undo(one.pk)
        assert seen() == history.state()
    assert Edit.objects.filter(source_import__isnull=False).count() == 0
