"""Who works with the site: inviting people, giving roles, letting nobody in any more, deleting them.

Nobody's password is ever known to anybody else: who is invited, or has forgotten it, gets a link that lets them set one
once.
"""

from axes.models import AccessAttempt, AccessLog
from django.contrib.auth.models import Group, User
from django.contrib.auth.tokens import default_token_generator
from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode
from django.utils.translation import gettext_noop

from segmentation_site.access import audit
from segmentation_site.access.audit import Action
from segmentation_site.access.models import ApiKey
from segmentation_site.access.roles import Role
from segmentation_site.jobs.problems import Problem


class NameTaken(Problem):
    code = "name_taken"
    sentence = gettext_noop("There is somebody called {name} already.")
    remedy = gettext_noop("Give another user name.")
    http_status = 409


class LastAdmin(Problem):
    code = "last_admin"
    sentence = gettext_noop("{name} is the only admin who can sign in.")
    remedy = gettext_noop("Make somebody else an admin first.")
    http_status = 409


class StillComesIn(Problem):
    code = "person_active"
    sentence = gettext_noop("{name} may still sign in.")
    remedy = gettext_noop("Take that away first, then delete.")
    http_status = 409


def role_of(user: User) -> Role | None:
    """The highest of their roles; None without any."""
    if user.is_superuser:
        return Role.ADMIN
    names = {group.name for group in user.groups.all()}
    return next((role for role in reversed(Role) if role.value in names), None)


def invite(username: str, *, email: str, role: Role, by: User) -> User:
    """Somebody who cannot sign in before they have set a password by their link. Raises NameTaken."""
    try:
        with transaction.atomic():
            user = User.objects.create_user(username, email)
            _give(user, role)
            audit.record(Action.PERSON_INVITED, username, by=by, role=role.value)
    except IntegrityError as error:
        raise NameTaken(name=username) from error
    return user


def link_for(user: User) -> str:
    """The path at which this person sets a password; it works once, and for three days."""
    uid = urlsafe_base64_encode(force_bytes(user.pk))
    return reverse("invitation", args=(uid, default_token_generator.make_token(user)))


def change(user: User, *, role: Role, is_active: bool, by: User) -> None:
    """Give another role, or let in no longer; whoever is not let in is signed out at once. Raises LastAdmin."""
    with transaction.atomic():
        admins = User.objects.select_for_update().filter(is_active=True, is_superuser=True).order_by("pk")
        stays_admin = role == Role.ADMIN and is_active
        if not stays_admin and {admin.pk for admin in admins} == {user.pk}:
            raise LastAdmin(name=user.username)
        held = hold(user)
        held.is_active = is_active
        _give(held, role)
        audit.record(Action.PERSON_CHANGED, held.username, by=by, role=role.value, may_sign_in=is_active)


def hold(user: User) -> User:
    """The person as they are now, held until the transaction ends: nobody writes over what another has changed."""
    return User.objects.select_for_update().get(pk=user.pk)


def usable_keys_of(user: User) -> int:
    """How many API keys that this person made let programs in: they go on when the person does not."""
    return ApiKey.objects.usable().filter(created_by=user).count()


def _give(user: User, role: Role) -> None:
    user.is_staff = user.is_superuser = role == Role.ADMIN
    user.save()
    user.groups.set([Group.objects.get_or_create(name=role.value)[0]])


def delete(user: User, *, by: User) -> None:
    """Delete somebody who may not sign in any more, or never has; what they did stays on record under their name.

    API keys, webhooks, runs and imports of theirs stay, as nobody's. Raises StillComesIn.
    """
    with transaction.atomic():
        held = hold(user)
        if held.is_active and held.has_usable_password():
            raise StillComesIn(name=held.username)
        audit.record(Action.PERSON_DELETED, held.username, by=by)
        # What the lock-out knows of them is by name.
        AccessAttempt.objects.filter(username=held.username).delete()
        AccessLog.objects.filter(username=held.username).delete()
        held.delete()
