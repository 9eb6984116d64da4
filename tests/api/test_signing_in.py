"""Who may call the API at all: a program with its key, a browser with its session."""

from collections.abc import Callable
from datetime import timedelta

import pytest
import time_machine
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from segmentation_site.access import keys
from segmentation_site.access.models import ApiKey
from tests.api.answers import problem

SignIn = Callable[[User], Client]
pytestmark = pytest.mark.django_db

ME = "/api/v1/me"
CANCEL = "/api/v1/imports/imp_none/cancel"


def calls(client: Client, secret: str) -> int:
    return client.get(ME, headers={"Authorization": f"Bearer {secret}"}).status_code


def test_a_key_opens_the_api_and_tells_what_it_is(client: Client) -> None:
    expires = timezone.now() + timedelta(days=30)
    key, secret = keys.create_key("Newsletter", scopes=["segments:read", "members:read"], by=None, expires_at=expires)
    answer = client.get(ME, headers={"Authorization": f"Bearer {secret}"})
    assert answer.status_code == 200
    told = answer.json()
    assert told["key"] == {
        "id": key.public_id,
        "name": "Newsletter",
        "prefix": key.prefix,
        "created_at": told["key"]["created_at"],
        "expires_at": expires.isoformat().replace("+00:00", "Z"),
    }
    assert told["user"] is None
    assert told["scopes"] == ["members:read", "segments:read"]
    assert told["limits"] == {"calls": 600, "seconds": 60, "page_size": 1000}
    assert told["usage"] == {"calls": 1, "hours": 24, "last_used_at": None}
    assert secret not in answer.content.decode()
    again = client.get(ME, headers={"Authorization": f"Bearer {secret}"}).json()["usage"]
    assert again["calls"] == 2
    assert again["last_used_at"].endswith("Z")


def test_without_a_key_the_api_says_how_to_sign_in(client: Client) -> None:
    answer = client.get(ME)
    assert "Authorization: Bearer" in problem(answer, 401, "not_authenticated")["detail"]
    assert answer["WWW-Authenticate"] == 'Bearer realm="api"'


@pytest.mark.parametrize(
    "header",
    [
        "Bearer",
        "Bearer ",
        "Bearer x",
        "Bearer seg_000000000000_" + "a" * 43,
        "Bearer seg_000000000000_" + "a" * 5000,
        "Bearer sëg_000000000000_é",
        "Bearer \x00",
        "Basic YWRtaW46YWRtaW4=",
        "Token abc",
        "seg_000000000000_" + "a" * 43,
    ],
)
def test_what_is_no_key_is_refused(client: Client, header: str) -> None:
    answer = client.get(ME, headers={"Authorization": header})
    problem(answer, 401, "authentication_failed")
    assert answer["WWW-Authenticate"].startswith("Bearer")


def test_a_secret_that_differs_in_one_letter_is_refused(client: Client) -> None:
    _, secret = keys.create_key("a tool", scopes=["segments:read"], by=None)
    wrong = secret[:-1] + ("A" if secret[-1] != "A" else "B")
    assert (calls(client, secret), calls(client, wrong)) == (200, 401)


def test_a_key_is_taken_from_the_header_only(client: Client) -> None:
    _, secret = keys.create_key("a tool", scopes=["segments:read"], by=None)
    assert client.get(ME, {"key": secret}).status_code == 401
    assert client.get(ME, {"access_token": secret}).status_code == 401


def test_an_expired_key_is_refused(client: Client) -> None:
    expires = timezone.now() + timedelta(days=1)
    _, secret = keys.create_key("a tool", scopes=["segments:read"], by=None, expires_at=expires)
    assert calls(client, secret) == 200
    with time_machine.travel(expires + timedelta(seconds=1)):
        assert calls(client, secret) == 401


def test_a_revoked_key_is_refused_from_that_moment(client: Client) -> None:
    key, secret = keys.create_key("a tool", scopes=["segments:read"], by=None)
    assert calls(client, secret) == 200
    keys.revoke(key)
    assert calls(client, secret) == 401


def test_the_last_use_of_a_key_is_known(client: Client) -> None:
    key, secret = keys.create_key("a tool", scopes=["segments:read"], by=None)
    assert key.last_used_at is None
    before = timezone.now()
    calls(client, secret)
    used = ApiKey.objects.get(pk=key.pk).last_used_at
    assert used is not None
    assert before <= used <= timezone.now()


def test_a_signed_in_browser_may_read_what_its_role_may(signed_in: SignIn, viewer: User, admin: User) -> None:
    told = signed_in(viewer).get(ME).json()
    assert (told["key"], told["user"], told["scopes"]) == (None, "viewer", ["segments:read"])
    assert "customers:erase" in signed_in(admin).get(ME).json()["scopes"]
    problem(signed_in(viewer).get("/api/v1/attributes"), 403, "permission_denied")


def test_a_browser_changes_nothing_without_its_csrf_token(analyst: User) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(analyst, backend="django.contrib.auth.backends.ModelBackend")
    json = "application/json"
    assert "CSRF" in problem(browser.post(CANCEL, content_type=json), 403, "permission_denied")["detail"]
    browser.get("/imports/new")
    token = browser.cookies["csrftoken"].value
    # Let in, and then there is no such import.
    problem(browser.post(CANCEL, content_type=json, headers={"X-CSRFToken": token}), 404, "not_found")


def test_a_program_needs_no_csrf_token() -> None:
    _, secret = keys.create_key("a tool", scopes=["imports:write"], by=None)
    strict = Client(enforce_csrf_checks=True, headers={"Authorization": f"Bearer {secret}"})
    problem(strict.post(CANCEL), 404, "not_found")


def test_a_wrong_key_is_not_made_up_for_by_a_session(signed_in: SignIn, admin: User) -> None:
    answer = signed_in(admin).get(ME, headers={"Authorization": "Bearer seg_000000000000_wrong"})
    problem(answer, 401, "authentication_failed")
