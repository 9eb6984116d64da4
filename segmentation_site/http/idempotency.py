"""Requests that start work are carried out once, however often a tool sends them again.

The answer is saved in the transaction of the work, under a lock on the key that ends with it: whoever sends the same
key meanwhile is told to wait, and gets the first answer afterwards. When the work fails nothing of it is kept, and the
next request with the key is carried out.
"""

import hashlib
from collections.abc import Callable, Iterable
from datetime import timedelta
from functools import wraps
from typing import Any

import orjson
from django.core.files.uploadedfile import UploadedFile
from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext_noop
from rest_framework.request import Request
from rest_framework.response import Response

from segmentation_site.http.models import IdempotentAnswer
from segmentation_site.http.problems import InvalidRequest
from segmentation_site.http.rendering import JSONRenderer
from segmentation_site.jobs.problems import Problem

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
KEPT = timedelta(hours=24)
LONGEST = 255

Handler = Callable[..., Response]


class OtherBody(Problem):
    code = "idempotency_key_reused"
    sentence = gettext_noop("This idempotency key was used before with another request.")
    remedy = gettext_noop("Make a new key for each piece of work.")
    http_status = 422


class InFlight(Problem):
    code = "idempotency_key_in_flight"
    sentence = gettext_noop("A request with this idempotency key is being carried out right now.")
    remedy = gettext_noop("Send it again in a moment to get its answer.")
    http_status = 409


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
            _lock(owner, key)
            answers = IdempotentAnswer.objects.filter(owner=owner, key=key)
            if before := answers.filter(created_at__gt=timezone.now() - KEPT).first():
                return _replay(before, fingerprint)
            response = handler(view, request, *args, **kwargs)
            answers.delete()
            IdempotentAnswer.objects.create(
                owner=owner,
                key=key,
                fingerprint=fingerprint,
                status=response.status_code,
                location=response.headers.get("Location", ""),
                body=JSONRenderer().render(response.data),
            )
        # After the work is safe, so that no work waits while another request tidies up.
        IdempotentAnswer.objects.filter(created_at__lte=timezone.now() - KEPT).delete()
        return response

    return once


def forget(values: Iterable[str]) -> None:
    """Delete the answers in which one of these values stands, as in the name of a file, in capitals or not: a tool that
    asks again is answered anew.
    """
    for value in values:
        IdempotentAnswer.objects.extra(
            where=["position(%s in lower(convert_from(body, 'UTF8'))) > 0"],
            params=[orjson.dumps(value.strip().lower())[1:-1].decode()],
        ).delete()


def _lock(owner: str, key: str) -> None:
    """Hold the key until the transaction ends. Raises InFlight when another request holds it."""
    digest = hashlib.sha256(f"idempotency {owner}\0{key}".encode()).digest()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [int.from_bytes(digest[:8], signed=True)])
        if cursor.fetchone() != (True,):
            raise InFlight()


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
        try:
            digest.update(orjson.dumps(request.data, option=orjson.OPT_SORT_KEYS))
        except orjson.JSONEncodeError as error:
            raise InvalidRequest.at("", "too_deep", f"The body cannot be compared: {error}.") from error
    return digest.hexdigest()


def _digest_of_file(file: UploadedFile) -> bytes:
    digest = hashlib.sha256(f"{file.name}\0".encode())
    for chunk in file.chunks():
        digest.update(chunk)
    file.seek(0)
    return digest.digest()
