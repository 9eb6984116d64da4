"""Second factors: an authenticator app, and recovery codes for whoever has lost it.

A dump of the database lets nobody past them: the app's key is sealed, and recovery codes are kept as keyed hashes.
"""

import base64
import hmac
import logging

from django.contrib.auth.models import User
from django.db import transaction
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken

from segmentation_site.access import audit, sealing
from segmentation_site.access.audit import Action
from segmentation_site.access.derived import derived
from segmentation_site.access.models import Authenticator

logger = logging.getLogger(__name__)

RECOVERY_CODES = 10
# As long as the column of codes allows: 80 bits.
_DIGEST_LETTERS = 16


def is_on(user: User) -> bool:
    """Whether a password alone does not let them in."""
    return Authenticator.objects.devices_for_user(user, confirmed=True).exists()


def begin(user: User) -> Authenticator:
    """The device that is being added; the same one until it is confirmed, or can no longer be read."""
    waiting = Authenticator.objects.filter(user=user, confirmed=False)
    device = waiting.first()
    if device is not None and device.is_readable:
        return device
    waiting.delete()
    return Authenticator.new(user)


def confirm(user: User, code: str) -> list[str] | None:
    """Recovery codes, to be shown once, when the code is the device's own; None when it is not."""
    with transaction.atomic():
        device = Authenticator.objects.select_for_update().filter(user=user, confirmed=False).first()
        if device is None or not device.is_readable or not device.verify_token(code):
            return None
        device.confirmed = True
        device.save(update_fields=["confirmed"])
        StaticDevice.objects.filter(user=user).delete()
        recovery = StaticDevice.objects.create(user=user, name="recovery codes")
        codes = [StaticToken.random_token() for _ in range(RECOVERY_CODES)]
        StaticToken.objects.bulk_create(StaticToken(device=recovery, token=digests(user.pk, one)[0]) for one in codes)
        audit.record(Action.SECOND_FACTOR_ADDED, user.username, by=user)
    return codes


def remove(user: User, *, by: User) -> None:
    """A password is enough again."""
    with transaction.atomic():
        Authenticator.objects.filter(user=user).delete()
        StaticDevice.objects.filter(user=user).delete()
        audit.record(Action.SECOND_FACTOR_REMOVED, user.username, by=by)


def is_right_code(user: User, code: str) -> bool:
    """Whether this code of their authenticator, or an unused recovery code, is theirs now; tries are slowed down.

    Six digits are tried on the authenticator alone, everything else on the recovery codes alone, so that using one does
    not slow down the other.
    """
    with transaction.atomic():
        if code.isdecimal() and len(code) == 6:
            devices = Authenticator.objects.select_for_update().filter(user=user, confirmed=True)
            return any(_is_shown_by(device, code) for device in devices)
        recovery = StaticDevice.objects.select_for_update().filter(user=user, confirmed=True).first()
        return recovery is not None and recovery.verify_token(_kept_as(recovery, code))


def _is_shown_by(device: Authenticator, code: str) -> bool:
    try:
        return bool(device.verify_token(code))
    except sealing.Unsealable:
        logger.error("The second factor of person %s was sealed under another SECRET_KEY.", device.user_id)
        return False


def _kept_as(recovery: StaticDevice, code: str) -> str:
    """The hash under which the device keeps this code, if it does."""
    possible = digests(recovery.user_id, code)
    kept = set(recovery.token_set.filter(token__in=possible).values_list("token", flat=True))
    return next((one for one in possible if one in kept), possible[0])


def digests(user_pk: int, code: str) -> list[str]:
    """What is kept of a recovery code: as it is written now, then as it was under older secret keys."""
    said = f"{user_pk}:{code.strip().lower()}".encode()
    hashed = [hmac.digest(key, said, "sha256") for key in derived("recovery codes")]
    return [base64.b32encode(one).decode().lower()[:_DIGEST_LETTERS] for one in hashed]
