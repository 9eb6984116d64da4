"""Pages where something is not there, or not as it should be: each says what, and what to do."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from customers.models import Customer, Import
from segments.models import Run, Segment, Segmentation
from tests import given
from tests.segments import given as given_segments

SignIn = Callable[[User], Client]
EMPTY = {
    "/customers/": "No customers yet",
    "/imports/": "Nothing has been imported yet",
    "/segmentations/": "Divide your customers for the first time",
    "/segments/": "No segments in use yet",
    "/exports/": "Nothing was exported yet",
    "/api-keys/": "No keys yet",
    "/webhooks/": "Nobody is told yet",
}


@pytest.mark.django_db
def test_an_empty_list_teaches_the_next_step(signed_in: SignIn, admin: User) -> None:
    browser = signed_in(admin)
    for address, title in EMPTY.items():
        page = browser.get(address).content.decode()
        assert title in page, address
        assert 'class="button button-primary"' in page, address


@pytest.mark.django_db
def test_too_few_customers_block_a_segmentation_with_the_reason(signed_in: SignIn, analyst: User) -> None:
    Customer.objects.bulk_create(Customer(external_id=str(number), age=20 + number) for number in range(49))
    page = signed_in(analyst).get("/segmentations/new").content.decode()
    assert "There are 49 customers; at least 50 are needed to find segments." in page
    assert 'disabled aria-describedby="why-blocked"' in page


@pytest.mark.django_db
def test_a_feature_that_is_the_same_for_everybody_cannot_be_chosen_and_says_why(
    signed_in: SignIn, analyst: User
) -> None:
    Customer.objects.bulk_create(
        Customer(external_id=str(number), age=40, spending_score=number % 100) for number in range(60)
    )
    browser = signed_in(analyst)
    options = {one.key: one for one in browser.get("/segmentations/new").context["offer"].options}
    assert options["age"].blocked
    assert not options["spending_score"].blocked
    form = {"name": "By age", "features": ["age"], "scaling": "standard", "how": "fixed", "k": 3, "seed": 0}
    refused = browser.post("/segmentations/new", form)
    assert refused.status_code == 422
    assert options["age"].blocked in refused.content.decode()
    assert not Segmentation.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_file_for_nobody_is_not_made_and_says_why(signed_in: SignIn, published: Run) -> None:
    browser = signed_in(given.person("manager"))
    page = browser.get("/exports/new").content.decode()
    assert "The file would be empty: nobody agreed to be contacted." in page
    assert 'data-blocked-while="contactable"' in page


@pytest.mark.django_db(transaction=True)
def test_who_came_after_the_run_is_in_no_segment_and_the_page_says_why(
    signed_in: SignIn, analyst: User, published: Run
) -> None:
    late = Customer.objects.create(external_id="late")
    page = signed_in(analyst).get(f"/customers/{late.pk}").content.decode()
    assert "This customer is in no segment" in page
    assert "came in a moment ago and is looked at next" in page


@pytest.mark.django_db(transaction=True)
def test_weak_segments_are_warned_of_and_may_be_used(signed_in: SignIn) -> None:
    # Spread evenly: there are no groups to find.
    Customer.objects.bulk_create(
        Customer(external_id=str(number), age=20 + number % 40, spending_score=1 + number // 40 * 4)
        for number in range(800)
    )
    run = given_segments.run(
        given_segments.segmentation("No groups", ["age", "spending_score"], scaling="standard", k=6)
    )
    page = signed_in(given.person("manager")).get(f"/runs/{run.public_id}").content.decode()
    assert "Think twice before you use these" in page
    assert f'action="/runs/{run.public_id}/publish"' in page


@pytest.mark.django_db
@pytest.mark.parametrize(("waits", "is_said"), [(timedelta(seconds=5), False), (timedelta(seconds=20), True)])
def test_work_that_waits_for_a_worker_that_is_not_there_says_so(
    signed_in: SignIn, analyst: User, settings: object, waits: timedelta, is_said: bool
) -> None:
    # No worker listens there.
    settings.REDIS_URL = "redis://127.0.0.1:1/0"  # type: ignore[attr-defined]
    one = Import.objects.create(file_name="customers.csv", status="queued")
    Import.objects.filter(pk=one.pk).update(created_at=timezone.now() - waits)
    page = signed_in(analyst).get(f"/imports/{one.public_id}").content.decode()
    assert ("No worker is running." in page) is is_said
    assert ("./run up" in page) is is_said


@pytest.mark.django_db(transaction=True)
def test_somebody_else_s_change_is_not_overwritten_unseen(signed_in: SignIn, analyst: User, published: Run) -> None:
    browser = signed_in(analyst)
    segmentation = published.segmentation
    address = f"/segmentations/{segmentation.slug}/edit"
    seen = browser.get(address).context["stamp"]
    given_segments.redefine(segmentation, k=7)
    form = {"name": "Mine", "features": ["age"], "scaling": "standard", "how": "fixed", "k": 3, "seed": 0, "seen": seen}
    refused = browser.post(address, form)
    assert refused.status_code == 422
    page = refused.content.decode()
    assert "Somebody else changed this segmentation" in page
    assert "7, as chosen" in page
    assert 'value="Mine"' in page
    segmentation.refresh_from_db()
    assert (segmentation.name, segmentation.definition["k"]) == ("Income and spending", 7)

    # A mistake in between does not make the other's change one's own.
    wrong = browser.post(address, form | {"k": "none"})
    assert wrong.context["stamp"] == seen
    saved = browser.post(address, form | {"seen": refused.context["stamp"]})
    assert saved.status_code == 302
    segmentation.refresh_from_db()
    assert (segmentation.name, segmentation.definition["k"]) == ("Mine", 3)
    assert Segment.objects.exists()
