"""Requests that start work are carried out once, however often a tool sends them again.

The key's row is inserted in the transaction of the work: a second request with the same key waits at the unique index
until the first has committed, and then gets its answer; when the first fails, nothing of it is kept and the second one
is carried out.
"""

import hashlib
from collections.abc import Callable
from functools import wraps
from typing import Any

import orjson
from django.core.files.uploadedfile import UploadedFile
from django.db import connection, transaction
from rest_framework.request import Request
from rest_framework.response import Response

from segmentation_site.http.models import IdempotentAnswer
from segmentation_site.http.problems import InvalidRequest
from segmentation_site.http.rendering import JSONRenderer
from segmentation_site.jobs.problems import Problem

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
KEPT_HOURS = 24
LONGEST = 255

Handler = Callable[..., Response]


class OtherBody(Problem):
    code = "idempotency_key_reused"
    sentence = "This idempotency key was used before with another request."
    remedy = "Make a new key for each piece of work."
    http_status = 422


def idempotent(handler: Handler) -> Handler:
    """A view's method that honours `Idempotency-Key`. The view's class gives `owner_of(request)`."""

    @wraps(handler)
    def once(view: Any, request: Request, *args: Any, **kwargs: Any) -> Response:
        key = request.headers.get(HEADER)
        if key is None:
            return handler(view, request, *args, **kwargs)
        if not 1 <= len(key) <= LONGEST or not key.isascii() or not key.isprintable():
            raise InvalidRequest.at(
                HEADER, "invalid_header", f"{HEADER} takes 1 to {LONGEST} printable ASCII characters."
            )
        owner, fingerprint = view.owner_of(request), _fingerprint(request)
        with transaction.atomic():
            if (before := _insert(owner, key, fingerprint)) is not None:
                return _replay(before, fingerprint)
            response = handler(view, request, *args, **kwargs)
            IdempotentAnswer.objects.filter(owner=owner, key=key).update(
                status=response.status_code,
                location=response.headers.get("Location", ""),
                body=JSONRenderer().render(response.data),
            )
        return response

    return once


def _insert(owner: str, key: str, fingerprint: str) -> IdempotentAnswer | None:
    """Reserve the key; the answer that it was given before, when it was. Waits for a request that is under way."""
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM http_idempotentanswer WHERE created_at < now() - make_interval(hours => %s)", [KEPT_HOURS]
        )
        cursor.execute(
            "INSERT INTO http_idempotentanswer (owner, key, fingerprint, location, body) VALUES (%s, %s, %s, '', '')"
            " ON CONFLICT DO NOTHING",
            [owner, key, fingerprint],
        )
        if cursor.rowcount:
            return None
    return IdempotentAnswer.objects.get(owner=owner, key=key)


def _replay(before: IdempotentAnswer, fingerprint: str) -> Response:
    if before.fingerprint != fingerprint:
        raise OtherBody()
    headers = {REPLAYED: "true"} | ({"Location": before.location} if before.location else {})
    return Response(orjson.loads(bytes(before.body) or b"null"), status=before.status, headers=headers)


def _fingerprint(request: Request) -> str:
    """Of what is asked, and of what comes along, whatever the boundaries and orders that a client chose for it."""
    digest = hashlib.sha256(f"{request.method} {request.get_full_path()}\0".encode())
    if isinstance(request.data, dict) and hasattr(request.data, "lists"):
        for name, values in sorted(request.data.lists()):
            for value in values:
                digest.update(f"{name}\0".encode())
                digest.update(_digest_of_file(value) if isinstance(value, UploadedFile) else f"{value}\0".encode())
    else:
        digest.update(orjson.dumps(request.data, option=orjson.OPT_SORT_KEYS))
    return digest.hexdigest()


def _digest_of_file(file: UploadedFile) -> bytes:
    digest = hashlib.sha256(f"{file.name}\0".encode())
    for chunk in file.chunks():
        digest.update(chunk)
    file.seek(0)
    return digest.digest()
