"""Indexes that the list of customers gets because people sort and narrow it so, for as long as they do."""

from collections.abc import Callable, Iterator
from datetime import timedelta

import psycopg
import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.db import connection
from django.db.models.functions import Now
from django.test import Client

from customers import attributes, ordering, registering, searching, tasks
from customers.models import Attribute, Customer, WantedOrder
from customers.searching import Wanted, demand
from tests import given
from tests.customers.given import imported

pytestmark = pytest.mark.django_db(transaction=True)

# So many that a page of them is read by key.
ROWS = 10_000


@pytest.fixture(autouse=True)
def _from_the_first_customer_on(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(demand, "FEWEST_CUSTOMERS", 1)
    cache.clear()
    yield
    cache.clear()
    WantedOrder.objects.all().delete()
    ordering.build()
    assert not standing()


def standing() -> dict[str, bool]:
    """The indexes that were built on demand, and whether each can be used."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname, indisvalid FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid"
            " WHERE indrelid = 'customers_customer'::regclass AND starts_with(relname, 'customer_by_')"
        )
        return dict(cursor.fetchall())


def want(*keys: str) -> None:
    for key in keys:
        searching.find(Wanted(sort=key))


def many() -> None:
    """Customers of whom a few things are not known, and some are alike."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO customers_customer
                (external_id, first_name, last_name, email, phone, country, age, city, gender, joined_on)
            SELECT 'c' || n, '', '', '', '', '', nullif(n * 7919 %% 10000 / 10.0, 7),
                CASE WHEN n %% 100 = 9 THEN '' ELSE (ARRAY['aB', 'Ab'])[n %% 2 + 1] || n * 7919 %% 6000 END,
                (ARRAY['', 'female', 'male'])[n %% 3 + 1], date '1970-01-01' + nullif(n * 7919 %% 10000, 3)
            FROM generate_series(1, %s) AS n
            """,
            [ROWS],
        )
    told_the_planner()


def told_the_planner() -> None:
    # Vacuumed as well: the planner reads an index alone only where it knows all rows of a page to be visible.
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE customers_customer")


def scans() -> dict[str, int]:
    """How often the table was read as a whole, and each index."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_force_next_flush()")
        cursor.execute(
            "SELECT 'table', seq_scan FROM pg_stat_user_tables WHERE relname = 'customers_customer'"
            " UNION ALL SELECT indexrelname, idx_scan FROM pg_stat_user_indexes WHERE relname = 'customers_customer'"
        )
        return dict(cursor.fetchall())


def pages(sort: str, most: int = 3, size: int = 50) -> list[str]:
    """The first pages, one after the other."""
    seen, after = [], ""
    for _ in range(most):
        found = searching.find(Wanted(sort=sort, after=after), size=size)
        seen += [one.external_id for one in found.customers]
        after = found.after
        if not after:
            break
    return seen


def everybody(sort: str) -> list[str]:
    """To the last page, on which are those of whom it is not known."""
    found = pages(sort, most=10, size=3000)
    assert len(found) == ROWS
    return found


@pytest.mark.parametrize("key", ["age", "city", "gender", "joined_on", "points", "plan"])
def test_an_index_that_was_wanted_is_read_in_both_directions_and_tells_the_same(key: str) -> None:
    registering.register(key="points", label="Points", kind="number")
    registering.register(key="plan", label="Plan", kind="category", categories=["free", "Pro"])
    many()
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE customers_customer SET x_points = nullif(id % 991, 5), x_plan = (ARRAY['free', 'Pro'])[id % 3]"
        )
    told_the_planner()
    sorts = (key, f"-{key}")
    before = [everybody(sort) for sort in sorts]
    name = ordering.index_name(next(one for one in attributes.columns() if one.key == key))
    assert ordering.build() == [name]
    told_the_planner()
    read = scans()
    shown = [pages(sort) for sort in sorts]
    now = scans()
    assert now["table"] == read["table"]
    assert now[name] >= 6
    assert shown == [order[:150] for order in before]
    assert [everybody(sort) for sort in sorts] == before


def test_ranges_and_beginnings_read_the_index_too() -> None:
    many()
    filters, _ = searching.read_filters(
        attributes.columns(), [("f.age.min", ["990"]), ("f.city", ["ab599"]), ("f.gender", ["male"])]
    )
    ages, cities, genders = ([one] for one in sorted(filters, key=lambda one: one.column.key))
    before = [
        [one.external_id for one in searching.find(Wanted(filters=some), counted=True).customers]
        for some in (ages, cities, genders)
    ]
    assert set(ordering.build()) == {"customer_by_age", "customer_by_city"}
    told_the_planner()
    read = scans()
    for some, found in zip((ages, cities), before, strict=False):
        assert [one.external_id for one in searching.find(Wanted(filters=some), counted=True).customers] == found
        assert found
    now = scans()
    assert now["table"] == read["table"]
    assert min(now["customer_by_age"], now["customer_by_city"]) > 0


def test_a_few_customers_and_what_has_an_index_want_none(monkeypatch: pytest.MonkeyPatch) -> None:
    Customer.objects.create(external_id="1")
    want("external_id", "-last_name", "first_name", "email", "nonsense", "")
    assert not WantedOrder.objects.exists()
    monkeypatch.setattr(demand, "FEWEST_CUSTOMERS", 100_000)
    want("age")
    assert not WantedOrder.objects.exists()


def test_a_worker_builds_what_an_analyst_sorted_by(
    analyst: User, signed_in: Callable[[User], Client], worker: object
) -> None:
    many()
    assert signed_in(analyst).get("/customers/?sort=-age").status_code == 200
    given.eventually(lambda: standing() == {"customer_by_age": True}, what="the index")


def test_it_is_written_once_an_hour() -> None:
    want("age")
    WantedOrder.objects.update(wanted_at=Now() - timedelta(minutes=50))
    said = WantedOrder.objects.get().wanted_at
    cache.clear()
    want("-age")
    assert WantedOrder.objects.get().wanted_at == said
    WantedOrder.objects.update(wanted_at=Now() - timedelta(minutes=70))
    want("age")
    assert WantedOrder.objects.get().wanted_at < said
    cache.clear()
    want("age")
    assert WantedOrder.objects.get().wanted_at > said


def test_a_list_is_shown_where_nothing_can_be_written() -> None:
    Customer.objects.create(external_id="1", age=30)
    with connection.cursor() as cursor:
        cursor.execute("SET default_transaction_read_only = on")
        try:
            assert pages("age") == ["1"]
        finally:
            cursor.execute("SET default_transaction_read_only = off")
    assert not WantedOrder.objects.exists()


def test_what_a_killed_builder_left_is_built_again() -> None:
    want("age")
    ordering.build()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'customer_by_age'::regclass")
    assert standing() == {"customer_by_age": False}
    assert ordering.build() == ["customer_by_age"]
    assert standing() == {"customer_by_age": True}
    assert not ordering.build()


def test_what_nobody_wanted_for_a_month_goes() -> None:
    want("age", "city")
    ordering.build()
    WantedOrder.objects.filter(key="age").update(wanted_at=Now() - timedelta(days=31))
    assert not ordering.build()
    assert list(standing()) == ["customer_by_city"]
    assert [one.key for one in WantedOrder.objects.all()] == ["city"]


def test_there_are_eight_at_most_and_the_one_wanted_longest_ago_makes_room() -> None:
    keys = ["age", "annual_income", "spending_score", "city", "country", "joined_on", "birth_date", "gender"]
    want(*keys)
    ordering.build()
    assert len(standing()) == len(keys) == ordering.MOST
    want("phone")
    assert ordering.build() == ["customer_by_phone"]
    assert set(standing()) == {f"customer_by_{key}" for key in (*keys[1:], "phone")}


def test_of_two_builders_one_builds() -> None:
    want("age")
    with given.somebody_holds(f"SELECT pg_advisory_xact_lock({ordering.BUILDERS_LOCK})"):
        assert not ordering.build()
        assert not standing()
    assert ordering.build() == ["customer_by_age"]


def test_an_index_is_left_for_later_rather_than_keeping_others_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ordering, "_PATIENCE", "50ms")
    want("age")
    with psycopg.connect(given.url_of_test_database()) as other:
        other.execute("LOCK TABLE customers_customer IN ROW EXCLUSIVE MODE")
        assert not ordering.build()
    assert standing().get("customer_by_age") is not True
    assert ordering.is_behind()
    assert ordering.build() == ["customer_by_age"]
    assert not ordering.is_behind()


def test_a_worker_tries_again_what_a_long_import_kept_it_from(monkeypatch: pytest.MonkeyPatch, worker: object) -> None:
    monkeypatch.setattr(ordering, "_PATIENCE", "50ms")
    monkeypatch.setattr(tasks, "ORDERING_PAUSE_SECONDS", 2)
    WantedOrder.objects.create(key="age")
    with psycopg.connect(given.url_of_test_database()) as other:
        other.execute("LOCK TABLE customers_customer IN ROW EXCLUSIVE MODE")
        tasks.build_indexes()
    given.eventually(lambda: standing() == {"customer_by_age": True}, what="the index")


def test_building_steps_aside_for_a_new_attribute(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ordering, "_PATIENCE", "60s")
    want("age")
    # Who reads something else keeps the builder waiting, and only the builder.
    with given.somebody_holds("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; SELECT 1 FROM customers_import"):
        building = given.aside(ordering.build)
        given.wait_for_somebody_who_waits(for_what="virtualxid")
        registering.register(key="points", label="Points", kind="number")
        assert building.result(20) == []
    assert ordering.build() == ["customer_by_age"]


def test_with_an_attribute_goes_its_index_and_that_it_was_wanted() -> None:
    registering.register(key="points" * 8, label="Points", kind="number")
    want("points" * 8)
    (name,) = ordering.build()
    assert len(name) <= 50
    registering.remove(Attribute.objects.get())
    assert not standing()
    assert not WantedOrder.objects.exists()
    # A page that knew of it said so a moment too late.
    WantedOrder.objects.create(key="points" * 8)
    assert not ordering.build()
    assert not WantedOrder.objects.exists()


def test_a_first_import_that_takes_the_place_of_the_table_keeps_them() -> None:
    key = "p" * 50
    registering.register(key=key, label="Points", kind="number")
    want("age", "city", key)
    built = ordering.build()
    imported("id,age,city,points\n1,30,Lyon,3\n2,20,Paris,4\n")
    assert standing() == dict.fromkeys(built, True)
    assert pages("age") == ["2", "1"]
    assert not ordering.build()
