"""Long answers, packed on their way for whoever asks for it."""

import re
import zlib
from collections.abc import Iterator
from contextlib import closing

from rest_framework.request import Request

# Of members as CSV level 1 leaves 12 % at 300 MB/s, level 6 leaves 9 % at 115 MB/s.
LEVEL = 1
_GZIP = 16 + zlib.MAX_WBITS
_WANTED = re.compile(r"\s*(?:x-)?gzip\s*(?:;\s*q=(?P<quality>[0-9.]+)\s*)?", re.IGNORECASE)


def wants_gzip(request: Request) -> bool:
    """Whether the `Accept-Encoding` names gzip, and not only to rule it out."""
    named = (_WANTED.fullmatch(one) for one in request.headers.get("Accept-Encoding", "").split(","))
    return any(float((one["quality"] or "1").strip(".") or 0) > 0 for one in named if one)


def packed(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The chunks as gzip; nothing of them is kept."""
    packer = zlib.compressobj(LEVEL, zlib.DEFLATED, _GZIP)
    with closing(chunks):  # type: ignore[type-var]
        for chunk in chunks:
            if some := packer.compress(chunk):
                yield some
    yield packer.flush()
