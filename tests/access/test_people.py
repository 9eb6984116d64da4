"""People come in by invitation, with the role that they were given, and with a second factor where they have one."""

import re
from collections.abc import Callable
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
import time_machine
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from django_otp.oath import TOTP
from django_otp.plugins.otp_totp.models import TOTPDevice

from segmentation_site.access import people
from segmentation_site.access.models import AuditEntry
from segmentation_site.access.roles import Role
from tests import given

SignIn = Callable[[User], Client]
NEW_PASSWORD = "seven owls over Prague"
pytestmark = pytest.mark.django_db


def link_on(page: str) -> str:
    found = re.search(r"http://testserver(/accounts/invitation/[\w./-]+)", page)
    assert found
    return found[1]


def signs_in(username: str, password: str, client: Client | None = None) -> bool:
    client = client or Client()
    answer = client.post("/accounts/login/", {"username": username, "password": password})
    return answer.status_code == 302 and answer["Location"] == "/"


def sets_password(link: str) -> int:
    """The status of the last answer to somebody who follows the link and gives a password."""
    client = Client()
    answer = client.get(link, follow=True)
    if "not valid any more" in answer.content.decode():
        return 410
    path = urlsplit(answer.redirect_chain[-1][0]).path
    return client.post(path, {"new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD}).status_code


def test_whoever_is_invited_sets_a_password_once_and_comes_in_with_their_role(signed_in: SignIn, admin: User) -> None:
    page = signed_in(admin).post("/people/new", {"username": "zoe", "email": "", "role": "analyst"}).content.decode()
    link = link_on(page)
    assert not signs_in("zoe", "")
    assert sets_password(link) == 302
    client = Client()
    assert signs_in("zoe", NEW_PASSWORD, client)
    assert client.get("/customers/").status_code == 200
    assert client.get("/people/").status_code == 403
    assert sets_password(link) == 410
    deeds = set(AuditEntry.objects.filter(subject="zoe").values_list("action", flat=True))
    assert {"person invited", "password changed"} <= deeds


def test_a_link_is_dead_after_three_days(admin: User) -> None:
    user = people.invite("zoe", email="", role=Role.VIEWER, by=admin)
    link = people.link_for(user)
    with time_machine.travel(timezone.now() + timedelta(days=4), tick=True):
        assert sets_password(link) == 410


def test_a_name_is_given_once(signed_in: SignIn, admin: User, viewer: User) -> None:
    answer = signed_in(admin).post("/people/new", {"username": "viewer", "role": "admin"})
    assert answer.status_code == 422
    assert "There is somebody called viewer already." in answer.content.decode()
    assert User.objects.get(username="viewer").groups.get().name == "viewer"


def test_another_role_counts_at_once_and_whoever_may_not_come_in_is_out_at_once(
    signed_in: SignIn, admin: User, analyst: User
) -> None:
    theirs, mine = signed_in(analyst), signed_in(admin)
    mine.post(f"/people/{analyst.pk}", {"role": "viewer", "is_active": "yes"})
    assert theirs.get("/customers/").status_code == 403
    mine.post(f"/people/{analyst.pk}", {"role": "viewer"})
    assert theirs.get("/segments/").status_code == 302
    assert not signs_in("analyst", given.PASSWORD)


def test_the_last_admin_stays_one(signed_in: SignIn, admin: User) -> None:
    client = signed_in(admin)
    page = client.post(f"/people/{admin.pk}", {"role": "viewer", "is_active": "yes"}, follow=True).content.decode()
    assert "is the only admin who can sign in" in page
    admin.refresh_from_db()
    assert (admin.is_superuser, admin.is_active) == (True, True)


@pytest.fixture
def code() -> Callable[[User], str]:
    """`code(user)` is what the user's authenticator shows now; never the same twice."""
    used: set[str] = set()

    def show(user: User) -> str:
        device = TOTPDevice.objects.get(user=user)
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
    assert people.has_second_factor(manager)
    client.post("/accounts/second-factor", {"password": given.PASSWORD})
    assert not people.has_second_factor(manager)
    with_second_factor(client, manager, code)
    signed_in(admin).post(f"/people/{manager.pk}/second-factor")
    assert signs_in("manager", given.PASSWORD)


def test_the_code_is_asked_of_nobody_who_did_not_give_the_password() -> None:
    assert Client().get("/accounts/login/code")["Location"] == "/accounts/login/"
    assert Client().post("/accounts/login/code", {"code": "123456"})["Location"] == "/accounts/login/"
