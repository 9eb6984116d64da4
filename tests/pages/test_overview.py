"""The front page: what it teaches an empty site, and what it says of customers."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from customers.models import Customer, next_change
from customers.overview import everybody
from segments.browsing import words
from segments.models import Run

SignIn = Callable[[User], Client]


@pytest.mark.django_db
def test_an_empty_site_teaches_the_three_steps(signed_in: SignIn, analyst: User) -> None:
    page = signed_in(analyst).get("/").content.decode()
    assert "Three steps to your first segments" in page
    assert 'href="/imports/new"' in page
    assert "Possible as soon as there are customers." in page
    assert "An admin can do this." in page


@pytest.mark.django_db
def test_somebody_who_may_not_import_is_told_who_may(signed_in: SignIn, viewer: User) -> None:
    page = signed_in(viewer).get("/").content.decode()
    assert "An analyst can do this." in page
    assert "/imports/" not in page
    assert "/customers/" not in page


@pytest.mark.django_db
def test_the_mall_is_counted_as_it_is(mall: Callable[[], None]) -> None:
    mall()
    Customer.objects.filter(external_id__in=["1", "2", "3"]).update(consent="granted", change_sequence=next_change())
    seen = everybody()
    by_key = {distribution.key: distribution for distribution in seen.distributions}
    assert (seen.customers, seen.contactable) == (200, 3)
    assert {one.label: one.count for one in by_key["gender"].bins} == {"Female": 112, "Male": 88}
    assert {one.label: one.count for one in by_key["age"].bins}["30–34"] == 34
    for distribution in seen.distributions:
        assert distribution.known + distribution.unknown == 200


@pytest.mark.django_db
def test_a_gap_between_values_is_shown_as_a_gap() -> None:
    Customer.objects.bulk_create(
        Customer(external_id=str(number), age=age) for number, age in enumerate([20, 21, 70, 71, None])
    )
    ages = next(one for one in everybody().distributions if one.key == "age")
    assert [one.count for one in ages.bins if one.count] == [2, 2]
    assert len(ages.bins) > 4
    assert ages.unknown == 1


@pytest.mark.django_db
def test_the_counts_are_remembered_until_a_customer_changes(mall: Callable[[], None]) -> None:
    mall()
    everybody()
    with CaptureQueriesContext(
        connection,
    ) as queries:
        everybody()
    assert len(queries) == 1
    Customer.objects.filter(external_id="1").update(gender="other", change_sequence=next_change())
    gender = everybody().distributions[0]
    assert {one.label: one.count for one in gender.bins} == {"Female": 112, "Male": 87, "Other": 1}


@pytest.mark.django_db
def test_customers_of_one_age_or_of_none_are_no_error(signed_in: SignIn, viewer: User) -> None:
    Customer.objects.create(external_id="1", age=40)
    Customer.objects.create(external_id="2", age=40)
    page = signed_in(viewer).get("/")
    assert page.status_code == 200
    assert "Annual income (k$) is not known of any customer yet." in page.content.decode()


@pytest.mark.django_db(transaction=True)
def test_segments_in_use_are_shown_with_size_and_share(signed_in: SignIn, viewer: User, published: Run) -> None:
    response = signed_in(viewer).get("/")
    shares = response.context["segmentations"][0].shares
    assert [share.size for share in shares] == [81, 39, 35, 23, 22]
    assert sum(share.share for share in shares) == pytest.approx(1)
    # In the story as beside its bar: whole percent.
    page = response.content.decode()
    assert "of 5 segments with 40%" in page
    assert ">40%</span>" in page
    assert "Three steps" not in page


@pytest.mark.parametrize(
    ("share", "words_for_it"),
    [
        (0.415, "42%"),
        (0.0097, "1%"),
        (0.004, "0.4%"),
        (0.0001, "<0.1%"),
        (0, "0%"),
        (0.996, "99.6%"),
        (0.9999, ">99.9%"),
        (1, "100%"),
    ],
)
def test_a_share_is_said_in_whole_percent_and_never_as_nobody_or_everybody_by_rounding(
    share: float, words_for_it: str
) -> None:
    assert words.percent(share) == words_for_it
