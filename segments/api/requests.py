"""What a request says, read strictly: which thing it names, what its body holds, who asks, what it has seen before."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import orjson
from django.contrib.auth.models import User
from django.db.models import Model, QuerySet
from django.http import HttpResponseBase
from django.utils.cache import get_conditional_response
from rest_framework.request import Request
from rest_framework.response import Response

from segmentation_site.access.views import json_object
from segmentation_site.http.problems import Fault, InvalidRequest, NotFound, escaped

M = TypeVar("M", bound=Model)


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of JSON value, and how people call it."""

    type: type
    words: str


TEXT = Kind(str, "a text")
TRUTH = Kind(bool, "true or false")
OBJECT = Kind(dict, "an object")


def find(rows: QuerySet[M], **names: str) -> M:
    """The row that the address names. Raises NotFound, also for what could not be a name of anything."""
    if any("\0" in name for name in names.values()):
        raise NotFound()
    row = rows.filter(**names).first()
    if row is None:
        raise NotFound()
    return row


def read_body(request: Request, fields: Mapping[str, Kind], *, required: Sequence[str] = ()) -> dict[str, Any]:
    """The fields that the body gives. Raises InvalidRequest with every fault that it has.

    fields     what may be given, each with the kind of its value
    required   what must be
    """
    body = json_object(request)
    known = ", ".join(fields) or "none"
    faults = [
        Fault(f"/{escaped(name)}", "unknown_field", f"There is no field {name!r} here. Known: {known}.")
        for name in body
        if name not in fields
    ]
    faults += [
        Fault(f"/{name}", "invalid_type", f"{name} must be {kind.words}.")
        for name, kind in fields.items()
        if name in body and not isinstance(body[name], kind.type)
    ]
    faults += [Fault(f"/{name}", "required", f"Give {name}.") for name in required if name not in body]
    if faults:
        raise InvalidRequest(faults)
    return dict(body)


def asked_by(request: Request) -> User | None:
    """The person who asks, or who made the key that asks; None when nobody is known for it."""
    return request.user if isinstance(request.user, User) else None


def unless_seen(request: Request, answer: Any) -> HttpResponseBase:
    """The answer with its ETag, or 304 where `If-None-Match` says that the caller has this very answer."""
    digest = hashlib.sha256(orjson.dumps(answer, option=orjson.OPT_UTC_Z)).hexdigest()
    etag = f'"{digest[:32]}"'
    response = Response(answer, headers={"ETag": etag})
    return get_conditional_response(request._request, etag=etag, response=response) or response
