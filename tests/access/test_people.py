"""People come in by invitation, with the role that they were given, and are forgotten when they have gone."""

import re
from collections.abc import Callable
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
import time_machine
from axes.models import AccessAttempt
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from segmentation_site.access import keys, people
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


def test_who_comes_in_no_longer_can_be_deleted_and_the_trail_still_tells_what_they_did(
    signed_in: SignIn, admin: User, analyst: User
) -> None:
    signs_in("analyst", "wrong")
    signs_in("analyst", given.PASSWORD)
    key, secret = keys.create_key("Shop", scopes=["segments:read"], by=analyst)
    client = signed_in(admin)
    page = client.post(f"/people/{analyst.pk}/delete", follow=True).content.decode()
    assert "analyst may still sign in" in page
    assert User.objects.filter(pk=analyst.pk).exists()
    still = "1 API key that “analyst” made still lets programs in."
    assert still in client.post(f"/people/{analyst.pk}", {"role": "analyst"}, follow=True).content.decode()
    assert still in client.post(f"/people/{analyst.pk}/delete", follow=True).content.decode()
    assert not User.objects.filter(pk=analyst.pk).exists()
    assert not AccessAttempt.objects.filter(username="analyst").exists()
    assert keys.find(secret) == key
    deeds = list(AuditEntry.objects.filter(actor="analyst").values_list("action", flat=True))
    assert deeds == ["key made", "signed in"]
    assert AuditEntry.objects.get(action="person deleted").subject == "analyst"


def test_an_invitation_that_nobody_took_up_can_be_deleted_and_its_link_is_dead(signed_in: SignIn, admin: User) -> None:
    user = people.invite("zoe", email="zoe@example.com", role=Role.VIEWER, by=admin)
    link = people.link_for(user)
    page = signed_in(admin).post(f"/people/{user.pk}/delete", follow=True).content.decode()
    assert "zoe@example.com" not in page
    assert sets_password(link) == 410


def test_nobody_is_called_by_the_name_of_another_at_the_same_moment(admin: User) -> None:
    people.invite("zoe", email="", role=Role.VIEWER, by=admin)
    with pytest.raises(people.NameTaken):
        people.invite("zoe", email="", role=Role.ADMIN, by=admin)
    assert people.role_of(User.objects.get(username="zoe")) == Role.VIEWER


def test_another_host_in_the_request_gets_into_no_link(signed_in: SignIn, admin: User) -> None:
    client = signed_in(admin)
    for headers in ({"Host": "evil.example"}, {"Host": "testserver@evil.example"}):
        assert client.post("/people/new", {"username": "zoe", "role": "viewer"}, headers=headers).status_code == 400
    forged = {"X-Forwarded-Host": "evil.example", "Forwarded": "host=evil.example"}
    page = client.post("/people/new", {"username": "zoe", "role": "viewer"}, headers=forged).content.decode()
    assert "evil.example" not in page
    assert link_on(page)
