"""How often a key may call, and how often it has: atomic counters per key and minute, and per key and hour, in Valkey.

Django REST framework's own throttle reads and writes in two steps, so that parallel requests slip through.
"""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from django.conf import settings
from redis import Redis
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

WINDOW_SECONDS = 60
HOUR_SECONDS = 3600
HOURS_COUNTED = 24
COUNT = """
local calls = 0
for number, key in ipairs(KEYS) do
    calls = redis.call('INCR', key)
    if calls == 1 then redis.call('EXPIRE', key, ARGV[number]) end
end
return calls
"""


@dataclass(frozen=True, slots=True)
class Allowance:
    """What is left of a key's calls in this window."""

    limit: int
    calls: int
    resets_in: int

    @property
    def is_exceeded(self) -> bool:
        return self.calls > self.limit

    @property
    def headers(self) -> dict[str, str]:
        """`RateLimit` and `RateLimit-Policy`, after the IETF's draft on rate-limit headers."""
        left = max(0, self.limit - self.calls)
        return {
            "RateLimit-Policy": f'"key";q={self.limit};w={WINDOW_SECONDS}',
            "RateLimit": f'"key";r={left};t={self.resets_in}',
        }


@cache
def _broker() -> Redis:
    return Redis.from_url(settings.REDIS_URL, socket_timeout=1, socket_connect_timeout=1)


def count_call(key_id: str) -> Allowance | None:
    """Count a call of this key. None, and everybody may pass, where nothing is limited or Valkey does not answer."""
    now = int(time.time())
    counters = [_hour(key_id, now // HOUR_SECONDS), f"limit:{key_id}:{now // WINDOW_SECONDS}"]
    kept_seconds = [(HOURS_COUNTED + 1) * HOUR_SECONDS, 2 * WINDOW_SECONDS]
    try:
        calls = int(_broker().eval(COUNT, len(counters), *counters, *kept_seconds))
    except (RedisError, OSError) as error:
        logger.warning("Calls are not counted while the broker is away: %s", error)
        return None
    if not settings.API_CALLS_PER_MINUTE:
        return None
    return Allowance(settings.API_CALLS_PER_MINUTE, calls, WINDOW_SECONDS - now % WINDOW_SECONDS)


def calls_of_last_day(key_ids: Sequence[str]) -> dict[str, int]:
    """How often each key has called in this hour and the 23 before it, refused calls too; empty while Valkey does not
    answer.
    """
    this_hour = int(time.time()) // HOUR_SECONDS
    hours = range(this_hour - HOURS_COUNTED + 1, this_hour + 1)
    if not key_ids:
        return {}
    try:
        found = _broker().mget([_hour(key_id, hour) for key_id in key_ids for hour in hours])
    except (RedisError, OSError) as error:
        logger.warning("Nobody knows how often keys have called while the broker is away: %s", error)
        return {}
    counts = [int(count or 0) for count in found]
    return {
        key_id: sum(counts[place * HOURS_COUNTED : (place + 1) * HOURS_COUNTED]) for place, key_id in enumerate(key_ids)
    }


def _hour(key_id: str, hour: int) -> str:
    return f"calls:{key_id}:{hour}"
