"""API keys: shown once, kept as a digest, ended when they should."""

import json
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from segmentation_site.access import keys
from segmentation_site.access.models import ApiKey
from segmentation_site.access.scopes import Scope

pytestmark = pytest.mark.django_db


def everything_in_the_table() -> str:
    """The rows of keys as the database has them, bytes as hexadecimal digits."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(string_agg(row::text, ' '), '') FROM access_apikey AS row")
        return str(cursor.fetchone()[0])


def test_a_key_is_found_by_its_secret_alone(admin: User) -> None:
    key, secret = keys.create_key("Shop", scopes=["members:read", "members:read"], by=admin)
    other, _ = keys.create_key("Mail", scopes=["members:read"], by=admin)
    assert keys.find(secret) == key
    assert (key.created_by, key.scopes) == (admin, ["members:read"])
    assert secret.startswith(f"seg_{key.prefix}_")
    assert keys.find(secret.replace(key.prefix, other.prefix)) is None


def test_the_database_does_not_hold_the_secret() -> None:
    _, secret = keys.create_key("Shop", scopes=["members:read"], by=None)
    hidden = secret.split("_", 2)[2]
    kept = everything_in_the_table()
    assert "Shop" in kept
    assert hidden not in kept
    assert hidden.encode().hex() not in kept


def test_a_database_under_another_secret_key_lets_nobody_in(settings: Any) -> None:
    _, secret = keys.create_key("Shop", scopes=["members:read"], by=None)
    settings.SECRET_KEY = "x" * 64
    assert keys.find(secret) is None


def test_no_two_keys_are_alike() -> None:
    secrets = {keys.create_key("Shop", scopes=["members:read"], by=None)[1] for _ in range(20)}
    assert len(secrets) == 20
    assert {len(secret) for secret in secrets} == {60}


def test_a_scope_that_does_not_exist_makes_no_key() -> None:
    with pytest.raises(keys.InvalidScope, match="root") as refused:
        keys.create_key("Shop", scopes=["members:read", "root"], by=None)
    assert "customers:erase" in refused.value.detail
    assert not ApiKey.objects.exists()


def test_a_key_cannot_expire_in_the_past() -> None:
    with pytest.raises(keys.InvalidExpiry):
        keys.create_key("Shop", scopes=["members:read"], by=None, expires_at=timezone.now() - timedelta(seconds=1))
    assert not ApiKey.objects.exists()


def test_a_rotated_key_goes_on_for_a_day_beside_its_successor(admin: User) -> None:
    old, old_secret = keys.create_key("Shop", scopes=["members:read"], by=admin)
    fresh, fresh_secret = keys.rotate(old, by=admin)
    assert (fresh.name, fresh.scopes, fresh.expires_at) == (old.name, old.scopes, old.expires_at)
    assert (keys.find(old_secret), keys.find(fresh_secret)) == (old, fresh)
    with time_machine.travel(timezone.now() + timedelta(hours=23, minutes=59)):
        assert keys.find(old_secret) == old
    with time_machine.travel(timezone.now() + timedelta(hours=24, seconds=1)):
        assert (keys.find(old_secret), keys.find(fresh_secret)) == (None, fresh)


def test_a_key_that_was_rotated_is_not_rotated_again(admin: User) -> None:
    old, _ = keys.create_key("Shop", scopes=["members:read"], by=admin)
    fresh, _ = keys.rotate(old, by=admin)
    with pytest.raises(keys.AlreadyRotated, match="took its place"):
        keys.rotate(old, by=admin)
    keys.rotate(fresh, by=admin)
    assert ApiKey.objects.count() == 3


def test_a_key_that_was_revoked_is_not_rotated_back_to_life(admin: User) -> None:
    old, secret = keys.create_key("Shop", scopes=["members:read"], by=admin)
    keys.revoke(old)
    with pytest.raises(keys.Ended):
        keys.rotate(old, by=admin)
    assert keys.find(secret) is None
    assert ApiKey.objects.count() == 1


def test_revoking_ends_a_rotated_key_at_once(admin: User) -> None:
    old, secret = keys.create_key("Shop", scopes=["members:read"], by=admin)
    keys.rotate(old, by=admin)
    keys.revoke(old)
    assert keys.find(secret) is None


def test_revoking_again_keeps_the_moment_of_the_first_time(admin: User) -> None:
    key, _ = keys.create_key("Shop", scopes=["members:read"], by=admin)
    keys.revoke(key)
    first = key.revoked_at
    keys.revoke(key)
    assert key.revoked_at == first


def create(*arguments: str) -> str:
    """What the command prints."""
    out = StringIO()
    call_command("create_api_key", *arguments, stdout=out)
    return out.getvalue()


def test_the_command_prints_one_json_object(capsys: pytest.CaptureFixture[str]) -> None:
    call_command(
        "create_api_key",
        "Shop",
        "--scope",
        "members:read",
        "--scope",
        "segments:read",
        "--expires-days",
        "30",
        "--json",
    )
    told = json.loads(capsys.readouterr().out)
    assert list(told) == ["id", "name", "prefix", "key", "scopes", "expires_at"]
    key = keys.find(told["key"])
    assert key is not None
    assert (told["id"], told["name"], told["prefix"]) == (key.public_id, "Shop", key.prefix)
    assert told["scopes"] == ["members:read", "segments:read"]
    assert key.expires_at is not None
    assert timedelta(days=29) < key.expires_at - timezone.now() <= timedelta(days=30)


def test_without_json_the_command_prints_the_secret_alone() -> None:
    key = keys.find(create("Shop", "--scope", "members:read").strip())
    assert key is not None
    assert key.expires_at is None


@pytest.mark.parametrize(
    "arguments",
    [
        ["Shop", "--scope", "members:read", "--expires-days", "0"],
        ["Shop", "--scope", "members:read", "--expires-days", "99999999999"],
        ["", "--scope", "members:read"],
        ["x" * 101, "--scope", "members:read"],
    ],
)
def test_wrong_usage_makes_no_key_and_ends_with_2(arguments: list[str]) -> None:
    with pytest.raises(CommandError) as refused:
        create(*arguments)
    assert refused.value.returncode == 2
    assert not ApiKey.objects.exists()


@pytest.mark.parametrize("arguments", [[], ["--scope", "root"], ["--scope", "members:read", "--expires-days", "soon"]])
def test_a_key_without_a_scope_that_exists_is_not_made(arguments: list[str]) -> None:
    with pytest.raises(CommandError):
        create("Shop", *arguments)
    assert not ApiKey.objects.exists()


def test_every_scope_can_be_given() -> None:
    arguments = [part for scope in Scope for part in ("--scope", scope.value)]
    key = keys.find(create("Everything", *arguments).strip())
    assert key is not None
    assert key.scopes == sorted(scope.value for scope in Scope)
