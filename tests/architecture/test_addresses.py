"""Nobody comes to an address without a rule that lets them."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.test import Client

from segmentation_site.access.roles import FIRST_ROLE, Role
from tests import given
from tests.architecture.addresses import Address, addresses, admin_pages, endpoints, pages

# What everybody may reach, and why.
PUBLIC = {
    "login": "people sign in here",
    "second_factor_code": "the second half of signing in; without the first it sends back to it",
    "admin_sign_in": "sends to where people sign in",
    "invitation": "whoever holds the link sets their password, once",
    "logout": "signing out needs no right",
    "set_language": "whoever signs in may choose in which language first",
    "livez": "asked by supervisors, tells nothing",
    "metrics": "counts of jobs, for this machine or whoever has the token",
    "readyz": "asked by load balancers, names at most a server",
    "api-schema": "describes the API, holds no data",
    "api-docs": "describes the API, holds no data",
    "api-nothing": "says that there is nothing",
}
PUBLIC_IN_ADMIN = {"login": "people sign in here", "logout": "signing out needs no right", "jsi18n": "translated words"}

# The first role that may, by how a page's address begins; the longest beginning counts. What the pages themselves ask
# for is held against this: "viewer (segments, no personal data), analyst (customers, imports, runs), manager (publish,
# export), admin (keys, webhooks, users, erasure)".
FIRST_ROLES = {
    "": Role.VIEWER,
    "customers/": Role.ANALYST,
    "customers/<int:pk>/erase": Role.ADMIN,
    "imports/": Role.ANALYST,
    "runs/<str:public_id>/again": Role.ANALYST,
    "runs/<str:public_id>/cancel": Role.ANALYST,
    "runs/<str:public_id>/matches": Role.ANALYST,
    "runs/<str:public_id>/publish": Role.MANAGER,
    "segmentations/new": Role.ANALYST,
    "segmentations/<slug:slug>/": Role.ANALYST,
    "segments/<str:public_id>/": Role.ANALYST,
    "exports/": Role.MANAGER,
    "admin/": Role.ADMIN,
    "api-keys/": Role.ADMIN,
    "audit/": Role.ADMIN,
    "people/": Role.ADMIN,
    "status": Role.ADMIN,
    "webhooks/": Role.ADMIN,
}

METHODS = ["get", "post"]
# Whoever may not, may not by any other word either.
ALL_METHODS = [*METHODS, "put", "patch", "delete"]
DEEDS = ("add", "change", "delete")
SIGN_IN = "/accounts/login/"


def test_every_address_has_a_rule_or_is_named_as_public() -> None:
    def has_rule(address: Address) -> bool:
        if address.namespace == "admin":
            return True  # asked below, by knocking
        if address.route.startswith("api/v1"):
            return getattr(address.view_class, "required_scope", None) is not None
        return hasattr(address.view, "required_deed") or address.name in PUBLIC

    assert not [f"{address} ({address.name})" for address in addresses() if not has_rule(address)]


def test_what_is_named_as_public_exists() -> None:
    assert {address.name for address in addresses() if address.namespace != "admin"} >= set(PUBLIC)


@pytest.mark.django_db
@pytest.mark.parametrize("page", pages(), ids=str)
def test_a_page_sends_strangers_to_sign_in(page: Address, client: Client) -> None:
    for method in ALL_METHODS:
        answer = getattr(client, method)(page.example)
        assert answer.status_code == 405 or (answer.status_code == 302 and answer["Location"].startswith(SIGN_IN))


@pytest.mark.django_db
@pytest.mark.parametrize("role", list(Role))
def test_a_page_shows_itself_to_the_roles_that_may_and_to_no_other(
    role: Role, signed_in: Callable[[User], Client]
) -> None:
    order = list(Role)
    client = signed_in(given.person(role.value))
    client.raise_request_exception = False
    for page in pages():
        may = order.index(FIRST_ROLE[page.view.required_deed]) <= order.index(role)  # type: ignore[attr-defined]
        for method in ALL_METHODS if role == Role.VIEWER else METHODS:
            status = getattr(client, method)(page.example).status_code
            assert status == 405 or (status != 403 if may else status == 403), f"{method} {page}: {status}"
            assert status < 500, f"{method} {page}: {status}"


@pytest.mark.parametrize("page", pages(), ids=str)
def test_a_page_asks_for_the_role_that_its_address_stands_for(page: Address) -> None:
    beginning = max((one for one in FIRST_ROLES if page.route.startswith(one)), key=len)
    assert FIRST_ROLE[page.view.required_deed] == FIRST_ROLES[beginning]  # type: ignore[attr-defined]


@pytest.mark.django_db
def test_somebody_without_a_role_sees_no_page(signed_in: Callable[[User], Client]) -> None:
    client = signed_in(User.objects.create_user("nobody"))
    assert {client.get(page.example).status_code for page in pages()} <= {403, 405}


@pytest.mark.django_db
def test_no_page_is_kept_by_browsers_or_on_the_way(signed_in: Callable[[User], Client], admin: User) -> None:
    client = signed_in(admin)
    client.raise_request_exception = False
    for page in [*pages(), *admin_pages()]:
        if page.namespace == "admin" and page.name in PUBLIC_IN_ADMIN:
            continue
        for method in METHODS:
            answer = getattr(client, method)(page.example)
            if answer.status_code < 400 and answer.headers.get("Location", "") != SIGN_IN:
                assert "no-store" in answer.headers.get("Cache-Control", ""), f"{method} {page}"
    assert "no-store" in client.get("/accounts/login/")["Cache-Control"]


@pytest.mark.django_db
@pytest.mark.parametrize("role", ["nobody", "manager"])
def test_the_admin_is_for_admins_only(role: str, signed_in: Callable[[User], Client]) -> None:
    client = Client() if role == "nobody" else signed_in(given.person(role))
    knocked = 0
    for page in admin_pages():
        if page.name in PUBLIC_IN_ADMIN:
            continue
        for method in METHODS:
            answer = getattr(client, method)(page.example)
            assert answer.status_code in {302, 403, 404}, f"{method} {page}: {answer.status_code}"
            assert answer.status_code != 302 or "login" in answer["Location"], f"{page} went to {answer['Location']}"
            knocked += 1
    assert knocked > 50


@pytest.mark.django_db
def test_not_even_an_admin_changes_people_or_what_is_on_record_in_the_admin(
    signed_in: Callable[[User], Client], admin: User
) -> None:
    client = signed_in(admin)
    kept = ("auth_user", "access_auditentry", "access_apikey", "webhooks_webhook", "segments_run", "segments_export")
    asked = [page for page in admin_pages() if page.name in {f"{name}_{deed}" for name in kept for deed in DEEDS}]
    assert len(asked) == len(kept) * len(DEEDS)
    for page in asked:
        path = page.example.replace("/none", f"/{admin.pk}") if page.name.startswith("auth_user") else page.example
        answer = client.post(path, {"username": "other", "is_superuser": "on", "post": "yes"})
        assert answer.status_code in {403, 302, 404}, f"{page}: {answer.status_code}"
    admin.refresh_from_db()
    assert admin.username == "admin"
    # Secrets of second factors, the rights of groups, and what the scheduler rings for have no pages.
    models = {page.name.rsplit("_", 1)[0] for page in admin_pages() if page.name.endswith("_changelist")}
    assert not [name for name in models if name.startswith(("otp_", "django_celery_beat")) or name == "auth_group"]


@pytest.mark.django_db
def test_every_list_of_the_admin_opens_for_an_admin(signed_in: Callable[[User], Client], admin: User) -> None:
    client = signed_in(admin)
    lists = [page for page in admin_pages() if page.name.endswith(("_changelist", "_add", "index"))]
    assert len(lists) > 10
    for page in lists:
        assert client.get(page.example).status_code in {200, 403}, str(page)


@pytest.mark.django_db
@pytest.mark.parametrize("endpoint", endpoints(), ids=str)
def test_an_endpoint_answers_401_and_how_to_sign_in_without_a_key(endpoint: Address, client: Client) -> None:
    for headers in ({}, {"Authorization": "Bearer seg_00000000_wrong"}):
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
            answer = client.generic(method, endpoint.example, headers=headers)
            assert answer.status_code == 401, f"{method} {endpoint}: {answer.status_code}"
            assert answer["WWW-Authenticate"].startswith("Bearer")
            assert answer["Content-Type"] == "application/problem+json"


@pytest.mark.django_db
def test_an_unknown_address_of_the_api_is_a_problem_document_too(client: Client) -> None:
    answer = client.get("/api/v1/nothing-here")
    assert answer.status_code == 404
    assert answer["Content-Type"] == "application/problem+json"
