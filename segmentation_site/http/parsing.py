"""JSON in: UTF-8, of limited size, without what no column can keep."""

from collections.abc import Mapping
from typing import IO, Any

import orjson
from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser

from segmentation_site.http.rendering import JSONRenderer


class JSONParser(BaseParser):
    """Parses with orjson, which also refuses NaN, lone surrogates and nesting without end; refuses NUL characters."""

    media_type = JSONRenderer.media_type
    renderer_class = JSONRenderer

    def parse(
        self, stream: IO[bytes], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        """Raises ParseError or RequestDataTooBig."""
        limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        body = stream.read(limit + 1)
        if len(body) > limit:
            raise RequestDataTooBig(f"more than {limit} bytes")
        try:
            parsed = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise ParseError(f"The body is not JSON in UTF-8: {error}.") from error
        if rb"\u0000" in body and _holds_nul(parsed):
            raise ParseError("The body holds a NUL character, which cannot be stored.")
        return parsed


def _holds_nul(parsed: Any) -> bool:
    # A list of what is still to be looked at, because nesting may be deeper than Python's stack.
    left = [parsed]
    while left:
        one = left.pop()
        if isinstance(one, str) and "\0" in one:
            return True
        if isinstance(one, dict):
            left += [*one.keys(), *one.values()]
        elif isinstance(one, list):
            left += one
    return False
