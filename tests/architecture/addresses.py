"""Every address of the site, walked out of the resolver."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver

# One thing that each kind of argument can be; it need not exist.
EXAMPLES = {"int": "1", "str": "x_1", "slug": "none", "path": "none", "uuid": "00000000-0000-0000-0000-000000000000"}
_ARGUMENT = re.compile(r"<(?:(\w+):)?(\w+)>")


@dataclass(frozen=True, slots=True)
class Address:
    """One pattern of the resolver with the view behind it."""

    route: str
    view: Callable[..., Any]
    name: str
    namespace: str

    @property
    def has_arguments(self) -> bool:
        return "<" in self.route or "(" in self.route

    @property
    def example(self) -> str:
        """A path that reaches the view."""
        filled = _ARGUMENT.sub(lambda found: EXAMPLES[found[1] or "str"], self.route)
        filled = re.sub(r"\(\?P<\w+>.*\)", "none", filled)
        return "/" + filled.replace("^", "").replace("$", "")

    @property
    def view_class(self) -> type | None:
        return getattr(self.view, "cls", None) or getattr(self.view, "view_class", None)

    def __str__(self) -> str:
        return f"/{self.route}"


def addresses() -> list[Address]:
    """All of them, in the order in which they are tried."""

    def walk(patterns: list[Any], before: str, namespace: str) -> Iterator[Address]:
        for pattern in patterns:
            route = before + str(pattern.pattern)
            if isinstance(pattern, URLResolver):
                yield from walk(pattern.url_patterns, route, pattern.namespace or namespace)
            elif isinstance(pattern, URLPattern):
                yield Address(route, pattern.callback, pattern.name or "", namespace)

    return list(walk(get_resolver().url_patterns, "", ""))


def pages() -> list[Address]:
    """The pages that people with some role may see."""
    return [address for address in addresses() if hasattr(address.view, "required_deed")]


def endpoints() -> list[Address]:
    """The addresses of the API that programs call."""
    return [address for address in addresses() if address.route.startswith("api/v1")]


def admin_pages() -> list[Address]:
    """The pages of the admin."""
    return [address for address in addresses() if address.namespace == "admin"]
