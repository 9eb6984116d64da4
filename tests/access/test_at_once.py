"""What two people do to the same thing at the same moment, against the real database."""

from collections.abc import Callable
from functools import partial
from urllib.parse import urlsplit

import pytest
from django.contrib.auth.models import User
from django.test import Client

from segmentation_site.access import keys, people
from segmentation_site.access.models import ApiKey, AuditEntry
from segmentation_site.access.roles import Role
from tests import given
from tests.access.test_people import signs_in

SignIn = Callable[[User], Client]
PASSWORDS = ["seven owls over Prague", "eleven geese over Berlin"]
pytestmark = pytest.mark.django_db(transaction=True)


def sets(password: str, client: Client, path: str) -> int:
    return client.post(path, {"new_password1": password, "new_password2": password}).status_code


def test_of_two_who_follow_one_invitation_at_once_one_sets_the_password(admin: User) -> None:
    link = people.link_for(people.invite("zoe", email="", role=Role.VIEWER, by=admin))
    deeds = []
    for password in PASSWORDS:
        client = Client()
        path = urlsplit(client.get(link, follow=True).redirect_chain[-1][0]).path
        deeds.append(partial(sets, password, client, path))
    statuses = given.at_once(*deeds)
    assert set(statuses) == {302, 410}
    assert [signs_in("zoe", password) for password in PASSWORDS] == [status == 302 for status in statuses]
    assert AuditEntry.objects.filter(action="password changed").count() == 1


def test_a_key_that_two_rotate_at_once_has_one_successor(admin: User) -> None:
    old, _ = keys.create_key("Shop", scopes=["members:read"], by=admin)
    done = given.at_once(*[partial(keys.rotate, ApiKey.objects.get(pk=old.pk), by=admin) for _ in range(4)])
    assert sum(isinstance(one, keys.AlreadyRotated) for one in done) == 3
    assert ApiKey.objects.count() == 2


def test_of_two_admins_who_demote_each_other_at_once_one_stays(admin: User) -> None:
    other = given.person("admin", "other")
    demote = partial(people.change, role=Role.VIEWER, is_active=True)
    done = given.at_once(partial(demote, admin, by=other), partial(demote, other, by=admin))
    assert sum(isinstance(one, people.LastAdmin) for one in done) == 1
    assert User.objects.filter(is_superuser=True).count() == 1


@pytest.mark.parametrize("way", ["changed", "invited"])
def test_who_is_let_out_while_they_set_a_password_does_not_come_back_with_it(
    way: str, signed_in: SignIn, admin: User, manager: User
) -> None:
    if way == "changed":
        client, path = signed_in(manager), "/accounts/password/"
    else:
        client = Client()
        path = urlsplit(client.get(people.link_for(manager), follow=True).redirect_chain[-1][0]).path
    words = {"old_password": given.PASSWORD, "new_password1": PASSWORDS[0], "new_password2": PASSWORDS[0]}
    # The request has read who they are, and waits for what the admin does.
    with given.somebody_holds(f"SELECT 1 FROM auth_user WHERE id = {manager.pk} FOR UPDATE") as held:
        answers = given.aside(partial(client.post, path, words))
        given.wait_for_somebody_who_waits()
        held.execute("UPDATE auth_user SET is_active = false WHERE id = %s", [manager.pk])
        held.commit()
    assert answers.result().status_code == 302
    manager.refresh_from_db()
    assert not manager.is_active
    assert not signs_in("manager", PASSWORDS[0])


def test_a_password_that_is_set_while_an_admin_gives_another_role_counts(admin: User, viewer: User) -> None:
    as_it_was = User.objects.get(pk=viewer.pk)
    viewer.set_password(PASSWORDS[0])
    viewer.save()
    people.change(as_it_was, role=Role.ANALYST, is_active=True, by=admin)
    assert signs_in("viewer", PASSWORDS[0])
    assert people.role_of(User.objects.get(pk=viewer.pk)) == Role.ANALYST
