"""The list of customers and one customer's page."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from customers import registering
from customers.models import Customer, Transaction
from segments.models import Assignment, Run, Segment

SignIn = Callable[[User], Client]


@pytest.fixture
def browser(signed_in: SignIn, analyst: User) -> Client:
    return signed_in(analyst)


def walked(browser: Client, address: str) -> list[Customer]:
    """Everybody on all pages of a list, in order."""
    seen = []
    while address:
        context = browser.get(address).context
        seen += [row.customer for row in context["rows"]]
        address = f"/customers/{context['next_url']}" if context["next_url"] else ""
    return seen


@pytest.mark.django_db
@pytest.mark.parametrize("sort", ["", "age", "-age", "annual_income", "-spending_score", "external_id", "-last_name"])
def test_every_order_shows_everybody_once_whatever_is_not_known(browser: Client, sort: str) -> None:
    Customer.objects.bulk_create(
        Customer(
            external_id=f"c{number}",
            last_name="Same" if number % 3 else "",
            age=None if number % 4 == 0 else number % 7,
            spending_score=None if number % 5 == 0 else number % 11,
        )
        for number in range(130)
    )
    seen = walked(browser, f"/customers/?sort={sort}")
    assert len(seen) == 130
    assert len({one.pk for one in seen}) == 130
    if sort in ("age", "-age"):
        ages = [one.age for one in seen]
        known = [age for age in ages if age is not None]
        assert known == sorted(known, reverse=sort == "-age")
        assert ages[len(known) :] == [None] * (130 - len(known))


@pytest.mark.django_db
def test_search_looks_at_ids_names_and_addresses(browser: Client) -> None:
    Customer.objects.create(external_id="A-1", first_name="Ada", last_name="Lovelace", email="ada@example.com")
    Customer.objects.create(external_id="B-1", first_name="Alan", last_name="Turing", email="alan@example.com")
    for search, found in {"A-": "A-1", "love": "A-1", "ADA@example.com": "A-1", "turing": "B-1"}.items():
        rows = browser.get("/customers/", {"search": search}).context["rows"]
        assert [row.customer.external_id for row in rows] == [found]
    assert "Nobody matches" in browser.get("/customers/?search=example.com").content.decode()


@pytest.mark.django_db
@pytest.mark.parametrize(
    "query",
    [
        "sort=password",
        "after=xyz",
        "after=1~x&sort=age",
        "after=1~nan&sort=age",
        "after=99999999999999999999~",
        "after=1~yesterday&sort=-updated_at",
        "f.gender=%00",
        "f.gender=nobody",
        "f.age.min=old&f.age.max=nan",
        "f.age.min=1e999",
        "f.joined_on.max=31.02.2026",
        "f.password=1&f.=2&f..min=3",
        "f.age.unknown=perhaps&f.external_id.unknown=yes",
        "f.city=%25'%3B--%5C",
        "contactable=perhaps",
        "show=password&show=%00",
        "show=",
        "after=1~True&sort=consent",
        "after=9223372036854775808~",
        "segment=sgm_none",
        "search=%00",
        "search='%3B--",
    ],
)
def test_a_nonsensical_address_is_no_error(browser: Client, query: str) -> None:
    Customer.objects.create(external_id="1")
    assert browser.get(f"/customers/?{query}").status_code == 200


@pytest.mark.django_db(transaction=True)
def test_filters_are_in_the_address_and_each_can_be_taken_away(browser: Client) -> None:
    registering.register(key="vip", label="VIP", kind="boolean")
    Customer.objects.create(external_id="young", age=20, gender="female", city="Lyon")
    Customer.objects.create(external_id="old", age=70, gender="female", city="Lyon")
    Customer.objects.create(external_id="ageless", gender="male", city="Paris")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE customers_customer SET x_vip = external_id = 'old'")

    address = "/customers/?f.age.min=60&f.age.unknown=yes&f.gender=female&f.vip=yes&show=vip&sort=age"
    response = browser.get(address)
    assert [row.customer.external_id for row in response.context["rows"]] == ["old"]
    assert [cell.text for cell in response.context["rows"][0].cells] == ["Yes"]
    assert [chip.text for chip in response.context["chips"]] == [
        "Gender: Female",
        "Age: from 60\u00a0years, or not known",
        "VIP: Yes",
    ]
    assert response.context["count"] == "1 customer"
    href = response.context["chips"][0].href
    assert "gender" not in href
    assert "f.age.min=60&f.age.unknown=yes&f.vip=yes&show=vip&sort=age" in href
    for chip in response.context["chips"]:
        assert browser.get(f"/customers/{chip.href}").context["count"] != "0 customers"


@pytest.mark.django_db
def test_what_makes_no_sense_in_an_address_is_named(browser: Client) -> None:
    Customer.objects.create(external_id="1", age=5)
    response = browser.get("/customers/?f.age.min=old&f.agee.max=3&sort=password")
    assert response.context["ignored"] == ["f.agee.max=3", "f.age.min=old", "sort=password"]
    assert "f.agee.max=3, f.age.min=old, sort=password" in response.content.decode()
    assert [row.customer.external_id for row in response.context["rows"]] == ["1"]


@pytest.mark.django_db
def test_the_list_asks_the_database_as_often_for_many_as_for_few(browser: Client) -> None:
    def queries(number: int) -> int:
        with CaptureQueriesContext(connection) as asked:
            response = browser.get("/customers/?search=c&f.age.min=0&sort=-age&show=age&show=city")
        assert len(response.context["rows"]) == number
        return len(asked)

    Customer.objects.bulk_create(Customer(external_id=f"c{number}", age=number) for number in range(50))
    Customer.objects.filter(external_id__in=[f"c{number}" for number in range(5)]).update(age=None)
    # The first page also writes when the session was last used.
    queries(45)
    few = queries(45)
    Customer.objects.filter(age=None).update(age=1)
    assert queries(50) == few


@pytest.mark.django_db(transaction=True)
def test_a_customer_shows_what_it_bought_and_the_figures_of_today(browser: Client) -> None:
    one = Customer.objects.create(external_id="1")
    other = Customer.objects.create(external_id="2")
    today = datetime.now(UTC)
    Transaction.objects.bulk_create(
        Transaction(customer_id=one.pk, order_id=f"o{days}", at=today - timedelta(days=days), amount=10, currency="EUR")
        for days in range(3, 16)
    )
    response = browser.get(f"/customers/{one.pk}")
    figures = {fact.column.key: fact.value for fact in response.context["purchases"].figures}
    assert (figures["recency"], figures["frequency"], figures["monetary"]) == ("3", "13", "130.00")
    page = response.content.decode()
    assert "13 purchases · 130.00 EUR" in page
    assert "The last 10 are shown." in page
    assert browser.get(f"/customers/{other.pk}").context["purchases"] is None


@pytest.mark.django_db(transaction=True)
def test_the_list_of_a_segment_has_its_members_and_only_those(browser: Client, published: Run) -> None:
    segment = Segment.objects.filter(segmentation=published.segmentation).order_by("pk")[0]
    members = Assignment.objects.filter(run_id=published.pk, segment_id=segment.pk)
    seen = walked(browser, f"/customers/?segment={segment.public_id}")
    assert {one.pk for one in seen} == set(members.values_list("customer_id", flat=True))


@pytest.mark.django_db(transaction=True)
def test_a_customer_between_two_segments_is_marked_and_its_reasons_add_up(browser: Client, published: Run) -> None:
    customer = Customer.objects.get(external_id="43")
    response = browser.get(f"/customers/{customer.pk}")
    explanation = response.context["explanations"][0]
    assignment = Assignment.objects.get(run_id=published.pk, customer_id=customer.pk)
    assert assignment.runner_up_distance is not None
    gap = assignment.runner_up_distance**2 - assignment.distance**2
    assert explanation.fit == "borderline"
    assert sum(reason.gap for reason in explanation.reasons) == pytest.approx(gap, rel=1e-4)
    assert "On the border" in response.content.decode()


@pytest.mark.django_db(transaction=True)
def test_somebody_who_came_after_the_run_is_told_so(browser: Client, published: Run) -> None:
    late = Customer.objects.create(external_id="late", age=30)
    page = browser.get(f"/customers/{late.pk}").content.decode()
    assert "This customer is in no segment" in page


@pytest.mark.django_db
def test_nobody_there_is_not_found(browser: Client) -> None:
    assert browser.get("/customers/123456789").status_code == 404


@pytest.mark.django_db
def test_a_viewer_sees_no_personal_data(signed_in: SignIn, viewer: User) -> None:
    one = Customer.objects.create(external_id="secret-17", email="ada@example.com")
    browser = signed_in(viewer)
    assert browser.get("/customers/").status_code == 403
    assert browser.get(f"/customers/{one.pk}").status_code == 403
    assert "secret-17" not in browser.get("/").content.decode()
