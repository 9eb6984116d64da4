"""Secrets of webhooks, and the signatures that receivers check: Standard Webhooks, https://www.standardwebhooks.com.

A secret is `whsec_` and 32 random bytes in base64. At rest it is encrypted with AES-GCM under a key that HKDF derives
from SECRET_KEY, and bound to its webhook; what was encrypted under one of SECRET_KEY_FALLBACKS is read as well.
"""

import base64
import hashlib
import hmac
import secrets
from contextlib import suppress
from datetime import datetime
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.utils.translation import gettext_noop

from segmentation_site.jobs.problems import Problem
from segmentation_site.webhooks.models import Webhook

PREFIX = "whsec_"
SECRET_BYTES = 32
NONCE_BYTES = 12


class Unreadable(Problem):
    code = "secret_unreadable"
    sentence = gettext_noop("The secret of this webhook cannot be read, because it was made under another SECRET_KEY.")
    remedy = gettext_noop("Rotate the secret, and give the new one to the receiver.")
    http_status = 409


def new_secret() -> str:
    """A secret that nobody knows yet."""
    return PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def seal(secret: str, public_id: str) -> bytes:
    """The secret as the database keeps it."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    return nonce + _cipher(settings.SECRET_KEY).encrypt(nonce, secret.encode(), public_id.encode())


def unseal(sealed: bytes | memoryview, public_id: str) -> str:
    """The secret again. Raises Unreadable when SECRET_KEY was changed, or the row is another's."""
    nonce, encrypted = bytes(sealed[:NONCE_BYTES]), bytes(sealed[NONCE_BYTES:])
    for secret_key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS):
        with suppress(InvalidTag):
            return _cipher(secret_key).decrypt(nonce, encrypted, public_id.encode()).decode()
    raise Unreadable()


def headers(webhook: Webhook, event_id: str, body: bytes, *, at: datetime) -> dict[str, str]:
    """The headers by which the receiver knows that `body` comes from here, signed by each secret that still counts.

    Raises Unreadable.
    """
    sealed = [webhook.sealed_secret]
    if webhook.is_rotating and webhook.sealed_previous is not None:
        sealed.append(webhook.sealed_previous)
    timestamp = str(int(at.timestamp()))
    signed = f"{event_id}.{timestamp}.".encode() + body
    signatures = [_signature(unseal(one, webhook.public_id), signed) for one in sealed]
    return {"webhook-id": event_id, "webhook-timestamp": timestamp, "webhook-signature": " ".join(signatures)}


def _signature(secret: str, signed: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(PREFIX))
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


@lru_cache(maxsize=8)
def _cipher(secret_key: str) -> AESGCM:
    derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"secrets of webhooks").derive(secret_key.encode())
    return AESGCM(derived)
