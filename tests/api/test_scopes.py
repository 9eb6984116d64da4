"""What a key may do is what its scopes say, at every address of the API and for every method."""

import json
import re

import pytest
from django.contrib.auth.models import User
from django.test import Client, RequestFactory
from rest_framework.request import Request
from rest_framework.response import Response

from segmentation_site.access import keys
from segmentation_site.access.roles import Role
from segmentation_site.access.scopes import ANY_KEY, OF_DEED, Scope
from segmentation_site.access.views import ApiView
from tests import given
from tests.api.answers import problem
from tests.architecture.addresses import Address, endpoints
from tests.architecture.tree import ROOT, text_of

pytestmark = pytest.mark.django_db

METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]


def program(*scopes: str) -> Client:
    """A program whose key has these scopes."""
    _, secret = keys.create_key("a tool", scopes=scopes, by=None)
    return Client(headers={"Authorization": f"Bearer {secret}"})


def answered(endpoint: Address) -> list[str]:
    """The methods that an endpoint has."""
    return [method for method in METHODS if hasattr(endpoint.view_class, method.lower())]


def scope_of(endpoint: Address, method: str) -> str:
    required = endpoint.view_class.required_scope  # type: ignore[union-attr]
    return str(required[method] if isinstance(required, dict) else required)


@pytest.mark.parametrize("endpoint", endpoints(), ids=str)
def test_each_method_of_an_endpoint_names_a_scope_that_exists(endpoint: Address) -> None:
    assert answered(endpoint)
    for method in answered(endpoint):
        assert scope_of(endpoint, method) in {ANY_KEY, *Scope}
    if any(scope_of(endpoint, method) == ANY_KEY for method in answered(endpoint)):
        assert endpoint.name == "api-me"


@pytest.mark.parametrize("endpoint", endpoints(), ids=str)
def test_an_endpoint_lets_in_who_has_its_scope_and_nobody_else(endpoint: Address) -> None:
    for method in answered(endpoint):
        scope = scope_of(endpoint, method)
        others = [one.value for one in Scope if one != scope]
        if scope != ANY_KEY:
            refused = program(*others).generic(method, endpoint.example, "{}", content_type="application/json")
            assert scope in problem(refused, 403, "permission_denied")["detail"]
        needed = [scope] if scope != ANY_KEY else ["webhooks:write"]
        answer = program(*needed).generic(method, endpoint.example, "{}", content_type="application/json")
        assert answer.status_code not in {401, 403, 405}, answer.content
        assert answer.status_code < 500


@pytest.mark.parametrize("endpoint", endpoints(), ids=str)
def test_a_method_that_an_endpoint_does_not_have_is_told_with_those_it_has(endpoint: Address) -> None:
    client = program(*Scope)
    for method in [*METHODS, "OPTIONS", "TRACE"]:
        if method not in answered(endpoint):
            answer = client.generic(method, endpoint.example)
            problem(answer, 405, "method_not_allowed")
            assert set(answer["Allow"].split(", ")) - {"HEAD"} == set(answered(endpoint))


def test_a_key_without_any_scope_still_learns_who_it_is() -> None:
    assert program().get("/api/v1/me").json()["scopes"] == []


@pytest.mark.parametrize("endpoint", endpoints(), ids=str)
def test_the_docs_name_the_scopes_of_an_endpoint(endpoint: Address) -> None:
    path = re.sub(r"<(?:\w+:)?(\w+)>", "{}", endpoint.route.removeprefix("api/v1"))
    rows = [row.split("|") for row in text_of(ROOT / "docs" / "api.md").splitlines() if row.startswith("| ")]
    told = [row[3] for row in rows if len(row) > 4 and re.sub(r"\{\w+\}", "{}", row[2].strip(" `")) == path]
    assert len(told) == 1, path
    assert set(re.findall(r"`([\w:]+)`", told[0])) == {scope_of(endpoint, method) for method in answered(endpoint)} - {
        ANY_KEY
    }


def test_every_scope_comes_with_some_deed_and_none_with_two() -> None:
    given_by_deeds = [scope for scopes in OF_DEED.values() for scope in scopes]
    assert sorted(given_by_deeds) == sorted(Scope)


@pytest.mark.parametrize("role", list(Role))
def test_a_role_may_over_the_api_what_it_may_on_pages(role: Role) -> None:
    browser = Client()
    browser.force_login(given.person(role.value), backend="django.contrib.auth.backends.ModelBackend")
    scopes = set(json.loads(browser.get("/api/v1/me").content)["scopes"])
    assert ("members:read" in scopes) == ("customers:read" in scopes) == (role != Role.VIEWER)
    assert ("exports:write" in scopes) == (role in {Role.MANAGER, Role.ADMIN})
    assert ("runs:write" in scopes) == (role in {Role.MANAGER, Role.ADMIN})
    assert ("customers:erase" in scopes) == (role == Role.ADMIN)
    for endpoint in endpoints():
        for method in answered(endpoint):
            answer = browser.generic(method, endpoint.example, "{}", content_type="application/json")
            may = scope_of(endpoint, method) in {ANY_KEY, *scopes}
            assert (answer.status_code == 403) == (not may), f"{role} {method} {endpoint}: {answer.status_code}"


def test_somebody_without_a_role_may_nothing() -> None:
    browser = Client()
    browser.force_login(User.objects.create_user("nobody"), backend="django.contrib.auth.backends.ModelBackend")
    assert browser.get("/api/v1/me").json()["scopes"] == []
    problem(browser.get("/api/v1/attributes"), 403, "permission_denied")


class Careless(ApiView):
    """An endpoint whose author has thought of one method only."""

    required_scope = {"GET": Scope.SEGMENTS_READ}

    def get(self, request: Request) -> Response:
        return Response({})

    def post(self, request: Request) -> Response:
        return Response({})


def test_what_no_scope_is_named_for_is_refused_to_everybody() -> None:
    _, secret = keys.create_key("a tool", scopes=[scope.value for scope in Scope], by=None)
    door, make = Careless.as_view(), RequestFactory(headers={"Authorization": f"Bearer {secret}"})
    assert door(make.get("/")).status_code == 200
    assert door(make.post("/")).status_code == 403
