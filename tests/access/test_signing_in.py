"""Nobody guesses their way in, nobody stays in longer than allowed, and nothing starts unsafe in public."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from axes.models import AccessAttempt
from django.contrib.auth.models import User
from django.contrib.sessions.backends.db import SessionStore
from django.test import Client
from django.utils import timezone

from segmentation_site.access.models import AuditEntry, Authenticator
from tests import given
from tests.conftest import ROOT

SignIn = Callable[[User], Client]
pytestmark = pytest.mark.django_db
LOCKED = 429


def tries(client: Client, username: str, password: str, **headers: str) -> int:
    given_words = {"username": username, "password": password}
    return client.post("/accounts/login/", given_words, headers=headers).status_code


def lock(client: Client, username: str = "analyst") -> None:
    for _ in range(5):
        tries(client, username, "wrong")


def test_after_five_wrong_passwords_not_even_the_right_one_lets_in(analyst: User) -> None:
    lock(Client())
    assert tries(Client(), "analyst", given.PASSWORD) == LOCKED


def test_a_forwarded_address_that_nobody_vouches_for_unlocks_nothing(analyst: User) -> None:
    lock(Client())
    for name in ("X-Forwarded-For", "X-Real-Ip", "Forwarded", "X-Client-Ip", "True-Client-Ip"):
        assert tries(Client(), "analyst", given.PASSWORD, **{name: "203.0.113.9"}) == LOCKED


@pytest.mark.parametrize(
    ("proxies", "forwarded", "believed"),
    [
        (1, "203.0.113.9", "203.0.113.9"),
        (1, "192.0.2.1, 203.0.113.9", "203.0.113.9"),
        (2, "192.0.2.1, 203.0.113.9, 10.0.0.7", "203.0.113.9"),
        (1, "203.0.113.9:4711", "203.0.113.9"),
        (1, "[2001:db8::7]:4711", "2001:db8::7"),
        (2, "203.0.113.9", "127.0.0.1"),
        (1, "192.0.2.1, unknown", "127.0.0.1"),
        (1, "", "127.0.0.1"),
        (0, "203.0.113.9", "127.0.0.1"),
    ],
)
def test_behind_proxies_the_address_counts_that_they_saw_and_nothing_that_the_caller_wrote(
    analyst: User, settings: Any, proxies: int, forwarded: str, believed: str
) -> None:
    settings.PROXY_COUNT = proxies
    for _ in range(5):
        tries(Client(), "analyst", "wrong", **{"X-Forwarded-For": forwarded})
    assert AuditEntry.objects.filter(action="locked out").values_list("address", flat=True).get() == believed
    assert AccessAttempt.objects.get().ip_address == believed


def test_behind_a_proxy_one_guesser_locks_out_nobody_elsewhere(analyst: User, settings: Any) -> None:
    settings.PROXY_COUNT = 1
    for number in range(6):
        last = tries(Client(), "analyst", "wrong", **{"X-Forwarded-For": f"192.0.2.{number}, 203.0.113.9"})
    assert last == LOCKED, "what a caller writes in front unlocks nothing"
    assert tries(Client(), "analyst", given.PASSWORD, **{"X-Forwarded-For": "198.51.100.7"}) == 302


def test_a_name_that_nobody_can_have_is_refused_and_noted_nowhere(client: Client) -> None:
    answer = client.post("/accounts/login/", {"username": "a" * 10_000, "password": "b" * 100_000})
    assert answer.status_code == 200
    assert "at most 150 characters" in answer.content.decode()
    assert not AccessAttempt.objects.exists()


def test_only_that_name_from_that_address_is_locked(analyst: User, viewer: User) -> None:
    lock(Client())
    assert tries(Client(), "viewer", given.PASSWORD) == 302
    assert tries(Client(REMOTE_ADDR="198.51.100.7"), "analyst", given.PASSWORD) == 302


def test_the_lock_opens_by_itself_after_a_quarter_of_an_hour(analyst: User) -> None:
    lock(Client())
    with time_machine.travel(timezone.now() + timedelta(minutes=16), tick=True):
        assert tries(Client(), "analyst", given.PASSWORD) == 302


def test_the_admin_has_no_sign_in_that_could_be_guessed_at(admin: User) -> None:
    lock(Client(), "admin")
    answer = Client().post("/admin/login/", {"username": "admin", "password": given.PASSWORD})
    assert answer.status_code == 405
    assert Client().get("/admin/").status_code == 302


def test_codes_of_a_second_factor_are_not_guessed_either(admin: User) -> None:
    Authenticator.objects.filter(pk=Authenticator.new(admin).pk).update(confirmed=True)
    client = Client()
    assert tries(client, "admin", given.PASSWORD) == 302
    statuses = [client.post("/accounts/login/code", {"code": f"{n:06d}"}).status_code for n in range(6)]
    assert statuses[-1] in {LOCKED, 403, 422}
    assert client.get("/").status_code == 302
    assert tries(Client(), "admin", given.PASSWORD) == LOCKED, "wrong codes count as wrong passwords do"


def test_a_session_ends_when_it_is_not_used_for_half_an_hour(signed_in: SignIn, viewer: User) -> None:
    client = signed_in(viewer)
    start = timezone.now()
    with time_machine.travel(start + timedelta(minutes=29), tick=True):
        assert client.get("/segments/").status_code == 200
    with time_machine.travel(start + timedelta(minutes=29 + 31), tick=True):
        assert client.get("/segments/").status_code == 302


def test_a_session_ends_twelve_hours_after_it_began_however_busy_it_is(signed_in: SignIn, viewer: User) -> None:
    client = signed_in(viewer)
    start = timezone.now()
    statuses = []
    for minutes in range(20, 13 * 60, 20):
        with time_machine.travel(start + timedelta(minutes=minutes), tick=True):
            statuses.append((minutes, client.get("/segments/").status_code))
    assert {status for minutes, status in statuses if minutes < 12 * 60} == {200}
    assert {status for minutes, status in statuses if minutes > 12 * 60} == {302}


def test_every_page_forbids_inline_scripts_frames_and_guessing_of_types(signed_in: SignIn, admin: User) -> None:
    client = signed_in(admin)
    for path in ("/", "/customers/", "/admin/", "/api/docs", "/api/v1/me", "/accounts/password/", "/no-such-page"):
        headers = client.get(path).headers
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy, path
        scripts = re.search(r"script-src ([^;]*)", policy)
        assert scripts, path
        assert "unsafe-inline" not in scripts[1], path
        assert "frame-ancestors 'none'" in policy, path
        assert (headers["X-Content-Type-Options"], headers["X-Frame-Options"]) == ("nosniff", "DENY"), path
        assert headers["Referrer-Policy"] == "same-origin", path


PUBLIC = {"ALLOWED_HOSTS": "segments.example.com", "SECRET_KEY": "Long enough, and of many letters: " * 3}


@pytest.mark.parametrize(
    ("unsafe", "why"),
    [
        ({"SECRET_KEY": ""}, "SECRET_KEY is missing or weak"),
        ({"SECRET_KEY": "short"}, "SECRET_KEY is missing or weak"),
        ({"SECRET_KEY": "a" * 80}, "SECRET_KEY is missing or weak"),
        ({"DEBUG": "on"}, "DEBUG shows internals"),
        ({"ALLOWED_HOSTS": "segments.example.com,*"}, "'*' would let anybody forge links"),
    ],
)
def test_unsafe_settings_do_not_start_in_public(unsafe: dict[str, str], why: str, tmp_path: Path) -> None:
    outcome = started(tmp_path, PUBLIC | unsafe)
    assert outcome.returncode == 1
    assert why in outcome.stderr
    assert "Traceback" not in outcome.stderr


def test_in_public_cookies_are_bound_to_the_host_pages_to_tls_and_passwords_hashed_with_argon2(tmp_path: Path) -> None:
    cookies = ("SESSION", "CSRF", "LANGUAGE")
    outcome = started(tmp_path, PUBLIC, "manage.py", "diffsettings", "--all")
    told = dict(re.findall(r"^\W*(\w+) = (.*?)(?:\s+###)?$", outcome.stdout, flags=re.MULTILINE))
    assert {told[f"{one}_COOKIE_NAME"][:8] for one in cookies} == {"'__Host-"}
    assert {told[f"{one}_COOKIE_SECURE"] for one in cookies} == {"True"}
    assert told["SECURE_SSL_REDIRECT"] == "True"
    assert told["PASSWORD_HASHERS"].startswith("['django.contrib.auth.hashers.Argon2PasswordHasher'")


def test_the_check_of_deployments_finds_nothing_in_public(tmp_path: Path) -> None:
    checked = started(tmp_path, PUBLIC, "manage.py", "check", "--deploy", "--fail-level", "INFO")
    assert checked.returncode == 0, checked.stderr
    assert "no issues (0 silenced)" in checked.stdout


def test_whoever_planted_a_session_is_not_signed_in_by_it(analyst: User) -> None:
    store = SessionStore()
    store["planted"] = True
    store.save()
    session = str(store.session_key)
    planted = Client()
    planted.cookies["sessionid"] = session
    assert tries(planted, "analyst", given.PASSWORD) == 302
    assert planted.cookies["sessionid"].value != session
    other = Client()
    other.cookies["sessionid"] = session
    assert other.get("/").status_code == 302


@pytest.mark.parametrize(
    "elsewhere",
    [
        "//evil.example",
        "https://evil.example/",
        "/\\evil.example",
        "javascript:alert(1)",
        "http:///evil.example",
        "\\\\evil",
    ],
)
def test_signing_in_leads_nowhere_else(analyst: User, elsewhere: str) -> None:
    client = Client()
    words = {"username": "analyst", "password": given.PASSWORD, "next": elsewhere}
    assert client.post("/accounts/login/", words)["Location"] == "/"
    assert client.get("/accounts/login/", {"next": elsewhere})["Location"] == "/"
    assert client.post("/language", {"language": "en", "next": elsewhere})["Location"] == "/"


def started(folder: Path, settings: dict[str, str], *arguments: str) -> "subprocess.CompletedProcess[str]":
    environment: dict[str, Any] = {**os.environ, "DEBUG": "", "DATA_DIR": str(folder / "data")} | settings
    environment["DJANGO_SETTINGS_MODULE"] = "segmentation_site.settings"
    # Browser tests set it for the process that they run in.
    environment.pop("DJANGO_ALLOW_ASYNC_UNSAFE", None)
    return subprocess.run(
        [sys.executable, *(arguments or ("manage.py", "diffsettings"))],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-test.txt", "requirements-audit.txt"])
def test_every_package_is_pinned_with_its_hashes_and_without_an_address(name: str) -> None:
    text = (ROOT / name).read_text()
    wanted = [part for part in re.split(r"\n(?=\S)", text.strip()) if not part.startswith("#")]
    assert len(wanted) > 20
    assert not [one for one in wanted if "==" not in one.split("--hash")[0] or "--hash=sha256:" not in one]
    assert "://" not in text
