"""Finding customers: whom a search and filters mean, in which order, and how many there are."""

from collections.abc import Sequence

import pytest
from django.db import connection

from customers import attributes, registering, searching
from customers.models import Consent, Customer
from customers.searching import Found, Wanted
from tests.customers.given import imported

pytestmark = pytest.mark.django_db(transaction=True)


def ids(found: Found) -> list[str]:
    return [one.external_id for one in found.customers]


def filtered(*parameters: tuple[str, Sequence[str]], **wanted: str) -> list[str]:
    filters, ignored = searching.read_filters(attributes.columns(), parameters)
    assert not ignored
    return ids(searching.find(Wanted(filters=filters, **wanted), counted=True))  # type: ignore[arg-type]


def everybody(sort: str, size: int) -> list[str]:
    """All pages of that size."""
    seen, after = [], ""
    while True:
        found = searching.find(Wanted(sort=sort, after=after), size=size)
        seen += ids(found)
        after = found.after
        if not after:
            return seen


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("AB", ["AB-1", "AB_1"]),
        ("AB_", ["AB_1"]),
        ("ab", []),
        ("%", []),
        ("élo", ["é"]),
        ("ÉLO", ["é"]),
        ("O'NE", ["oneil"]),
        ("Ann@Example.com", ["oneil"]),
        ("ann@example", []),
        ("\\", []),
    ],
)
def test_a_search_is_the_beginning_of_an_id_or_name_or_a_whole_address(text: str, found: list[str]) -> None:
    for external_id in ("AB-1", "AB_1", "XAB"):
        Customer.objects.create(external_id=external_id)
    Customer.objects.create(external_id="é", first_name="Élodie")
    Customer.objects.create(external_id="oneil", last_name="O'Neil", email="ann@EXAMPLE.com")
    assert ids(searching.find(Wanted(text=text), counted=True)) == found


def test_a_search_reads_indexes_and_never_the_table() -> None:
    Customer.objects.bulk_create(
        Customer(external_id=f"c{number}", first_name=f"f{number}", last_name=f"l{number}", email=f"e{number}@x.org")
        for number in range(3000)
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE customers_customer")
        cursor.execute(
            "SELECT pg_stat_force_next_flush(), seq_scan FROM pg_stat_user_tables WHERE relname = 'customers_customer'"
        )
        before = cursor.fetchone()[1]
    for text in ("c299", "F299", "l299", "E2999@x.org"):
        assert "c2999" in ids(searching.find(Wanted(text=text), counted=True))
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_force_next_flush()")
        cursor.execute("SELECT seq_scan FROM pg_stat_user_tables WHERE relname = 'customers_customer'")
        assert cursor.fetchone()[0] == before


def test_registered_attributes_are_filtered_and_sorted_by_like_built_in_ones() -> None:
    registering.register(key="points", label="Points", kind="number")
    registering.register(key="plan", label="Plan", kind="category", categories=["free", "basic", "pro"])
    registering.register(key="vip", label="VIP", kind="boolean")
    registering.register(key="renews", label="Renews", kind="date")
    imported("id,Points,Plan,VIP,Renews\n1,5,pro,yes,2027-01-31\n2,7,free,no,2027-02-01\n3,,,,\n4,6,basic,yes,\n")
    assert filtered(("f.points.min", ["6"])) == ["2", "4"]
    assert filtered(("f.points.min", ["5.5"]), ("f.points.max", ["6"])) == ["4"]
    assert filtered(("f.points.max", ["5"]), ("f.points.unknown", ["yes"])) == ["1", "3"]
    assert filtered(("f.plan", ["pro", "free"])) == ["1", "2"]
    assert filtered(("f.plan", ["basic"]), ("f.plan.unknown", ["yes"])) == ["3", "4"]
    assert filtered(("f.vip", ["no"])) == ["2"]
    assert filtered(("f.vip", ["yes", "no"]), sort="-points") == ["2", "4", "1"]
    assert filtered(("f.renews.min", ["2027-02-01"])) == ["2"]
    assert filtered(("f.renews.unknown", ["yes"])) == ["3", "4"]
    for sort, order in {"points": "1423", "-points": "2413", "plan": "4213", "vip": "2143", "-renews": "2134"}.items():
        assert everybody(sort, 1) == list(order), sort


def test_built_in_texts_begin_so_in_any_case_and_may_be_unknown() -> None:
    for number, city in enumerate(("Lyon", "LYONS", "Paris", "")):
        Customer.objects.create(external_id=str(number), city=city)
    assert filtered(("f.city", ["lyon"])) == ["0", "1"]
    assert filtered(("f.city", ["P"]), ("f.city.unknown", ["yes"])) == ["2", "3"]
    assert everybody("city", 1) == ["0", "1", "2", "3"]
    assert everybody("-city", 1) == ["2", "1", "0", "3"]


def test_contactable_are_those_who_agreed() -> None:
    for consent in Consent.values:
        Customer.objects.create(external_id=consent, consent=consent)
    assert ids(searching.find(Wanted(is_contactable=True))) == ["granted"]


def test_names_that_end_a_page_lose_nothing_by_it() -> None:
    names = ["x" * 200, " x ", "x~1", "X", "x", "é", "y" * 200]
    Customer.objects.bulk_create(Customer(external_id=str(n), last_name=name) for n, name in enumerate(names))
    for sort in ("last_name", "-last_name"):
        assert sorted(everybody(sort, 1)) == [str(number) for number in range(len(names))]


def test_counts_are_exact_as_far_as_people_count_and_estimates_beyond() -> None:
    Customer.objects.bulk_create(
        Customer(external_id=str(number), age=number % 2, first_name="Ada") for number in range(10_001)
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE customers_customer")
    filters, _ignored = searching.read_filters(attributes.columns(), [("f.age.min", ["1"])])
    for wanted, number in ((Wanted(filters=filters), 5000), (Wanted(text="1000"), 2), (Wanted(text="nobody"), 0)):
        count = searching.find(wanted, counted=True).count
        assert count
        assert (count.number, count.is_exact) == (number, True)
    for wanted in (Wanted(), Wanted(text="ada")):
        count = searching.find(wanted, counted=True).count
        assert count
        assert not count.is_exact
