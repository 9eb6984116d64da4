"""Answers that need not be sent again while nothing has changed."""

import hashlib
from typing import Any

from django.utils.http import parse_etags
from rest_framework.request import Request
from rest_framework.response import Response

from segmentation_site.http.rendering import JSONRenderer


def with_etag(request: Request, data: Any) -> Response:
    """The answer with an `ETag` of what it says, or 304 without a body when the caller has just that."""
    digest = hashlib.sha256(JSONRenderer().render(data)).hexdigest()[:32]
    # Weak: the same answer may be compressed differently on its way.
    etag = f'W/"{digest}"'
    known = parse_etags(request.headers.get("If-None-Match", ""))
    is_known = "*" in known or any(one.removeprefix("W/") == f'"{digest}"' for one in known)
    headers = {"ETag": etag, "Vary": "Accept"}
    return Response(status=304, headers=headers) if is_known else Response(data, headers=headers)
