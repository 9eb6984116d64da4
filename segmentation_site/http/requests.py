"""What holds for every request: its id, from its headers to every line that is logged for it, and names that can be."""

import logging
import re
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.template.loader import render_to_string

from segmentation_site.logs import current_request_id

logger = logging.getLogger(__name__)

HEADER = "X-Request-ID"
# Asked every few seconds by whoever watches over the site.
QUIET = ("livez", "readyz", "metrics")
# What a form adds to its file: boundaries, headers, the other fields.
FORM_BYTES = 1024 * 1024
_ACCEPTABLE = re.compile(r"[A-Za-z0-9._-]{8,64}")


class RequestIdMiddleware:
    """Takes a well-formed `X-Request-ID` from a proxy or makes one, and answers with it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.headers.get(HEADER, "")
        request_id = given if _ACCEPTABLE.fullmatch(given) else f"req_{uuid.uuid4().hex}"
        request.request_id = request_id  # type: ignore[attr-defined]
        token = current_request_id.set(request_id)
        started = time.perf_counter()
        try:
            response = self.get_response(request)
            self._log(request, response, 1000 * (time.perf_counter() - started))
        finally:
            current_request_id.reset(token)
        response[HEADER] = request_id
        return response

    def _log(self, request: HttpRequest, response: HttpResponse, milliseconds: float) -> None:
        """One line a request; the route and not the path, which may hold a customer's id."""
        route = request.resolver_match.route if request.resolver_match else None
        if route not in QUIET:
            told = {"method": request.method, "route": route, "status": response.status_code}
            logger.info("request", extra=told | {"milliseconds": round(milliseconds, 1)})


def announced_bytes(request: HttpRequest) -> int:
    """How long the body of a request is going to be, by its own word; 0 where it says nothing that is a number."""
    announced = request.META.get("CONTENT_LENGTH") or "0"
    return int(announced) if announced.isdecimal() else 0


class BodyLimitMiddleware:
    """Refuses a form that announces more than can be taken, before any of it is read.

    The token against forged forms stands in the form, so that looking for it takes in the files, whoever sends them:
    only who is signed in may send one. What announces nothing is taken for empty. The API reads no form of nobody's.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        announced = announced_bytes(request)
        if not request.path.startswith("/api/") and announced > FORM_BYTES:
            most = FORM_BYTES + (settings.IMPORT_MAX_BYTES if request.user.is_authenticated else 0)
            if announced > most:
                return HttpResponse(render_to_string("413.html", {"limit": most}), status=413)
        return self.get_response(request)


class StorableNamesMiddleware:
    """Shows that there is nothing where an address names something with a NUL, which PostgreSQL cannot be asked for.

    The API says so itself, in its own form; our own pages leave it out of what they are asked for, which the admin's
    filters do not.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: object, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        """Raises Http404."""
        if request.path.startswith("/api/"):
            return
        named = [str(name) for name in kwargs.values()]
        if request.path.startswith("/admin/"):
            named += [value for values in request.GET.lists() for value in (values[0], *values[1])]
        if any("\0" in name for name in named):
            raise Http404
