"""Whoever writes customers takes turns with all others who do, so that nobody decides by what another is changing."""

from collections.abc import Callable

import pytest

from customers import undoing, writing
from customers.models import WRITERS_LOCK, Undo
from segmentation_site.jobs import leases
from tests import given
from tests.customers.given import imported, values

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
