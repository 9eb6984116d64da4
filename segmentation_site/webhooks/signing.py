"""Secrets of webhooks, and the signatures that receivers check: Standard Webhooks, https://www.standardwebhooks.com.

A secret is `whsec_` and 32 random bytes in base64. At rest it is sealed, and bound to its webhook.
"""

import base64
import hashlib
import hmac
import secrets
from datetime import datetime

from django.utils.translation import gettext_noop

from segmentation_site.access import sealing
from segmentation_site.jobs.problems import Problem
from segmentation_site.webhooks.models import Webhook

PREFIX = "whsec_"
SECRET_BYTES = 32
PURPOSE = "secrets of webhooks"


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
    return sealing.seal(secret.encode(), purpose=PURPOSE, owner=public_id)


def unseal(sealed: bytes | memoryview, public_id: str) -> str:
    """The secret again. Raises Unreadable when SECRET_KEY was changed, or the row is another's."""
    try:
        return sealing.unseal(bytes(sealed), purpose=PURPOSE, owner=public_id).decode()
    except sealing.Unsealable as error:
        raise Unreadable() from error


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
