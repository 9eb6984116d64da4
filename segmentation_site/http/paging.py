"""Lists a page at a time, by key: every page costs the same, and nothing is skipped or repeated while rows come in."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from django.core.signing import BadSignature, Signer
from django.db.models import Model, QuerySet
from django.utils.translation import gettext_noop
from rest_framework.request import Request

from segmentation_site.http.parameters import Parameter, whole
from segmentation_site.http.problems import IN_QUERY
from segmentation_site.jobs.problems import Problem

M = TypeVar("M", bound=Model)
T = TypeVar("T")

PAGE_SIZE = 100
LARGEST_PAGE = 1000
CURSOR = "cursor"
LONGEST_CURSOR = 500
# What signed objects are written with.
_CURSOR = re.compile("[A-Za-z0-9._-]+")


class InvalidCursor(Problem):
    code = "invalid_cursor"
    sentence = gettext_noop("This cursor does not come from this list.")
    remedy = gettext_noop("Follow the address in `next` as it is, or leave the cursor out to begin anew.")


def _text_of_cursor(text: str) -> str:
    if not 0 < len(text) <= LONGEST_CURSOR or not _CURSOR.fullmatch(text):
        raise ValueError("Take it from `next` of the page before.")
    return text


PAGING = (
    whole("page_size", "How many results a page has at most.", least=1, most=LARGEST_PAGE, default=PAGE_SIZE),
    Parameter(
        CURSOR,
        "Where the page before ended; opaque, taken from its `next`.",
        _text_of_cursor,
        {"type": "string", "minLength": 1, "maxLength": LONGEST_CURSOR, "pattern": f"^{_CURSOR.pattern}$"},
    ),
)


@dataclass(frozen=True, slots=True)
class Asked:
    """The page that a request asks for: at most `size` results after `after`, which is None for the first page."""

    size: int
    after: Any


@dataclass(frozen=True, slots=True)
class Page:
    """Results, and what the next page comes after; None on the last page. `after` is anything that JSON can hold."""

    results: Sequence[Any]
    after: Any


def _signer(request: Request) -> Signer:
    # The salt binds a cursor to its list: one of another list would ask for rows that have nothing to do with it.
    return Signer(salt=f"cursor:{request.path}", sep=".")


def asked(request: Request, query: dict[str, Any]) -> Asked:
    """What the query asks for. Raises InvalidCursor for a cursor that this list did not give."""
    cursor = query[CURSOR]
    if cursor is None:
        return Asked(query["page_size"], None)
    try:
        return Asked(query["page_size"], _signer(request).unsign_object(cursor))
    except (BadSignature, ValueError) as error:
        raise InvalidCursor(pointer=IN_QUERY + CURSOR) from error


def answer(request: Request, page: Page) -> dict[str, Any]:
    """The page as JSON, `next` being the whole address of the next page or null."""
    following = None
    if page.after is not None:
        query = request.query_params.copy()
        query[CURSOR] = _signer(request).sign_object(page.after)
        following = request.build_absolute_uri(f"{request.path}?{query.urlencode()}")
    return {"results": page.results, "next": following}


def newest_first(found: QuerySet[M], wanted: Asked) -> tuple[list[M], Any]:
    """The rows of a page, the newest first, and what the next one comes after."""
    found = found.order_by("-pk")
    if wanted.after is not None:
        found = found.filter(pk__lt=wanted.after)
    rows = list(found[: wanted.size + 1])
    return rows[: wanted.size], rows[wanted.size - 1].pk if len(rows) > wanted.size else None


def in_order(items: Sequence[T], wanted: Asked) -> tuple[Sequence[T], Any]:
    """A page of a short list that is at hand as a whole."""
    start = wanted.after or 0
    end = start + wanted.size
    return items[start:end], end if end < len(items) else None
