"""The suppression list: whoever was erased does not come in again, although nothing is known of them any more.

It holds keyed hashes of customer ids and e-mail addresses, and is asked at every import and every write over the API.
"""

import hmac
from collections.abc import Collection, Iterable
from typing import Any

from django.utils.translation import gettext_noop

from customers.models import Suppressed
from segmentation_site.access.derived import derived

# By what somebody may be on the list.
KEYS = ("external_id", "email")
REASON = ("suppressed", gettext_noop("This customer asked to be forgotten and must not be saved again."))


def digests(value: str) -> list[str]:
    """What the list holds of an id or an address, whose letters' case does not count.

    First what is written now, then what may have been under older secret keys.
    """
    folded = value.strip().casefold().encode()
    return [hmac.digest(key, folded, "sha256").hex() for key in derived("customers.suppression")]


def is_on(known: Collection[str], value: str) -> bool:
    """Whether an id or an address is on the list, as `listed` gives it."""
    return any(digest in known for digest in digests(value))


def suppress(values: Iterable[str]) -> None:
    """Put ids and addresses on the list."""
    rows = [Suppressed(digest=digests(value)[0]) for value in values if value.strip()]
    Suppressed.objects.bulk_create(rows, ignore_conflicts=True)


def listed() -> frozenset[str]:
    """All that is on the list."""
    return frozenset(Suppressed.objects.values_list("digest", flat=True))


def length() -> int:
    """How much is on the list, which only ever grows."""
    return Suppressed.objects.count()


def found(rows: Iterable[tuple[Any, ...]], known: Collection[str]) -> dict[int, tuple[str, str, str]]:
    """Line → why, of rows whose id or address is known; each row is a line and the values of KEYS it has."""
    return {line: ("", *REASON) for line, *values in rows if any(value and is_on(known, value) for value in values)}
