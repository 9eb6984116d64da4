"""Lists on pages, newest first: a page of them at a time, by key, with all their state in the URL."""

from dataclasses import dataclass
from typing import Generic, TypeVar

from django.db.models import Model, QuerySet
from django.http import HttpRequest

M = TypeVar("M", bound=Model)

PAGE_SIZE = 50
AFTER = "after"
LONGEST = 200


def asked(request: HttpRequest, name: str) -> str:
    """What the URL says for a search or filter, as text that PostgreSQL takes: trimmed, no NUL, not too long."""
    return request.GET.get(name, "").replace("\x00", "").strip()[:LONGEST]


@dataclass(frozen=True, slots=True)
class ListPage(Generic[M]):
    """Rows to show, and links to the first and the next page ("" where there is none) that keep search and filters."""

    rows: list[M]
    first_url: str
    next_url: str


def newest_first(request: HttpRequest, found: QuerySet[M], size: int = PAGE_SIZE) -> ListPage[M]:
    """The page of `found` that the request's `after` asks for; a nonsensical `after` shows the first page.

    By key, so that the hundredth page costs what the first does and nothing is shown twice while new rows come in.
    """
    after = request.GET.get(AFTER, "")
    is_further = after.isdecimal() and len(after) < 19
    found = found.order_by("-pk")
    if is_further:
        found = found.filter(pk__lt=int(after))
    rows = list(found[: size + 1])
    query = request.GET.copy()
    query.pop(AFTER, None)
    first_url = f"?{query.urlencode()}" if is_further else ""
    next_url = ""
    if len(rows) > size:
        query[AFTER] = str(rows[size - 1].pk)
        next_url = f"?{query.urlencode()}"
    return ListPage(rows[:size], first_url, next_url)
