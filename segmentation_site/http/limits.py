"""How often a key may call: one atomic counter per key and minute in Valkey.

Django REST framework's own throttle reads and writes in two steps, so that parallel requests slip through.
"""

import logging
import time
from dataclasses import dataclass
from functools import cache

from django.conf import settings
from redis import Redis
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

WINDOW_SECONDS = 60
COUNT = """
local calls = redis.call('INCR', KEYS[1])
if calls == 1 then redis.call('EXPIRE', KEYS[1], ARGV[1]) end
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
    if not settings.API_CALLS_PER_MINUTE:
        return None
    now = int(time.time())
    window = now // WINDOW_SECONDS
    try:
        calls = int(_broker().eval(COUNT, 1, f"limit:{key_id}:{window}", 2 * WINDOW_SECONDS))
    except (RedisError, OSError) as error:
        logger.warning("Calls are not counted while the broker is away: %s", error)
        return None
    return Allowance(settings.API_CALLS_PER_MINUTE, calls, WINDOW_SECONDS - now % WINDOW_SECONDS)
