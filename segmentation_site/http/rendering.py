"""JSON out: fast, times in RFC 3339 and UTC."""

from collections.abc import Mapping
from typing import Any

import orjson
from django.utils.functional import Promise
from rest_framework.renderers import BaseRenderer

_OPTIONS = orjson.OPT_UTC_Z | orjson.OPT_NAIVE_UTC


def _plain(value: Any) -> Any:
    if isinstance(value, Promise):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no JSON")


class JSONRenderer(BaseRenderer):
    """Renders what views return with orjson."""

    media_type = "application/json"
    format = "json"
    charset = None
    render_style = "binary"

    def render(
        self, data: Any, accepted_media_type: str | None = None, renderer_context: Mapping[str, Any] | None = None
    ) -> bytes:
        """UTF-8 JSON; nothing at all for None."""
        return b"" if data is None else orjson.dumps(data, default=_plain, option=_OPTIONS)


class CsvRenderer(BaseRenderer):
    """Lets a client ask for CSV; the view streams it, and its problems are JSON."""

    media_type = "text/csv"
    format = "csv"

    def render(
        self, data: Any, accepted_media_type: str | None = None, renderer_context: Mapping[str, Any] | None = None
    ) -> bytes:
        """Nothing but problems are rendered by the framework here."""
        return JSONRenderer().render(data)


class NdjsonRenderer(CsvRenderer):
    """The same for newline-delimited JSON."""

    media_type = "application/x-ndjson"
    format = "ndjson"
