"""With a second factor the password alone lets nobody in, and neither does a dump of the database."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
import time_machine
from axes.models import AccessAttempt
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.utils import timezone
from django_otp.oath import TOTP
from django_otp.plugins.otp_static.models import StaticDevice

from segmentation_site.access import second_factor
from segmentation_site.access.models import Authenticator
from tests import given

SignIn = Callable[[User], Client]
pytestmark = pytest.mark.django_db


def signs_in(username: str, password: str) -> bool:
    answer = Client().post("/accounts/login/", {"username": username, "password": password})
    return answer.status_code == 302 and answer["Location"] == "/"


def half_signed_in(username: str = "manager") -> Client:
    """Somebody who has given the password, and is asked for the code."""
    client = Client()
    answer = client.post("/accounts/login/", {"username": username, "password": given.PASSWORD})
    assert answer["Location"] == "/accounts/login/code"
    return client


@pytest.fixture
def code() -> Callable[[User], str]:
    """`code(user)` is what the user's authenticator shows now; never the same twice."""
    used: set[str] = set()

    def show(user: User) -> str:
        device = Authenticator.objects.get(user=user)
        clock = TOTP(device.bin_key, drift=len(used))
        clock.time = timezone.now().timestamp()
        shown = f"{clock.token():06d}"
        used.add(shown)
        return shown

    return show


def with_second_factor(client: Client, user: User, code: Callable[[User], str]) -> list[str]:
    """Add it as people do; the recovery codes."""
    client.get("/accounts/second-factor")
    page = client.post("/accounts/second-factor", {"code": code(user)})
    assert page.status_code == 200
    return list(page.context["codes"])


def test_with_a_second_factor_the_password_alone_lets_nobody_in(
    signed_in: SignIn, manager: User, code: Callable[[User], str]
) -> None:
    recovery = with_second_factor(signed_in(manager), manager, code)
    assert len(set(recovery)) == 10
    client = Client()
    answer = client.post("/accounts/login/?next=/segments/", {"username": "manager", "password": given.PASSWORD})
    assert answer["Location"] == "/accounts/login/code"
    assert client.get("/segments/").status_code == 302, "half signed in is not signed in"
    assert client.post("/accounts/login/code", {"code": code(manager)})["Location"] == "/segments/"
    assert client.get("/segments/").status_code == 200


def test_a_code_works_once_and_so_does_a_recovery_code(
    signed_in: SignIn, manager: User, code: Callable[[User], str]
) -> None:
    recovery = with_second_factor(signed_in(manager), manager, code)

    def comes_in_with(given_code: str) -> bool:
        client = Client()
        client.post("/accounts/login/", {"username": "manager", "password": given.PASSWORD})
        return client.post("/accounts/login/code", {"code": given_code}).status_code == 302

    shown = code(manager)
    assert comes_in_with(shown)
    assert not comes_in_with(shown)
    assert comes_in_with(recovery[0])
    assert not comes_in_with(recovery[0])


def test_the_admin_has_no_way_around_the_second_factor(
    signed_in: SignIn, admin: User, code: Callable[[User], str]
) -> None:
    with_second_factor(signed_in(admin), admin, code)
    client = Client()
    assert client.get("/admin/login/?next=/admin/")["Location"] == "/accounts/login/?next=%2Fadmin%2F"
    assert client.post("/admin/login/", {"username": "admin", "password": given.PASSWORD}).status_code == 405
    assert client.get("/admin/").status_code == 302


def test_only_the_password_removes_a_second_factor_or_an_admin_does(
    signed_in: SignIn, manager: User, admin: User, code: Callable[[User], str]
) -> None:
    client = signed_in(manager)
    with_second_factor(client, manager, code)
    assert client.post("/accounts/second-factor", {"password": "wrong"}).status_code == 422
    assert second_factor.is_on(manager)
    client.post("/accounts/second-factor", {"password": given.PASSWORD})
    assert not second_factor.is_on(manager)
    with_second_factor(client, manager, code)
    signed_in(admin).post(f"/people/{manager.pk}/second-factor")
    assert signs_in("manager", given.PASSWORD)


def test_the_code_is_asked_of_nobody_who_did_not_give_the_password() -> None:
    assert Client().get("/accounts/login/code")["Location"] == "/accounts/login/"
    assert Client().post("/accounts/login/code", {"code": "123456"})["Location"] == "/accounts/login/"


def test_the_database_holds_neither_the_key_nor_the_recovery_codes(
    signed_in: SignIn, manager: User, code: Callable[[User], str], settings: Any
) -> None:
    recovery = with_second_factor(signed_in(manager), manager, code)
    device = Authenticator.objects.get()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT string_agg(device::text, ' ') || string_agg(code::text, ' ')"
            " FROM otp_totp_totpdevice AS device, otp_static_statictoken AS code"
        )
        kept = cursor.fetchone()[0]
    assert str(manager.pk) in kept
    assert device.bin_key.hex() not in kept
    assert not [one for one in recovery if one in kept]
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "x" * 64, [settings.SECRET_KEY]
    assert second_factor.is_right_code(manager, code(manager)), "what was sealed under an older key counts"
    assert second_factor.is_right_code(manager, recovery[0].upper())


def test_under_another_secret_key_no_code_is_right_and_another_app_can_be_added(
    signed_in: SignIn, manager: User, code: Callable[[User], str], settings: Any
) -> None:
    client = signed_in(manager)
    recovery = with_second_factor(client, manager, code)
    shown = code(manager)
    key, settings.SECRET_KEY = settings.SECRET_KEY, "x" * 64
    assert not second_factor.is_right_code(manager, shown)
    assert not second_factor.is_right_code(manager, recovery[0])
    settings.SECRET_KEY = key
    Authenticator.objects.update(confirmed=False)
    settings.SECRET_KEY = "y" * 64
    assert second_factor.confirm(manager, "123456") is None
    assert second_factor.begin(manager).is_readable
    assert Authenticator.objects.count() == 1


def test_a_sealed_key_is_of_one_person_only(manager: User, admin: User) -> None:
    device = second_factor.begin(manager)
    Authenticator.objects.filter(pk=device.pk).update(user=admin)
    assert not Authenticator.objects.get().is_readable


def test_a_password_that_was_changed_meanwhile_is_asked_for_again(
    signed_in: SignIn, manager: User, code: Callable[[User], str]
) -> None:
    with_second_factor(signed_in(manager), manager, code)
    client = half_signed_in()
    manager.set_password("another one entirely")
    manager.save()
    assert client.post("/accounts/login/code", {"code": code(manager)})["Location"] == "/accounts/login/"
    assert client.get("/").status_code == 302


def test_five_minutes_after_the_password_it_is_asked_for_again(
    signed_in: SignIn, manager: User, code: Callable[[User], str]
) -> None:
    with_second_factor(signed_in(manager), manager, code)
    client = half_signed_in()
    with time_machine.travel(timezone.now() + timedelta(minutes=6), tick=True):
        assert client.post("/accounts/login/code", {"code": code(manager)})["Location"] == "/accounts/login/"


def test_the_right_code_comes_too_late_for_who_has_guessed_too_often(
    signed_in: SignIn, manager: User, code: Callable[[User], str]
) -> None:
    recovery = with_second_factor(signed_in(manager), manager, code)
    client = half_signed_in()
    for guess in range(5):
        client.post("/accounts/login/code", {"code": f"guess{guess}"})
    # The codes' own pause between tries is over; the lock is not.
    StaticDevice.objects.update(throttling_failure_count=0, throttling_failure_timestamp=None)
    assert client.post("/accounts/login/code", {"code": recovery[0]}).status_code == 429
    assert client.get("/").status_code == 302
    assert second_factor.is_on(manager)


def test_wrong_codes_and_passwords_are_counted_and_not_kept(
    signed_in: SignIn, manager: User, code: Callable[[User], str]
) -> None:
    inside = signed_in(manager)
    with_second_factor(inside, manager, code)
    half_signed_in().post("/accounts/login/code", {"code": "almostright"})
    inside.post("/accounts/second-factor", {"password": "almost right"})
    words = {"old_password": "almost right", "new_password1": "seven owls over Prague", "new_password2": "x"}
    inside.post("/accounts/password/", words)
    assert AccessAttempt.objects.get(username="manager").failures_since_start == 3
    kept = str(AccessAttempt.objects.values())
    assert "almost" not in kept
    assert "owls" not in kept


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/accounts/second-factor", {"password": "wrong"}),
        ("/accounts/password/", {"old_password": "wrong", "new_password1": "a" * 20, "new_password2": "a" * 20}),
    ],
)
def test_who_holds_a_session_cannot_guess_its_password(
    signed_in: SignIn, manager: User, code: Callable[[User], str], path: str, words: dict[str, str]
) -> None:
    client = signed_in(manager)
    with_second_factor(client, manager, code)
    statuses = [client.post(path, words).status_code for _ in range(5)]
    assert statuses[-1] == 429
    right = {name: given.PASSWORD if value == "wrong" else value for name, value in words.items()}
    assert client.post(path, right).status_code == 429
    assert second_factor.is_on(manager)
    manager.refresh_from_db()
    assert manager.check_password(given.PASSWORD)


@pytest.mark.django_db(transaction=True)
def test_of_many_who_use_a_recovery_code_at_once_one_comes_in(
    signed_in: SignIn, manager: User, code: Callable[[User], str]
) -> None:
    recovery = with_second_factor(signed_in(manager), manager, code)
    together = Barrier(6)

    def use(_: int) -> bool:
        together.wait()
        try:
            return second_factor.is_right_code(manager, recovery[0])
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as thieves:
        assert sum(thieves.map(use, range(6))) == 1
