"""What people may do, and which role may do it. Deny by default: a page without a deed is shown to nobody.

Roles are Django groups made by a migration. A role may do all that the roles before it may.
"""

from collections.abc import Callable
from enum import StrEnum
from functools import wraps
from typing import Any, ParamSpec
from urllib.parse import urlsplit

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import add_never_cache_headers
from django.utils.translation import gettext_noop

P = ParamSpec("P")


class Role(StrEnum):
    """The roles, from the one that may least to the one that may most."""

    VIEWER = "viewer"
    ANALYST = "analyst"
    MANAGER = "manager"
    ADMIN = "admin"


class Deed(StrEnum):
    """What a page or an action lets somebody do."""

    SEE_SEGMENTS = gettext_noop("see segments")
    SEE_CUSTOMERS = gettext_noop("see customers")
    IMPORT = gettext_noop("import")
    SEGMENT = gettext_noop("segment")
    PUBLISH = gettext_noop("publish")
    EXPORT = gettext_noop("export")
    ADMINISTER = gettext_noop("administer")


FIRST_ROLE: dict[Deed, Role] = {
    Deed.SEE_SEGMENTS: Role.VIEWER,
    Deed.SEE_CUSTOMERS: Role.ANALYST,
    Deed.IMPORT: Role.ANALYST,
    Deed.SEGMENT: Role.ANALYST,
    Deed.PUBLISH: Role.MANAGER,
    Deed.EXPORT: Role.MANAGER,
    Deed.ADMINISTER: Role.ADMIN,
}


def deeds_of(user: AbstractBaseUser | AnonymousUser) -> frozenset[Deed]:
    """All that this user may do, by the groups they are in; asked once per request."""
    if not user.is_authenticated or not user.is_active:
        return frozenset()
    cached: frozenset[Deed] | None = getattr(user, "_deeds", None)
    if cached is None:
        order = list(Role)
        if getattr(user, "is_superuser", False):
            highest = len(order) - 1
        else:
            names = set(user.groups.values_list("name", flat=True))  # type: ignore[attr-defined]
            highest = max((order.index(role) for role in order if role.value in names), default=-1)
        cached = frozenset(deed for deed, role in FIRST_ROLE.items() if order.index(role) <= highest)
        user._deeds = cached  # type: ignore[attr-defined]
    return cached


def may(user: AbstractBaseUser | AnonymousUser, deed: Deed) -> bool:
    """Whether this user may do this."""
    return deed in deeds_of(user)


def requires(deed: Deed) -> Callable[[Callable[P, HttpResponseBase]], Callable[P, HttpResponseBase]]:
    """Let a page be seen only by who may do `deed`: others sign in, or are told that their role does not allow it."""

    def decorate(view: Callable[P, HttpResponseBase]) -> Callable[P, HttpResponseBase]:
        @wraps(view)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            request: HttpRequest = next(arg for arg in args if isinstance(arg, HttpRequest))
            if not request.user.is_authenticated:
                return _to_sign_in(request)
            if not may(request.user, deed):
                raise PermissionDenied(
                    gettext_noop("Your role does not allow you to {deed}. Ask an admin for another role.").format(
                        deed=deed
                    )
                )
            response = view(*args, **kwargs)
            if not response.has_header("Cache-Control"):
                # Neither the browser, whose back button outlives a sign-out, nor anything on the way keeps it.
                add_never_cache_headers(response)
            return response

        guarded.required_deed = deed  # type: ignore[attr-defined]
        return guarded

    return decorate


def _to_sign_in(request: HttpRequest) -> HttpResponse:
    """To where people sign in, and from there back to the page that they were on.

    What a form is sent to, and what htmx asks for, is no page to come back to: that is the one which they belong to.
    """
    is_part = bool(getattr(request, "htmx", False))
    back = request.get_full_path()
    if is_part or request.method not in ("GET", "HEAD"):
        page = urlsplit(request.headers.get("HX-Current-URL") or request.headers.get("Referer", ""))
        if page.netloc == request.get_host() and page.path:
            back = f"{page.path}?{page.query}" if page.query else page.path
    there = redirect_to_login(back)
    return HttpResponse(headers={"HX-Redirect": there.url}) if is_part else there


def permissions_for_templates(request: HttpRequest) -> dict[str, Any]:
    """`may.see_customers`, `may.publish` … for templates."""
    user = getattr(request, "user", None) or AnonymousUser()
    deeds = deeds_of(user)
    return {"may": {deed.name.lower(): deed in deeds for deed in Deed}}
