"""Search from anywhere: customers, segments, segmentations, imports and pages, as far as one's role goes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path, reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from customers import searching
from customers.reporting import imports_named
from segmentation_site.access.roles import Deed, may, requires
from segmentation_site.http.lists import asked
from segments.browsing import everywhere

AT_MOST = 5
# One letter begins the name of nearly everybody.
FEWEST_LETTERS = 2


@dataclass(frozen=True, slots=True)
class Hit:
    """Something that was found: its name, what it is, where it is; a segment with its colour."""

    text: str
    note: str
    href: str
    icon: str = ""
    colour: int | None = None


@dataclass(frozen=True, slots=True)
class Hits:
    """What was found of one kind; `more` leads to its own list, narrowed in the same way, where there is more."""

    title: str
    hits: Sequence[Hit]
    more: str = ""


@requires(Deed.SEE_SEGMENTS)
@require_safe
def search(request: HttpRequest) -> HttpResponse:
    """The page of results, for who has no script and for links to a search."""
    return render(request, "search/search.html", _found(request))


@requires(Deed.SEE_SEGMENTS)
@require_safe
def found(request: HttpRequest) -> HttpResponse:
    """The results alone, while somebody types."""
    return render(request, "search/found.html", _found(request))


def _found(request: HttpRequest) -> dict[str, Any]:
    text = asked(request, "q")
    kinds = [kind for kind in (_pages(request, text), *_things(request, text)) if kind.hits]
    return {"query": text, "kinds": kinds, "count": sum(len(kind.hits) for kind in kinds)}


def _things(request: HttpRequest, text: str) -> Iterator[Hits]:
    if len(text) < FEWEST_LETTERS:
        return
    if may(request.user, Deed.SEE_CUSTOMERS):
        yield _customers(text)
    yield _segments(text)
    yield _segmentations(text)
    if may(request.user, Deed.IMPORT):
        yield _imports(text)


def _pages(request: HttpRequest, text: str) -> Hits:
    """The pages of the sidebar and what can be started anew; all of them before anything is typed."""
    site: Any = admin.site
    known = [
        Hit(str(item["title"]), str(group.get("title", "")), str(item["link"]), str(item["icon"]))
        for group in site.get_sidebar_list(request)
        for item in group["items"]
        if item["has_permission"]
    ]
    for deed, name, title, icon in (
        (Deed.IMPORT, "import_new", _("Import customers"), "upload"),
        (Deed.SEGMENT, "segmentation_new", _("New segmentation"), "add"),
        (Deed.EXPORT, "export_new", _("New export"), "download"),
        (Deed.ADMINISTER, "api_key_new", _("New API key"), "key"),
        (Deed.SEE_SEGMENTS, "password_change", _("Change password"), "password"),
    ):
        if may(request.user, deed):
            known.append(Hit(title, _("To do"), reverse(name), icon))
    words = text.casefold().split()
    return Hits(_("Pages"), [one for one in known if all(word in one.text.casefold() for word in words)])


def _customers(text: str) -> Hits:
    wanted = searching.find(searching.Wanted(text=text), size=AT_MOST)
    hits = [
        Hit(one.full_name or one.external_id, one.external_id, reverse("customer", args=[one.pk]), "person")
        for one in wanted.customers
    ]
    more = f"{reverse('customers')}?{urlencode({'search': text})}" if wanted.after else ""
    return Hits(_("Customers"), hits, more)


def _segments(text: str) -> Hits:
    segments = everywhere.segments_named(text, AT_MOST + 1)
    more = f"{reverse('segments')}?{urlencode({'search': text})}" if len(segments) > AT_MOST else ""
    hits = [
        Hit(one.name, one.segmentation.name, reverse("segment", args=[one.public_id]), colour=one.colour)
        for one in segments[:AT_MOST]
    ]
    return Hits(_("Segments"), hits, more)


def _segmentations(text: str) -> Hits:
    hits = [
        Hit(one.name, _("Segmentation"), reverse("segmentation", args=[one.slug]), "category")
        for one in everywhere.segmentations_named(text, AT_MOST)
    ]
    if run := everywhere.run_of_id(text):
        when = date_format(run.created_at, "DATETIME_FORMAT")
        name = _("Run of {when}").format(when=when)
        hits.append(Hit(name, run.segmentation.name, reverse("run", args=[run.public_id]), "play_circle"))
    return Hits(_("Segmentations"), hits)


def _imports(text: str) -> Hits:
    imports = imports_named(text, AT_MOST + 1)
    more = f"{reverse('imports')}?{urlencode({'search': text})}" if len(imports) > AT_MOST else ""
    hits = [
        Hit(
            one.file_name,
            date_format(one.created_at, "DATETIME_FORMAT"),
            reverse("import", args=[one.public_id]),
            "upload_file",
        )
        for one in imports[:AT_MOST]
    ]
    return Hits(_("Imports"), hits, more)


urlpatterns = [
    path("search", search, name="search"),
    path("search/found", found, name="search_found"),
]
