"""Making, checking, rotating and revoking API keys, and recognising who asks.

`seg_<prefix>_<secret>`: the prefix finds the key, the secret has 256 bits, and the database holds its HMAC-SHA256
under a pepper that is derived from SECRET_KEY. A dump of the database lets nobody in.
"""

import hmac
import re
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_noop
from rest_framework.authentication import BaseAuthentication, SessionAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from segmentation_site.access import audit
from segmentation_site.access.audit import Action
from segmentation_site.access.derived import derived
from segmentation_site.access.models import ApiKey
from segmentation_site.access.scopes import Scope
from segmentation_site.jobs.problems import Problem

_FORM = re.compile(r"^seg_([0-9a-f]{12})_([A-Za-z0-9_-]{43})$")
# A rotated key goes on for so long, so that the tool that holds it can be changed over.
ROTATION_OVERLAP = timedelta(hours=24)
# Noting each call would be a write per request.
LAST_USED_EVERY = timedelta(minutes=1)


class InvalidScope(Problem):
    code = "invalid_scope"
    sentence = gettext_noop("There is no scope {scope}.")
    remedy = gettext_noop("Scopes: {scopes}.")


class InvalidExpiry(Problem):
    code = "invalid_expiry"
    sentence = gettext_noop("A key cannot expire in the past.")
    remedy = gettext_noop("Give a later time, or none.")


class Ended(Problem):
    code = "key_ended"
    sentence = gettext_noop("This key has expired or was revoked.")
    remedy = gettext_noop("Make a new one.")
    http_status = 409


class AlreadyRotated(Problem):
    code = "key_rotated"
    sentence = gettext_noop("This key was rotated already, and ends by itself.")
    remedy = gettext_noop("Rotate the key that took its place.")
    http_status = 409


def create_key(
    name: str, *, scopes: Iterable[str], by: AbstractBaseUser | AnonymousUser | None, expires_at: datetime | None = None
) -> tuple[ApiKey, str]:
    """Make a key; returns it and its secret text, which is never to be had again.

    Raises InvalidScope or InvalidExpiry.
    """
    wanted = sorted(set(scopes))
    known = [scope.value for scope in Scope]
    for scope in wanted:
        if scope not in known:
            raise InvalidScope(scope=scope, scopes=", ".join(known))
    if expires_at is not None and expires_at <= timezone.now():
        raise InvalidExpiry()
    prefix, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    with transaction.atomic():
        key = ApiKey.objects.create(
            name=name,
            prefix=prefix,
            digest=_digests(secret)[0],
            scopes=wanted,
            created_by=by if isinstance(by, User) else None,
            expires_at=expires_at,
        )
        audit.record(Action.KEY_MADE, key.public_id, by=by, name=name, scopes=wanted)
    return key, f"seg_{prefix}_{secret}"


def rotate(key: ApiKey, *, by: User | None) -> tuple[ApiKey, str]:
    """A new key in place of this one, which goes on for 24 hours.

    Raises Ended for a key that lets nobody in, AlreadyRotated for one that has its successor: of two people who rotate
    it at once, or of two clicks, one makes a key that nobody would know of.
    """
    with transaction.atomic():
        held = ApiKey.objects.select_for_update().get(pk=key.pk)
        if not held.is_usable:
            raise Ended()
        if held.revoked_at is not None:
            raise AlreadyRotated()
        fresh, secret = create_key(held.name, scopes=held.scopes, by=by, expires_at=held.expires_at)
        ApiKey.objects.filter(pk=key.pk).update(revoked_at=timezone.now() + ROTATION_OVERLAP)
        audit.record(Action.KEY_ROTATED, key.public_id, by=by, into=fresh.public_id)
    key.refresh_from_db()
    return fresh, secret


def revoke(key: ApiKey) -> None:
    """End a key at once."""
    now = timezone.now()
    if key.revoked_at is None or key.revoked_at > now:
        key.revoked_at = now
        with transaction.atomic():
            key.save(update_fields=["revoked_at"])
            audit.record(Action.KEY_REVOKED, key.public_id, name=key.name)


def find(text: str) -> ApiKey | None:
    """The usable key whose secret text this is; None when it is none.

    The database compares the digests. How long that takes tells nothing of them to whoever does not know the pepper,
    nor whether there is a key with this prefix.
    """
    form = _FORM.match(text)
    if form is None:
        return None
    right = ApiKey.objects.usable().filter(prefix=form[1], digest__in=_digests(form[2]))
    return right.select_related("created_by").first()


def _digests(secret: str) -> list[bytes]:
    """Under the pepper of now, and under those of older secret keys."""
    return [hmac.digest(pepper, secret.encode(), "sha256") for pepper in derived("api key pepper")]


class ApiKeyAuthentication(BaseAuthentication):
    """`Authorization: Bearer seg_…`, in the header only.

    The request acts as whoever made the key, within its scopes.
    """

    def authenticate(self, request: Request) -> tuple[Any, ApiKey] | None:
        kind, _, text = get_authorization_header(request).decode("latin-1").partition(" ")
        if not kind:
            return None
        if kind.lower() != "bearer":
            raise AuthenticationFailed("Send the key as `Authorization: Bearer seg_…`.")
        key = find(text.strip())
        if key is None:
            raise AuthenticationFailed("This key is not valid: it is unknown, expired or revoked.")
        audit.acts_with(request._request, key)
        now = timezone.now()
        if key.last_used_at is None or now - key.last_used_at > LAST_USED_EVERY:
            ApiKey.objects.filter(pk=key.pk).update(last_used_at=now)
        return key.created_by or AnonymousUser(), key

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="api"'


class BrowserSessionAuthentication(SessionAuthentication):
    """A signed-in browser, with CSRF."""
