"""What an import does with each row, and what it leaves alone."""

import pytest
from django.db import connection
from django.db.models import Max

from customers import importing
from customers.models import Customer, Import, RejectedRow
from segmentation_site.jobs import leases
from segmentation_site.jobs.leases import Lease
from segmentation_site.jobs.models import JobStatus
from tests.customers.given import carried_out, counts, imported, started, values, why
from tests.given import ended

pytestmark = pytest.mark.django_db(transaction=True)

HEAD = "CustomerID,Gender,Age,Annual Income (k$),Spending Score (1-100)\n"


def staging_tables() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_class WHERE relname LIKE 'import\\_%\\_rows'")
        return int(cursor.fetchone()[0])


def test_the_mall_file_creates_200_customers_and_the_second_time_changes_none(mall_file: object) -> None:
    content = mall_file.read_bytes()  # type: ignore[attr-defined]
    assert counts(imported(content)) == (200, 0, 0, 0)
    before = Customer.objects.aggregate(Max("change_sequence"))
    assert counts(imported(content)) == (0, 0, 200, 0)
    assert Customer.objects.aggregate(Max("change_sequence")) == before
    first = Customer.objects.get(external_id="1")
    assert (first.gender, first.age, first.annual_income, first.spending_score) == ("male", 19, 15, 39)


def test_a_real_worker_carries_out_an_import_that_was_rung_for(worker: object) -> None:
    from django.core.files.base import ContentFile

    from customers import starting

    one = starting.start_import(ContentFile(f"{HEAD}1,Female,30,40,50\n".encode(), name="a.csv"), by=None)
    assert ended(one).status == JobStatus.DONE
    assert values("age") == {"1": 30}


def test_an_import_that_was_queued_without_a_plan_is_carried_out_as_well() -> None:
    one = started(f"{HEAD}1,Female,30,40,50\n")
    assert one.params["plan"]["headers"][0] == "CustomerID"
    Import.objects.filter(pk=one.pk).update(params={})
    assert counts(carried_out(one)) == (1, 0, 0, 0)


def test_good_rows_are_saved_and_bad_ones_given_back_with_line_and_reason() -> None:
    one = imported(f"{HEAD}1,Female,30,40,50\n2,Male,abc,50,60\n3,Robot,200,-1,101\n,Male,20,20,20\n5,Male,41,60,70\n")
    assert counts(one) == (2, 0, 0, 3)
    assert why(one) == {
        3: {"not_a_number"},
        4: {"not_a_category", "above_maximum", "below_minimum"},
        5: {"missing"},
    }
    row = RejectedRow.objects.get(source_import=one, line=3)
    assert row.cells["Age"] == "abc"
    assert row.reasons[0]["field"] == "age"
    assert "“abc” is not a number" in row.reasons[0]["detail"]
    assert set(values("age")) == {"1", "5"}


@pytest.fixture(params=[1, 10_000], ids=["many rows", "few rows"])
def many_rows(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """What differs is looked for before the merge, or by it."""
    monkeypatch.setattr(importing, "MANY_ROWS", request.param)


@pytest.mark.usefixtures("many_rows")
def test_only_what_differs_is_written_and_gets_a_new_change_sequence() -> None:
    imported(f"{HEAD}1,Female,30,40,50\n2,Male,31,41,51\n3,Male,32,42,52\n")
    before = values("change_sequence")
    assert counts(imported(f"{HEAD}1,Female,30,40,50\n2,Male,99,41,51\n4,Male,33,43,53\n")) == (1, 1, 1, 0)
    after = values("change_sequence")
    assert (after["1"], after["3"]) == (before["1"], before["3"])
    assert after["2"] > max(before.values())
    assert values("age") == {"1": 30, "2": 99, "3": 32, "4": 33}


def test_an_empty_cell_says_nothing_and_changes_nothing() -> None:
    imported(f"{HEAD}1,Female,30,40,50\n")
    assert counts(imported(f"{HEAD}1,,,45,\n")) == (0, 1, 0, 0)
    one = Customer.objects.get()
    assert (one.gender, one.age, one.annual_income, one.spending_score) == ("female", 30, 45, 50)


def test_of_several_rows_with_one_id_the_last_counts_and_the_others_come_back() -> None:
    one = imported(f"{HEAD}1,Female,30,40,50\n2,Male,31,41,51\n1,Female,35,40,50\n1,Female,36,40,50\n")
    assert counts(one) == (2, 0, 0, 2)
    assert why(one) == {2: {"duplicate"}, 4: {"duplicate"}}
    assert values("age") == {"1": 36, "2": 31}


@pytest.mark.usefixtures("many_rows")
@pytest.mark.parametrize(
    ("mode", "expected", "ages"),
    [
        ("upsert", (1, 1, 0, 0), {"1": 99, "2": 31}),
        ("create", (1, 0, 0, 1), {"1": 30, "2": 31}),
        ("update", (0, 1, 0, 1), {"1": 99}),
    ],
)
def test_a_mode_limits_what_an_import_may_do(mode: str, expected: tuple[int, ...], ages: dict[str, float]) -> None:
    imported("id,age\n1,30\n")
    one = imported("id,age\n1,99\n2,31\n", mode=mode)
    assert counts(one) == expected
    assert values("age") == ages
    if mode == "update":
        assert why(one) == {3: {"unknown_customer"}}


def test_a_dry_run_counts_and_keeps_nothing_but_its_report() -> None:
    imported("id,age\n1,30\n")
    one = imported("id,age\n1,31\n2,32\n3,x\n", is_dry_run=True)
    assert counts(one) == (1, 1, 0, 1)
    assert why(one) == {4: {"not_a_number"}}
    assert values("age") == {"1": 30}


@pytest.mark.parametrize("phase", ["reading", "checking", "merging"])
def test_a_cancel_in_any_phase_keeps_nothing(phase: str, monkeypatch: pytest.MonkeyPatch) -> None:
    imported("id,age\n1,30\n")
    one = started("id,age\n1,31\n2,32\n3,x\n")
    begin = Lease.phase

    def cancel_then_begin(lease: Lease[Import], name: str, total: int | None = None) -> None:
        if name == phase:
            leases.request_cancel(one)
            lease.beat()
        begin(lease, name, total)

    monkeypatch.setattr(Lease, "phase", cancel_then_begin)
    assert carried_out(one).status == JobStatus.CANCELLED
    assert values("age") == {"1": 30}
    assert not RejectedRow.objects.exists()
    assert staging_tables() == 0


@pytest.mark.parametrize("others", [0, 1])
def test_a_failure_in_the_merge_keeps_nothing(monkeypatch: pytest.MonkeyPatch, others: int) -> None:
    def fail(*args: object) -> None:
        raise MemoryError

    if others:
        imported("id,age\n9,9\n")
    one = started("id,age\n1,31\n2,x\n")
    monkeypatch.setattr(importing, "_end", fail)
    assert carried_out(one).error_code == "memory"
    assert Customer.objects.count() == others
    assert not RejectedRow.objects.exists()
    assert staging_tables() == 0


def test_a_file_that_vanished_from_storage_is_told() -> None:
    one = started("id,age\n1,31\n")
    one.file.storage.delete(str(one.file.name))
    assert carried_out(one).error_code == "file_gone"
    assert "Upload it again" in one.error_detail


def test_a_customer_knows_the_import_that_changed_it_last() -> None:
    first = imported("id,age\n1,30\n2,40\n")
    second = imported("id,age\n2,41\n")
    assert values("source_import_id") == {"1": first.pk, "2": second.pk}
