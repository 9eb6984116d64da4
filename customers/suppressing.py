"""The suppression list: whoever was erased does not come in again, although nothing is known of them any more.

It holds keyed hashes of customer ids and e-mail addresses, and is asked at every import and every write over the API.
"""

import hmac
from collections.abc import Collection, Iterable
from hashlib import sha256
from typing import Any

from django.conf import settings

from customers.models import Suppressed

# By what somebody may be on the list.
KEYS = ("external_id", "email")
REASON = ("suppressed", "This customer asked to be forgotten and must not be saved again.")


def digest(value: str) -> str:
    """What the list holds of an id or an address, whose letters' case does not count."""
    key = sha256(b"customers.suppression:" + settings.SECRET_KEY.encode()).digest()
    return hmac.new(key, value.strip().casefold().encode(), sha256).hexdigest()


def suppress(values: Iterable[str]) -> None:
    """Put ids and addresses on the list."""
    rows = [Suppressed(digest=digest(value)) for value in values if value.strip()]
    Suppressed.objects.bulk_create(rows, ignore_conflicts=True)


def listed() -> frozenset[str]:
    """All that is on the list."""
    return frozenset(Suppressed.objects.values_list("digest", flat=True))


def length() -> int:
    """How much is on the list, which only ever grows."""
    return Suppressed.objects.count()


def found(rows: Iterable[tuple[Any, ...]], known: Collection[str]) -> dict[int, tuple[str, str, str]]:
    """Line → why, of rows whose id or address is known; each row is a line and the values of KEYS it has."""
    return {line: ("", *REASON) for line, *values in rows if any(value and digest(value) in known for value in values)}
