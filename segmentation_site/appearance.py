"""The one visual shell: what the admin theme shows around every page, its own and ours."""

from collections.abc import Callable
from functools import cache
from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.utils.translation import gettext_lazy as _


def _who_may(deed: str) -> Callable[[HttpRequest], bool]:
    """A permission callback for one entry of the sidebar: the page behind it asks for the same deed."""

    def permitted(request: HttpRequest) -> bool:
        # Settings are read before models exist, and roles need them.
        from segmentation_site.access.roles import Deed, may

        return may(request.user, Deed[deed])

    return permitted


def _is_staff(request: HttpRequest) -> bool:
    return bool(getattr(request.user, "is_staff", False))


def _is_overview(request: HttpRequest) -> bool:
    return request.path == "/"


def _is_below(path: str) -> Callable[[HttpRequest], bool]:
    # django-unfold would take /admin/customers/ for a page of /customers/, too.
    return lambda request: request.path.startswith(path)


def _stylesheet(name: str) -> Callable[[HttpRequest], str]:
    return lambda request: static(f"css/{name}.css")


def _script(name: str) -> Callable[[HttpRequest], str]:
    return lambda request: static(f"js/{name}.js")


def shell(request: HttpRequest) -> dict[str, Any]:
    """Template context of the shell around our own pages: sidebar, colours, scripts.

    A context processor, so that views stay thin. The admin's pages bring their own, and a fragment has no shell.
    """
    from django.contrib import admin

    match = request.resolver_match
    if getattr(request, "htmx", False) or (match and match.app_name == "admin") or not hasattr(request, "user"):
        return {}
    site: Any = admin.site
    # The admin shows its sidebar to staff only; ours asks of each entry who may see it.
    return _look() | {"sidebar_navigation": site.get_sidebar_list(request), "has_permission": True}


@cache
def _look() -> dict[str, Any]:
    """What is the same on every page of ours: names, colours, style sheets, scripts.

    Made once in a process, for a request of nobody: asking the theme each time took a sixth of the overview's time,
    most of it for the list of models that somebody may see in the admin, which no page of ours shows.
    """
    from django.contrib import admin
    from django.contrib.auth.models import AnonymousUser

    request = HttpRequest()
    request.META["SCRIPT_NAME"] = ""
    request.user = AnonymousUser()
    look: dict[str, Any] = admin.site.each_context(request)
    return look


def without_colours(request: HttpRequest) -> dict[str, Any]:
    """Keeps the theme from writing a hundred lines of colours into every page: foundation.css has them."""
    return {"colors": {}}


UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Segments",
    "SITE_HEADER": "Segments",
    "SITE_SYMBOL": "bubble_chart",
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("images/favicon.svg")},
    ],
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "STYLES": [
        _stylesheet(name)
        for name in (
            *("foundation", "shell", "components", "controls", "tables", "data", "forms", "charts", "segments"),
            *("search", "print"),
        )
    ],
    "SCRIPTS": [_script(name) for name in ("focus", "job", "disclosure", "search", "shortcuts", "kept")],
    "GLOBAL_CALLBACK": "segmentation_site.appearance.without_colours",
    "ACCOUNT": {"navigation": []},
    "SIDEBAR": {
        "show_search": False,
        # `key` is ours: after `g` it leads there (static/js/shortcuts.js).
        "navigation": [
            {
                "items": [
                    {
                        "title": _("Overview"),
                        "key": "o",
                        "icon": "space_dashboard",
                        "link": "/",
                        "active": _is_overview,
                        "permission": _who_may("SEE_SEGMENTS"),
                    },
                    {
                        "title": _("Segments"),
                        "key": "s",
                        "icon": "bubble_chart",
                        "link": "/segments/",
                        "active": _is_below("/segments/"),
                        "permission": _who_may("SEE_SEGMENTS"),
                    },
                    {
                        "title": _("Customers"),
                        "key": "c",
                        "icon": "group",
                        "link": "/customers/",
                        "active": _is_below("/customers/"),
                        "permission": _who_may("SEE_CUSTOMERS"),
                    },
                ],
            },
            {
                "title": _("Build"),
                "items": [
                    {
                        "title": _("Imports"),
                        "key": "i",
                        "icon": "upload_file",
                        "link": "/imports/",
                        "active": _is_below("/imports/"),
                        "permission": _who_may("IMPORT"),
                    },
                    {
                        "title": _("Segmentations"),
                        "key": "n",
                        "icon": "category",
                        "link": "/segmentations/",
                        "active": _is_below("/segmentations/"),
                        "permission": _who_may("SEE_SEGMENTS"),
                    },
                ],
            },
            {
                "title": _("Connect"),
                "items": [
                    {
                        "title": _("Exports"),
                        "key": "e",
                        "icon": "download",
                        "link": "/exports/",
                        "active": _is_below("/exports/"),
                        "permission": _who_may("EXPORT"),
                    },
                    {
                        "title": _("API keys"),
                        "key": "k",
                        "icon": "key",
                        "link": "/api-keys/",
                        "active": _is_below("/api-keys/"),
                        "permission": _who_may("ADMINISTER"),
                    },
                    {
                        "title": _("Webhooks"),
                        "key": "w",
                        "icon": "webhook",
                        "link": "/webhooks/",
                        "active": _is_below("/webhooks/"),
                        "permission": _who_may("ADMINISTER"),
                    },
                    {
                        "title": _("API reference"),
                        "key": "r",
                        "icon": "api",
                        "link": "/api/docs",
                        "active": _is_below("/api/docs"),
                        "permission": _who_may("SEE_SEGMENTS"),
                    },
                ],
            },
            {
                "title": _("Operate"),
                "items": [
                    {
                        "title": _("Status"),
                        "key": "t",
                        "icon": "monitor_heart",
                        "link": "/status",
                        "active": _is_below("/status"),
                        "permission": _who_may("ADMINISTER"),
                    },
                    {
                        "title": _("People"),
                        "key": "p",
                        "icon": "badge",
                        "link": "/people/",
                        "active": _is_below("/people/"),
                        "permission": _who_may("ADMINISTER"),
                    },
                    {
                        "title": _("Audit trail"),
                        "key": "u",
                        "icon": "history",
                        "link": "/audit/",
                        "active": _is_below("/audit/"),
                        "permission": _who_may("ADMINISTER"),
                    },
                    {
                        "title": _("Admin"),
                        "key": "a",
                        "icon": "database",
                        "link": "/admin/",
                        "active": _is_below("/admin/"),
                        "permission": _is_staff,
                    },
                ],
            },
        ],
    },
}
