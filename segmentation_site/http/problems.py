"""Errors of the API as RFC 9457 problem documents: every one of them is made here."""

import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from http import HTTPStatus
from math import ceil
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.core.signals import got_request_exception
from django.db import InterfaceError, OperationalError
from django.http import Http404, UnreadablePostError
from django.utils.translation import gettext_noop
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.response import Response

from segmentation_site.http.rendering import JSONRenderer
from segmentation_site.jobs.problems import Problem
from segmentation_site.logs import current_request_id

logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
RETRY_SECONDS = 5
QUERY_CANCELED = "57014"

# What Python calls these two depends on its version.
_TITLES = {413: "Request Entity Too Large", 422: "Unprocessable Entity"}

# In a pointer: a slash begins a part of the body's JSON, a question mark a query parameter.
IN_QUERY = "?"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with a request.

    Where, as a JSON pointer into the body or `?name`, a code and a sentence.
    """

    pointer: str
    code: str
    detail: str


class NotFound(Problem):
    code = "not_found"
    sentence = gettext_noop("There is nothing at this address, or you may not see it.")
    http_status = 404


class InvalidRequest(Problem):
    """A request with one or more faults; each is told."""

    code = "invalid_request"
    sentence = "{summary}"

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__(summary=" ".join(fault.detail for fault in self.faults))

    @classmethod
    def at(cls, pointer: str, code: str, detail: str) -> "InvalidRequest":
        """One with a single fault."""
        return cls([Fault(pointer, code, detail)])


def title_of(status: int) -> str:
    """What a status is called, whatever the version of Python."""
    return _TITLES.get(status) or HTTPStatus(status).phrase


def as_problem(error: Exception, context: Mapping[str, Any]) -> Response:
    """The answer to whatever went wrong in a view; what nobody foresaw is logged and answered with 500."""
    request: Request = context["request"]
    # The problem is JSON, whatever the request would have liked to get.
    request.accepted_renderer, request.accepted_media_type = JSONRenderer(), MEDIA_TYPE
    status, code, detail, more, headers = _told(error, context)
    document = {
        "type": f"urn:problem-type:{code}",
        "title": title_of(status),
        "status": status,
        "detail": detail,
        "code": code,
        "request_id": current_request_id.get(),
        **more,
    }
    return Response(document, status=status, headers=headers, content_type=MEDIA_TYPE)


Told = tuple[int, str, str, dict[str, Any], dict[str, str]]


def _told(error: Exception, context: Mapping[str, Any]) -> Told:
    """Status, code, sentence, further members and headers of the problem that an exception stands for."""
    if isinstance(error, Problem):
        return error.http_status, error.code, error.detail, _errors(_faults(error)) | error.members, {}
    if isinstance(error, exceptions.ValidationError):
        faults = list(_walk(error.get_full_details(), ""))
        return 400, InvalidRequest.code, " ".join(fault.detail for fault in faults), _errors(faults), {}
    if isinstance(error, exceptions.APIException):
        return _told_by_framework(error, context["view"])
    if isinstance(error, Http404):
        return _told(NotFound(), context)
    if isinstance(error, PermissionDenied):
        return 403, "permission_denied", str(error) or "You may not do this.", {}, {}
    if isinstance(error, RequestDataTooBig):
        return 413, "too_large", "The body of this request is too large.", {}, {}
    if isinstance(error, SuspiciousOperation | UnreadablePostError):
        return 400, "bad_request", "This request could not be read.", {}, {}
    if isinstance(error, OperationalError | InterfaceError):
        return _told_by_database(error)
    request = context["request"]
    logger.error("%s %s failed", request.method, request.path, exc_info=error)
    got_request_exception.send(sender=None, request=request._request)
    return 500, "internal_error", "Something went wrong that we did not foresee. Tell us the request id.", {}, {}


def _faults(problem: Problem) -> Iterable[Fault]:
    if isinstance(problem, InvalidRequest):
        return problem.faults
    return [Fault(problem.pointer, problem.code, problem.detail)] if problem.pointer else []


def _errors(faults: Iterable[Fault]) -> dict[str, Any]:
    errors = [asdict(fault) for fault in faults]
    return {"errors": errors} if errors else {}


def _told_by_framework(error: exceptions.APIException, view: Any) -> Told:
    headers = {}
    if challenge := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    if (wait := getattr(error, "wait", None)) is not None:
        headers["Retry-After"] = str(ceil(wait))
    code = error.get_codes()
    detail = str(error.detail)
    # Some of the framework's own are no whole sentences.
    sentence = detail if detail.endswith((".", "?", ")")) else f"{detail}."
    told = f"{sentence} {_remedy(error, view)}".strip()
    return error.status_code, code if isinstance(code, str) else error.default_code, told, {}, headers


def _remedy(error: exceptions.APIException, view: Any) -> str:
    """What to send instead, where the framework does not say."""
    if isinstance(error, exceptions.UnsupportedMediaType):
        return f"Send {' or '.join(parser.media_type for parser in view.parser_classes)}."
    if isinstance(error, exceptions.NotAcceptable):
        return f"To be had here: {', '.join(renderer.media_type for renderer in view.renderer_classes)}."
    if isinstance(error, exceptions.MethodNotAllowed):
        return f"To be had here: {', '.join(view.allowed_methods)}."
    return ""


def _told_by_database(error: Exception) -> Told:
    logger.error("The database did not answer: %s", error)
    took_too_long = getattr(error.__cause__, "sqlstate", None) == QUERY_CANCELED
    detail = "This took too long and was stopped." if took_too_long else "The database does not answer right now."
    code = "took_too_long" if took_too_long else "unavailable"
    return 503, code, f"{detail} Try again in a moment.", {}, {"Retry-After": str(RETRY_SECONDS)}


def _walk(details: Any, pointer: str) -> Iterator[Fault]:
    """Faults out of the nested details of a validation error."""
    if isinstance(details, list):
        for place, item in enumerate(details):
            # A list of faults of one field, or of items that each have faults of their own.
            yield from _walk(item, pointer if _is_fault(item) else f"{pointer}/{place}")
    elif _is_fault(details):
        yield Fault(pointer, str(details["code"]), str(details["message"]))
    else:
        for name, item in details.items():
            yield from _walk(item, pointer if name == "non_field_errors" else f"{pointer}/{escaped(name)}")


def _is_fault(details: Any) -> bool:
    return isinstance(details, dict) and set(details) == {"message", "code"}


def escaped(name: object) -> str:
    """A name as a part of a JSON pointer (RFC 6901)."""
    return str(name).replace("~", "~0").replace("/", "~1")
