"""Keys derived from the site's secret key, one for each purpose; and from older secret keys, until they are dropped."""

import hashlib

from django.conf import settings


def derived(purpose: str) -> list[bytes]:
    """The keys for this purpose, 32 bytes each: the one to make things with first, then those that still count."""
    known = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    return [hashlib.sha256(f"{purpose}:{secret}".encode()).digest() for secret in known]
