"""Answers that need not be sent again while nothing has changed."""

import hashlib
from typing import Any

from django.http import HttpResponse
from django.utils.http import parse_etags
from rest_framework.request import Request

from segmentation_site.http.rendering import JSONRenderer


def with_etag(request: Request, data: Any, *, version: int | None = None) -> HttpResponse:
    """The answer with an `ETag` of what it says, or 304 without a body when the caller has just that.

    `version` is the number of what may be changed with `If-Match`: it stands before the digest, a dot between them.
    """
    body = JSONRenderer().render(data)
    digest = hashlib.sha256(body).hexdigest()[:32]
    # Weak: the same answer may be compressed differently on its way.
    tag = f'"{digest}"' if version is None else f'"{version}.{digest}"'
    headers = {"ETag": f"W/{tag}", "Vary": "Accept"}
    known = parse_etags(request.headers.get("If-None-Match", ""))
    if "*" in known or any(one.removeprefix("W/") == tag for one in known):
        return HttpResponse(status=304, headers=headers)
    return HttpResponse(body, content_type=JSONRenderer.media_type, headers=headers)
