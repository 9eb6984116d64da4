"""Who works with the site: inviting people, giving roles, letting nobody in any more, second factors.

Nobody's password is ever known to anybody else: who is invited, or has forgotten it, gets a link that lets them set one
once.
"""

from django.contrib.auth.models import Group, User
from django.contrib.auth.tokens import default_token_generator
from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode
from django.utils.translation import gettext_noop
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from segmentation_site.access import audit
from segmentation_site.access.audit import Action
from segmentation_site.access.roles import Role
from segmentation_site.jobs.problems import Problem

RECOVERY_CODES = 10


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
        admins = User.objects.select_for_update().filter(is_active=True, is_superuser=True)
        stays_admin = role == Role.ADMIN and is_active
        if not stays_admin and {admin.pk for admin in admins} == {user.pk}:
            raise LastAdmin(name=user.username)
        user.is_active = is_active
        _give(user, role)
        audit.record(Action.PERSON_CHANGED, user.username, by=by, role=role.value, may_sign_in=is_active)


def _give(user: User, role: Role) -> None:
    user.is_staff = user.is_superuser = role == Role.ADMIN
    user.save()
    user.groups.set([Group.objects.get_or_create(name=role.value)[0]])


def has_second_factor(user: User) -> bool:
    """Whether a password alone does not let them in."""
    return TOTPDevice.objects.devices_for_user(user, confirmed=True).exists()


def begin_second_factor(user: User) -> TOTPDevice:
    """The device that is being added; the same one until it is confirmed."""
    device = TOTPDevice.objects.filter(user=user, confirmed=False).first()
    return device or TOTPDevice.objects.create(user=user, name="authenticator", confirmed=False)


def confirm_second_factor(user: User, code: str) -> list[str] | None:
    """Recovery codes, to be shown once, when the code is the device's own; None when it is not."""
    with transaction.atomic():
        device = TOTPDevice.objects.select_for_update().filter(user=user, confirmed=False).first()
        if device is None or not device.verify_token(code):
            return None
        device.confirmed = True
        device.save(update_fields=["confirmed"])
        StaticDevice.objects.filter(user=user).delete()
        recovery = StaticDevice.objects.create(user=user, name="recovery codes")
        codes = [StaticToken.random_token() for _ in range(RECOVERY_CODES)]
        StaticToken.objects.bulk_create(StaticToken(device=recovery, token=code) for code in codes)
        audit.record(Action.SECOND_FACTOR_ADDED, user.username, by=user)
    return codes


def remove_second_factor(user: User, *, by: User) -> None:
    """A password is enough again."""
    with transaction.atomic():
        TOTPDevice.objects.filter(user=user).delete()
        StaticDevice.objects.filter(user=user).delete()
        audit.record(Action.SECOND_FACTOR_REMOVED, user.username, by=by)


def is_right_code(user: User, code: str) -> bool:
    """Whether this code of their authenticator, or an unused recovery code, is theirs now; tries are slowed down.

    Six digits are tried on the authenticator alone, everything else on the recovery codes alone, so that using one does
    not slow down the other.
    """
    kind = TOTPDevice if code.isdecimal() and len(code) == 6 else StaticDevice
    with transaction.atomic():
        devices = kind.objects.select_for_update().filter(user=user, confirmed=True)
        return any(device.verify_token(code) for device in devices)
