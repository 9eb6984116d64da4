"""The mapping page: what the columns of an uploaded file mean, said otherwise, and started."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from customers import searching
from customers.models import Attribute, Customer, Import, ImportStatus
from tests.pages.given import carried_out, uploaded

SignIn = Callable[[User], Client]
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def browser(signed_in: SignIn, analyst: User) -> Client:
    return signed_in(analyst)


def test_without_a_customer_id_start_is_blocked_and_says_so(browser: Client) -> None:
    one = uploaded(browser, b"name of pet,age\nRex,20\nTom,30\n")
    page = browser.get(f"/imports/{one.public_id}/map").content.decode()
    assert "Choose the column that holds the customer id" in page
    assert "disabled" in page
    answer = browser.post(f"/imports/{one.public_id}/map", {"column_0": "", "column_1": "age", "start": "yes"})
    assert answer.status_code == 422
    one.refresh_from_db()
    assert one.status == ImportStatus.UPLOADED


def test_a_changed_choice_shows_how_the_cells_fare_and_saves_nothing(browser: Client) -> None:
    one = uploaded(browser, b"id,points\n1,30\n2,many\n3,\n4,10\n")
    choices = {"column_0": "external_id", "column_1": "spending_score"}
    fragment = browser.post(f"/imports/{one.public_id}/map", choices, headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in fragment
    assert "75%" in fragment
    assert "66%" in fragment
    assert "“many” is not a number." in fragment
    one.refresh_from_db()
    assert one.mapping == {"id": "external_id"}


def test_characters_that_cannot_be_read_are_named_and_another_encoding_mends_them(browser: Client) -> None:
    one = uploaded(browser, "Kundennr,Ort,Punkte\n1,München,30\n2,Paris,20\n".encode("cp850"))
    page = browser.get(f"/imports/{one.public_id}/map").content.decode()
    assert "Some characters cannot be read." in page
    assert "“M\ufffdnchen” is one that holds such a character." in page
    choices = {"column_0": "external_id", "column_1": "city", "encoding": "cp850"}
    mended = browser.post(f"/imports/{one.public_id}/map", choices).content.decode()
    assert "Some characters cannot be read." not in mended
    assert "München" in mended


def test_two_columns_cannot_mean_the_same(browser: Client) -> None:
    one = uploaded(browser, b"id,a,b\n1,30,20\n")
    choices = {"column_0": "external_id", "column_1": "age", "column_2": "age", "start": "yes"}
    answer = browser.post(f"/imports/{one.public_id}/map", choices)
    assert answer.status_code == 422
    assert "Chosen for two columns" in answer.content.decode()


def test_how_a_file_is_written_can_be_said_otherwise(browser: Client) -> None:
    one = uploaded(browser, b"id;age;joined on\n1;3,5;03/04/2024\n2;4,25;05/06/2024\n")
    choices = {"column_0": "external_id", "column_1": "age", "column_2": "joined_on"}
    page = browser.post(
        f"/imports/{one.public_id}/map", {**choices, "date_order": "day_first"}, headers={"HX-Request": "true"}
    ).content.decode()
    assert "“03/04/2024” is read as 3 April 2024" in page
    assert "“3,5” is read as 3.5 years." in page
    browser.post(f"/imports/{one.public_id}/map", {**choices, "date_order": "month_first", "start": "yes"})
    one.refresh_from_db()
    assert one.reading == {"date_order": "month_first"}
    carried_out(one)
    assert str(Customer.objects.get(external_id="1").joined_on) == "2024-03-04"


def test_an_admin_makes_an_attribute_of_a_column(signed_in: SignIn, admin: User) -> None:
    browser = signed_in(admin)
    one = uploaded(browser, b"id,Plan,Loyalty points\n1,pro,5\n2,basic,7\n")
    page = browser.get(f"/imports/{one.public_id}/map").content.decode()
    assert "New attribute “Plan” (Category)" in page
    assert "New attribute “Loyalty points” (Number)" in page
    choices = {"column_0": "external_id", "column_1": "new:plan", "column_2": "new:loyalty_points"}
    browser.post(f"/imports/{one.public_id}/map", {**choices, "start": "yes"})
    carried_out(one)
    known = searching.known("1")
    assert known
    assert (known[1]["plan"], known[1]["loyalty_points"]) == ("pro", 5)


def test_a_new_attribute_is_called_and_counted_as_the_admin_says(signed_in: SignIn, admin: User) -> None:
    browser = signed_in(admin)
    one = uploaded(browser, b"id,Loyalty points (pts)\n1,5\n2,7\n")
    choices = {"column_0": "external_id", "column_1": "new:loyalty_points"}
    page = browser.post(f"/imports/{one.public_id}/map", choices, headers={"HX-Request": "true"}).content.decode()
    assert 'value="Loyalty points"' in page
    assert 'value="pts"' in page
    named = {"label_1": "Bonus", "unit_1": "stars", "factor_1": "10"}
    browser.post(f"/imports/{one.public_id}/map", {**choices, **named, "start": "yes"})
    carried_out(one)
    attribute = Attribute.objects.get()
    assert (attribute.key, attribute.label, attribute.unit) == ("bonus", "Bonus", "stars")
    known = searching.known("2")
    assert known
    assert known[1]["bonus"] == 70


def test_an_import_that_cannot_start_leaves_no_attribute_behind(signed_in: SignIn, admin: User) -> None:
    browser = signed_in(admin)
    one = uploaded(browser, b"id,Plan,Level,age\n1,pro,a,5\n2,basic,b,7\n")
    choices = {"column_0": "external_id", "column_1": "new:plan", "column_2": "new:level", "start": "yes"}
    for wrong, told in (
        ({"label_2": "Age"}, "called age"),
        ({"label_1": "Same", "label_2": "Same"}, "called same"),
        ({"column_0": "age", "column_3": "external_id", "label_1": "x" * 101}, "from 1 to 100 characters"),
        ({"mode": "nonsense"}, "is not a way to import"),
    ):
        answer = browser.post(f"/imports/{one.public_id}/map", {**choices, **wrong})
        assert (answer.status_code, told in answer.content.decode()) == (422, True), told
        assert not Attribute.objects.exists()
    one.refresh_from_db()
    assert one.status == ImportStatus.UPLOADED


def test_a_file_of_purchases_brings_no_attributes_and_says_so(signed_in: SignIn, admin: User) -> None:
    browser = signed_in(admin)
    file = SimpleUploadedFile("orders.csv", b"customer id,date,amount,Shop\n1,2024-01-02,10,Lyon\n")
    browser.post("/imports/new", {"file": file, "kind": "transactions"})
    one = Import.objects.get()
    columns = {"column_0": "external_id", "column_1": "at", "column_2": "amount", "column_3": "new:shop"}
    answer = browser.post(f"/imports/{one.public_id}/map", {**columns, "start": "yes"})
    assert answer.status_code == 422
    assert "those are of customers" in answer.content.decode()
    assert not Attribute.objects.exists()


def test_numbers_in_another_unit_are_multiplied_and_the_next_file_as_well(browser: Client) -> None:
    one = uploaded(browser, b"id,income,age\n1,570,20\n2,1234,30\n")
    choices = {"column_0": "external_id", "column_1": "annual_income", "column_2": "age", "factor_1": "0,001"}
    page = browser.post(f"/imports/{one.public_id}/map", choices, headers={"HX-Request": "true"}).content.decode()
    assert "“570” is read as 0.57 k$." in page
    browser.post(f"/imports/{one.public_id}/map", {**choices, "start": "yes"})
    carried_out(one)
    assert Customer.objects.get(external_id="2").annual_income == 1.234
    assert "Annual income × 0.001" in browser.get(f"/imports/{one.public_id}").content.decode()
    another = uploaded(browser, b"id,income,age\n3,800,20\n")
    page = browser.get(f"/imports/{another.public_id}/map").content.decode()
    assert "“800” is read as 0.8 k$." in page
    answer = browser.post(f"/imports/{another.public_id}/map", {**choices, "factor_1": "many", "start": "yes"})
    assert answer.status_code == 422
    assert "is nothing that the numbers of &#x27;income&#x27; can be multiplied with" in answer.content.decode()


def test_a_date_that_can_be_read_in_two_ways_is_told_with_both_and_leads_to_the_choice(browser: Client) -> None:
    one = uploaded(browser, b"id,joined on\n1,03/04/2026\n2,05/06/2026\n")
    page = browser.get(f"/imports/{one.public_id}/map").content.decode()
    assert "“03/04/2026” can be 3 April 2026 or 4 March 2026" in page
    assert 'href="#date-order"' in page
    assert "As found: unclear" in page
    choices = {"column_0": "external_id", "column_1": "joined_on", "date_order": "month_first"}
    page = browser.post(f"/imports/{one.public_id}/map", choices, headers={"HX-Request": "true"}).content.decode()
    assert 'href="#date-order"' not in page
    assert "“03/04/2026” is read as 4 March 2026" in page


def test_a_wrong_encoding_is_told_beside_the_choice_and_what_the_file_is_stays_told(browser: Client) -> None:
    one = uploaded(browser, b"id;age\n1;20\n2;30\n")
    choices = {"column_0": "external_id", "column_1": "age", "encoding": "utf-16-le"}
    page = browser.post(f"/imports/{one.public_id}/map", choices, headers={"HX-Request": "true"}).content.decode()
    assert '<details class="card" open>' in page
    assert "As found: UTF-8" in page
    assert "As found: semicolon" in page
    page = browser.post(
        f"/imports/{one.public_id}/map", {**choices, "encoding": "cp1252"}, headers={"HX-Request": "true"}
    ).content.decode()
    assert 'id="dialect" hx-swap-oob="true"' in page
    assert '<span class="chip">Windows-1252</span>' in page


def test_several_bad_cells_are_named_and_the_rest_counted(browser: Client) -> None:
    rows = "".join(f"{number},x{number}\n" for number in range(2, 9))
    one = uploaded(browser, f"id,age\n1,20\n{rows}".encode())
    page = browser.get(f"/imports/{one.public_id}/map").content.decode()
    assert "“x2” is not a number." in page
    assert "“x4” is not a number." in page
    assert "and 4 more cells that cannot be saved" in page


def test_none_and_na_are_categories_of_a_new_attribute(signed_in: SignIn, admin: User) -> None:
    browser = signed_in(admin)
    one = uploaded(browser, b"id,Allergy\n1,none\n2,NA\n3,nuts\n4,\n")
    choices = {"column_0": "external_id", "column_1": "new:allergy", "start": "yes"}
    browser.post(f"/imports/{one.public_id}/map", choices)
    carried_out(one)
    found = [known[1]["allergy"] for number in "1234" if (known := searching.known(number))]
    assert found == ["none", "NA", "nuts", None]


def test_nobody_but_an_admin_is_offered_a_new_attribute(browser: Client) -> None:
    one = uploaded(browser, b"id,Plan\n1,pro\n2,basic\n")
    assert "New attribute" not in browser.get(f"/imports/{one.public_id}/map").content.decode()
    browser.post(f"/imports/{one.public_id}/map", {"column_0": "external_id", "column_1": "new:plan", "start": "yes"})
    assert not Attribute.objects.exists()


def test_a_file_with_the_columns_of_an_earlier_one_is_mapped_as_that_was(browser: Client) -> None:
    one = uploaded(browser, b"id,points,age\n1,30,20\n")
    choices = {"column_0": "external_id", "column_1": "spending_score", "column_2": "", "empty_cells": "clear"}
    browser.post(f"/imports/{one.public_id}/map", {**choices, "start": "yes"})
    another = uploaded(browser, b"id,points,age\n2,31,21\n")
    assert another.mapping == {"id": "external_id", "points": "spending_score"}
    assert another.empty_cells == "clear"
    page = browser.get(f"/imports/{another.public_id}/map").content.decode()
    assert "A file with the same columns was imported" in page
