"""The list of customers and one customer's page."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.test import Client

from customers.models import Customer
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
        seen += [customer for customer, _ in context["rows"]]
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
        assert [customer.external_id for customer, _ in rows] == [found]
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
        "gender=%00",
        "segment=sgm_none",
        "search=%00",
        "search='%3B--",
    ],
)
def test_a_nonsensical_address_is_no_error(browser: Client, query: str) -> None:
    Customer.objects.create(external_id="1")
    assert browser.get(f"/customers/?{query}").status_code == 200


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
    assert "This customer is not in the published run" in page


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
