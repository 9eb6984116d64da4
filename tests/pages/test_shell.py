"""The shell around all pages: signing in, the sidebar, errors."""

import re
from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.test import Client

from tests import given

SignIn = Callable[[User], Client]
pytestmark = pytest.mark.django_db


def sidebar(page: str) -> list[str]:
    """The addresses that the sidebar leads to."""
    return re.findall(r'<a href="([^"]+)" class="sidebar-link"', page)


@pytest.mark.parametrize(
    ("role", "entries"),
    [
        ("viewer", ["/", "/segments/", "/segmentations/", "/api/docs"]),
        ("analyst", ["/", "/segments/", "/customers/", "/imports/", "/segmentations/", "/api/docs"]),
        (
            "admin",
            [
                "/",
                "/segments/",
                "/customers/",
                "/imports/",
                "/segmentations/",
                "/exports/",
                "/api-keys/",
                "/webhooks/",
                "/api/docs",
                "/status",
                "/people/",
                "/audit/",
                "/admin/",
            ],
        ),
    ],
)
def test_the_sidebar_leads_where_the_role_may_go(signed_in: SignIn, role: str, entries: list[str]) -> None:
    browser = signed_in(given.person(role))
    addresses = sidebar(browser.get("/").content.decode())
    assert addresses == entries
    assert {browser.get(address).status_code for address in addresses} == {200}


def test_signing_in_leads_to_the_page_that_was_asked_for(analyst: User) -> None:
    browser = Client()
    to_sign_in = browser.get("/imports/")
    assert to_sign_in["Location"] == "/accounts/login/?next=/imports/"
    assert "Please sign in to see that page." in browser.get(to_sign_in["Location"]).content.decode()
    login = {"username": "analyst", "password": given.PASSWORD, "next": "/imports/"}
    assert browser.post("/accounts/login/", login)["Location"] == "/imports/"


def test_signing_in_leads_to_no_other_site(analyst: User) -> None:
    login = {"username": "analyst", "password": given.PASSWORD, "next": "https://elsewhere.example/"}
    assert Client().post("/accounts/login/", login)["Location"] == "/"


def test_too_many_wrong_passwords_lock_for_a_while(analyst: User) -> None:
    browser = Client()
    for _ in range(5):
        answer = browser.post("/accounts/login/", {"username": "analyst", "password": "wrong"})
    assert answer.status_code == 429
    assert "Signing in is locked for a while" in answer.content.decode()
    right = browser.post("/accounts/login/", {"username": "analyst", "password": given.PASSWORD})
    assert right.status_code == 429


def test_somebody_without_a_role_can_sign_out_again(signed_in: SignIn) -> None:
    nobody = User.objects.create_user("nobody", password=given.PASSWORD)
    browser = signed_in(nobody)
    answer = browser.get("/")
    assert answer.status_code == 403
    assert "Ask an admin for another role." in answer.content.decode()
    assert 'action="/accounts/logout/"' in answer.content.decode()
    assert browser.post("/accounts/logout/")["Location"] == "/accounts/login/"


def test_what_is_not_there_says_so_with_a_reference(signed_in: SignIn, viewer: User) -> None:
    answer = signed_in(viewer).get("/no-such-page")
    assert answer.status_code == 404
    assert answer["X-Request-ID"] in answer.content.decode()


def test_changing_the_password_ends_other_sessions(signed_in: SignIn, viewer: User) -> None:
    here, elsewhere = signed_in(viewer), signed_in(viewer)
    fresh = "quite another long password"
    changed = here.post(
        "/accounts/password/",
        {"old_password": given.PASSWORD, "new_password1": fresh, "new_password2": fresh},
        follow=True,
    )
    assert "Your password is changed." in changed.content.decode()
    assert elsewhere.get("/").status_code == 302
    assert here.get("/").status_code == 200


def test_names_of_people_are_text_and_nothing_else(signed_in: SignIn) -> None:
    one = given.person("viewer")
    one.first_name = "<script>alert(1)</script>"
    one.save()
    page = signed_in(one).get("/").content.decode()
    assert "<script>alert" not in page


def test_admin_pages_have_our_sidebar_too(signed_in: SignIn, admin: User) -> None:
    browser = signed_in(admin)
    for address in ("/admin/", "/admin/customers/customer/", "/admin/customers/import/", "/admin/access/apikey/"):
        page = browser.get(address).content.decode()
        assert "/imports/" in sidebar(page)
        assert re.findall(r'href="([^"]+)" class="sidebar-link"[^>]*aria-current="page"', page) == ["/admin/"]


def test_a_form_that_has_expired_says_so_on_a_page_that_has_its_styles(viewer: User) -> None:
    browser = Client(enforce_csrf_checks=True)
    page = browser.post("/accounts/login/", {"username": viewer.username}).content.decode()
    assert "This form has expired" in page
    assert "css/failure" in page
