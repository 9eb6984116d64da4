"""Secrets that must be read again, encrypted at rest: a dump of the database alone tells none of them.

AES-GCM under a key that HKDF derives from SECRET_KEY, one for each purpose, and bound to the row that it belongs to.
What was sealed under one of SECRET_KEY_FALLBACKS is read as well.
"""

import secrets
from contextlib import suppress
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

NONCE_BYTES = 12


class Unsealable(ValueError):
    """It was sealed under another SECRET_KEY, for another purpose or for another row, or was changed."""


def seal(secret: bytes, *, purpose: str, owner: str) -> bytes:
    """The secret as the database keeps it: 28 bytes longer."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    return nonce + _cipher(settings.SECRET_KEY, purpose).encrypt(nonce, secret, owner.encode())


def unseal(sealed: bytes, *, purpose: str, owner: str) -> bytes:
    """The secret again. Raises Unsealable."""
    nonce, encrypted = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
    for secret_key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS):
        # A nonce that is too short is a ValueError of its own.
        with suppress(InvalidTag, ValueError):
            return _cipher(secret_key, purpose).decrypt(nonce, encrypted, owner.encode())
    raise Unsealable(f"sealed under another key: {purpose} of {owner}")


@lru_cache(maxsize=16)
def _cipher(secret_key: str, purpose: str) -> AESGCM:
    derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=purpose.encode()).derive(secret_key.encode())
    return AESGCM(derived)
