"""API keys on their page: made once, shown once, revoked at once."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from redis import Redis

from segmentation_site.access import keys
from segmentation_site.access.models import ApiKey
from segmentation_site.http import limits

SignIn = Callable[[User], Client]
pytestmark = pytest.mark.django_db


@pytest.fixture
def browser(signed_in: SignIn, admin: User) -> Client:
    return signed_in(admin)


def test_the_secret_is_shown_once_and_opens_the_api(browser: Client, admin: User) -> None:
    response = browser.post("/api-keys/new", {"name": "Newsletter", "expires": "90", "scopes": ["segments:read"]})
    secret = response.context["secret"]
    key = keys.find(secret)
    assert key is not None
    assert (key.name, key.scopes, key.created_by) == ("Newsletter", ["segments:read"], admin)
    assert key.expires_at is not None
    assert timedelta(days=89) < key.expires_at - timezone.now() <= timedelta(days=90)
    assert f'API_KEY="{secret}"\ncurl -H "Authorization: Bearer $API_KEY"' in response.context["curl"]
    assert "no-store" in response["Cache-Control"]
    assert secret not in browser.get("/api-keys/").content.decode()


def test_a_key_without_name_or_scope_is_not_made_and_nothing_typed_is_lost(browser: Client) -> None:
    page = browser.post("/api-keys/new", {"name": "Newsletter", "expires": "30", "scopes": []}).content.decode()
    assert "Choose at least one thing that the key may do." in page
    assert 'value="Newsletter"' in page
    assert '<option value="30" selected>' in page
    assert "Give the key a name" in browser.post("/api-keys/new", {"scopes": ["members:read"]}).content.decode()
    assert browser.post("/api-keys/new", {"name": "x", "scopes": ["root"]}).status_code == 422
    assert not ApiKey.objects.exists()


def test_a_revoked_key_is_refused_at_once_and_leaves_the_list(browser: Client, admin: User) -> None:
    key, secret = keys.create_key("Old tool", scopes=["segments:read"], by=admin)
    page = browser.post(f"/api-keys/{key.public_id}/revoke", follow=True).content.decode()
    assert "“Old tool” is revoked." in page
    assert keys.find(secret) is None
    assert "Old tool" not in browser.get("/api-keys/").content.decode()
    assert "Revoked" in browser.get("/api-keys/?all=yes").content.decode()


def test_a_rotated_key_goes_on_beside_its_successor_whose_secret_is_shown_once(browser: Client, admin: User) -> None:
    old, old_secret = keys.create_key("Shop", scopes=["members:read"], by=admin)
    response = browser.post(f"/api-keys/{old.public_id}/rotate")
    secret = response.context["secret"]
    new = keys.find(secret)
    assert new is not None
    assert (new.name, new.scopes) == ("Shop", ["members:read"])
    assert keys.find(old_secret) == old
    assert f"<code>seg_{old.prefix}_…</code>, goes on until" in response.content.decode()
    assert "no-store" in response["Cache-Control"]
    page = browser.get("/api-keys/").content.decode()
    assert page.count("rotated, goes on until") == 1
    assert f"/api-keys/{old.public_id}/rotate" not in page
    assert secret not in page


def test_a_key_that_has_ended_is_not_rotated(browser: Client, admin: User) -> None:
    key, _ = keys.create_key("Shop", scopes=["members:read"], by=admin)
    keys.revoke(key)
    page = browser.post(f"/api-keys/{key.public_id}/rotate", follow=True).content.decode()
    assert "This key has expired or was revoked." in page
    assert ApiKey.objects.count() == 1


def test_the_list_tells_how_often_each_key_has_called_today(
    browser: Client, admin: User, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.API_CALLS_PER_MINUTE = 0
    key, secret = keys.create_key("Shop", scopes=["members:read"], by=admin)
    idle, _ = keys.create_key("Idle", scopes=["members:read"], by=admin)
    program = Client(headers={"Authorization": f"Bearer {secret}"})
    with time_machine.travel("2026-03-01T11:59:00Z", tick=False):
        program.get("/api/v1/me")
    with time_machine.travel("2026-03-01T12:00:00Z", tick=False):
        for _ in range(3):
            program.get("/api/v1/me")
    with time_machine.travel("2026-03-02T11:10:00Z", tick=False):
        program.get("/api/v1/me")
        assert limits.calls_of_last_day([key.public_id, idle.public_id]) == {key.public_id: 4, idle.public_id: 0}
    program.get("/api/v1/me")
    assert [row.calls for row in browser.get("/api-keys/").context["page"].rows] == [0, 1]
    monkeypatch.setattr(limits, "_broker", lambda: Redis(port=1))
    assert "not known now" in browser.get("/api-keys/").content.decode()


def test_a_key_is_found_by_the_part_of_it_that_people_see(browser: Client, admin: User) -> None:
    key, secret = keys.create_key("Shop", scopes=["segments:read"], by=admin)
    keys.create_key("Mail", scopes=["segments:read"], by=admin)
    shown = browser.get("/api-keys/", {"search": secret}).context["page"].rows
    assert [one.pk for one in shown] == [key.pk]


def test_only_admins_see_keys(signed_in: SignIn, manager: User) -> None:
    browser = signed_in(manager)
    assert browser.get("/api-keys/").status_code == 403
    assert browser.post("/api-keys/new", {"name": "x", "scopes": ["members:read"]}).status_code == 403
    assert not ApiKey.objects.exists()
