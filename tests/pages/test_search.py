"""Search from anywhere finds what there is, and for nobody what their role may not see."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.test import Client

from customers.models import Customer, Import
from segments import defining
from segments.models import Run, Segment
from tests import given

SignIn = Callable[[User], Client]


def hits(browser: Client, text: str) -> dict[str, list[str]]:
    """What a search finds, by kind."""
    context = browser.get("/search/found", {"q": text}).context
    return {kind.title: [hit.text for hit in kind.hits] for kind in context["kinds"]}


@pytest.fixture
def things(published: Run) -> Segment:
    Customer.objects.create(external_id="ada-1", first_name="Ada", last_name="Lovelace", email="ada@example.com")
    Import.objects.create(file_name="adabas customers.csv", status="done")
    segment: Segment = Segment.objects.order_by("pk")[0]
    return defining.edit_segment(segment, name="Adamant savers", description="They wait.")


def test_a_few_letters_find_things_of_every_kind(signed_in: SignIn, analyst: User, things: Segment) -> None:
    defining.create_segmentation(
        name="By ada", definition=defining.read_definition({"features": ["age"], "k": 2}), description=""
    )
    found = hits(signed_in(analyst), "ADA")
    assert found == {
        "Customers": ["Ada Lovelace"],
        "Segments": ["Adamant savers"],
        "Segmentations": ["By ada"],
        "Imports": ["adabas customers.csv"],
    }


@pytest.mark.parametrize("text", ["ada-", "lovel", "ADA@example.com"])
def test_a_customer_is_found_by_id_name_and_address(
    signed_in: SignIn, analyst: User, text: str, transactional_db: None
) -> None:
    one = Customer.objects.create(external_id="ada-1", first_name="Ada", last_name="Lovelace", email="ada@example.com")
    page = signed_in(analyst).get("/search", {"q": text}).content.decode()
    assert f'href="/customers/{one.pk}"' in page


def test_a_viewer_finds_segments_but_no_person_and_no_file(signed_in: SignIn, viewer: User, things: Segment) -> None:
    browser = signed_in(viewer)
    assert hits(browser, "ada") == {"Segments": ["Adamant savers"]}
    assert "Lovelace" not in browser.get("/search", {"q": "ada@example.com"}).content.decode()


def test_ids_lead_to_what_they_name(signed_in: SignIn, viewer: User, things: Segment) -> None:
    browser = signed_in(viewer)
    assert hits(browser, things.public_id) == {"Segments": ["Adamant savers"]}
    run = Run.objects.get()
    assert f'href="/runs/{run.public_id}"' in browser.get("/search", {"q": run.public_id}).content.decode()


@pytest.mark.django_db
@pytest.mark.parametrize("role", ["viewer", "analyst", "manager", "admin"])
def test_every_page_that_is_offered_opens_for_the_role_it_is_offered_to(signed_in: SignIn, role: str) -> None:
    browser = signed_in(given.person(role))
    (pages,) = browser.get("/search/found").context["kinds"]
    assert len(pages.hits) > 4
    assert {browser.get(hit.href).status_code for hit in pages.hits} == {200}
    assert hits(browser, "audit") == ({"Pages": ["Audit trail"]} if role == "admin" else {})


@pytest.mark.django_db
def test_where_there_are_more_the_list_that_shows_them_all_is_one_click_away(signed_in: SignIn, analyst: User) -> None:
    Customer.objects.bulk_create(Customer(external_id=f"c-{number}", first_name="Grace") for number in range(8))
    browser = signed_in(analyst)
    (kind,) = browser.get("/search/found", {"q": "grace"}).context["kinds"]
    assert len(kind.hits) == 5
    assert len(browser.get(kind.more).context["rows"]) == 8


@pytest.mark.django_db
def test_what_nobody_is_called_is_said_and_shown_as_text(signed_in: SignIn, analyst: User) -> None:
    page = signed_in(analyst).get("/search", {"q": "<script>alert(1)</script>"}).content.decode()
    assert "<script>alert" not in page
    assert "Nothing is called" in page
