"""Whoever writes customers takes turns with all others who do, so that nobody decides by what another is changing."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial

import pytest
from django.utils import timezone

from customers import pruning, undoing, writing
from customers.models import WRITERS_LOCK, Edit, Import, Undo
from segmentation_site.jobs import leases
from tests import given
from tests.customers.given import carried_out, imported, started, values

pytestmark = pytest.mark.django_db(transaction=True)
HEADER = "id,age\n"


def import_again() -> None:
    imported(HEADER + "1,50\n")


def write_over_the_api() -> None:
    assert [one.outcome for one in writing.write([{"external_id": "1", "age": 50}])] == ["updated"]


@pytest.mark.parametrize("deed", [import_again, write_over_the_api])
def test_whoever_writes_waits_for_whoever_writes_already(deed: Callable[[], None]) -> None:
    imported(HEADER + "1,30\n")
    with given.somebody_holds(f"SELECT pg_advisory_xact_lock({WRITERS_LOCK})"):
        done = given.aside(deed)
        given.wait_for_somebody_who_waits()
        assert values("age") == {"1": 30}
    assert done.result() is None
    assert values("age") == {"1": 50}


def test_taking_back_waits_for_whoever_writes() -> None:
    imported(HEADER + "1,30\n")
    changing = imported(HEADER + "1,40\n")
    taking_back = undoing.start_undo(changing, by=None, ring=False)
    with given.somebody_holds(f"SELECT pg_advisory_xact_lock({WRITERS_LOCK})"):
        done = given.aside(lambda: leases.carry_out(Undo, taking_back.pk, undoing.execute))
        given.wait_for_somebody_who_waits()
        assert values("age") == {"1": 40}
    done.result()
    assert values("age") == {"1": 30}


def test_what_an_import_replaced_is_not_pruned_while_it_is_taken_back() -> None:
    """As when an operator keeps imports for fewer days than before: the next pruning finds those between old."""
    imported(HEADER + "1,30\n2,30\n")
    changing = imported(HEADER + "1,40\n2,40\n")
    long_ago = timezone.now() - timedelta(days=91)
    Import.objects.filter(pk=changing.pk).update(finished_at=long_ago)
    Edit.objects.update(at=long_ago)
    taking_back = undoing.start_undo(changing, by=None, ring=False)
    with given.somebody_holds("SELECT 1 FROM customers_customer WHERE external_id = '2' FOR UPDATE"):
        done = given.aside(lambda: leases.carry_out(Undo, taking_back.pk, undoing.execute))
        given.wait_for_somebody_who_waits()
        pruned = given.aside(pruning.prune)
        given.wait_for_somebody_who_waits(2)
        assert Edit.objects.count() == 2
    done.result()
    pruned.result()
    assert values("age") == {"1": 30, "2": 30}


def test_of_two_first_imports_none_waits_for_the_other_before_its_turn_to_write() -> None:
    """The second one reads, checks and stages beside the first, which has the empty table to itself."""
    first, second = started(HEADER + "1,30\n2,30\n"), started(HEADER + "2,40\n3,40\n")
    with given.somebody_holds(f"SELECT pg_advisory_xact_lock({WRITERS_LOCK})"):
        both = []
        for waiting, one in enumerate((first, second), 1):
            both.append(given.aside(partial(carried_out, one)))
            given.wait_for_somebody_who_waits(waiting, for_what="advisory")
    for done in both:
        assert done.result().status == "done"
    assert set(values("age")) == {"1", "2", "3"}
