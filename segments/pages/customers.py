"""Customers: the list with search, filters and segments, and one customer with the reasons for its segment."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from typing import cast
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_http_methods, require_safe

from customers import attributes, erasing, searching
from customers.searching import Column
from segmentation_site.access.roles import Deed, requires
from segmentation_site.http.lists import asked
from segmentation_site.language.saying import label as label_of
from segmentation_site.language.saying import said, spelled
from segments.browsing import assignments
from segments.browsing.explanations import explain_customer
from segments.models import Segment

SEGMENT = "segment"
SHOWN_AT_FIRST: tuple[str, ...] = ("age", "annual_income", "spending_score", "gender", SEGMENT, "consent")
# The id and the name are always there, as what a row is about.
_ALWAYS = ("external_id", "first_name", "last_name")
_NUMBER = "number"
_YES_OR_NO = {searching.YES: gettext_lazy("Yes"), searching.NO: gettext_lazy("No")}

Parameters = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class State:
    """All that the address says of the list; each change of it is an address of its own."""

    wanted: searching.Wanted
    segment: Segment | None
    shown: tuple[str, ...]

    def address(
        self,
        *,
        without: Parameters = (),
        sort: str | None = None,
        after: str = "",
    ) -> str:
        """The same list with some of it changed, from its start when `after` is not told."""
        wanted = self.wanted
        parameters = [("search", wanted.text), (SEGMENT, self.segment.public_id if self.segment else "")]
        parameters += [("contactable", searching.YES if wanted.is_contactable else "")]
        parameters += [pair for one in wanted.filters for pair in one.parameters]
        if self.shown != SHOWN_AT_FIRST:
            parameters += [("show", key) for key in self.shown or ("",)]
        parameters = [pair for pair in parameters if pair not in without and (pair[1] or pair[0] == "show")]
        parameters += [("sort", wanted.sort if sort is None else sort), ("after", after)]
        query = urlencode([pair for pair in parameters if pair[1] or pair[0] == "show"])
        return f"?{query}" if query else "?"


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading of the list with the link that sorts by it, or turns the order round ("" where none does)."""

    key: str
    label: str
    href: str
    direction: str
    is_number: bool


@dataclass(frozen=True, slots=True)
class Cell:
    """A value of a customer under its heading."""

    heading: Heading
    text: str


@dataclass(frozen=True, slots=True)
class Row:
    """One customer of the list; `cells` hold None where its segments go."""

    customer: object
    cells: list[Cell]
    segments: list[Segment]


@dataclass(frozen=True, slots=True)
class Chip:
    """One thing that the list is narrowed by, and the same list without it."""

    text: str
    href: str


@dataclass(frozen=True, slots=True)
class Field:
    """What the form asks of one attribute, with what is asked for now.

    options   value, label and whether it is ticked
    """

    column: Column
    label: str
    now: searching.Filter
    options: list[tuple[str, str, bool]] = field(default_factory=list)
    may_be_unknown: bool = True

    @property
    def lowest(self) -> str:
        return "" if self.now.lowest is None else searching.written(self.now.lowest)

    @property
    def highest(self) -> str:
        return "" if self.now.highest is None else searching.written(self.now.highest)


@requires(Deed.SEE_CUSTOMERS)
@require_safe
def customers(request: HttpRequest) -> HttpResponse:
    """Customers by search, filters and segment, sorted, a page at a time; all of that is in the URL."""
    columns = attributes.columns()
    in_use = assignments.segments_in_use()
    state, ignored = _state(request, columns, in_use)
    shown = [column for column in columns if column.key in state.shown]
    found = searching.find(
        state.wanted,
        among=assignments.members_of(state.segment) if state.segment else None,
        columns=shown,
        counted=True,
    )
    segments = assignments.of_customers(one.pk for one in found.customers)
    headings = [_heading(state, key, columns) for key in ("external_id", *state.shown)]
    chips = _chips(state)
    return render(
        request,
        "customers/customers.html",
        {
            "rows": [
                Row(one, _cells(headings[1:], shown, values), segments[one.pk])
                for one, values in zip(found.customers, found.values, strict=True)
            ],
            "wanted": state.wanted,
            "segment": state.segment,
            "in_use": in_use,
            "headings": headings,
            "chips": chips,
            "ignored": ignored,
            "fields": _fields(columns, state.wanted.filters),
            "choices": _choices(columns, state.shown),
            "count": _counted(found.count) if found.count else "",
            "is_narrowed": bool(chips),
            "first_url": state.address() if state.wanted.after else "",
            "next_url": state.address(after=found.after) if found.after else "",
        },
    )


@requires(Deed.SEE_CUSTOMERS)
@require_safe
def customer(request: HttpRequest, pk: int) -> HttpResponse:
    """One customer: what is known, what was bought, the segments it is in, and why."""
    one = searching.get(pk)
    if one is None:
        raise Http404(f"no customer {pk}")
    known = searching.values(one)
    return render(
        request,
        "customers/customer.html",
        {
            "customer": one,
            "facts": searching.facts(known),
            "purchases": searching.purchases_of(pk, datetime.now(UTC).date()),
            "explanations": explain_customer(pk),
        },
    )


class ConfirmForm(forms.Form):
    """Typing the id of whoever is erased, so that nobody is by a slip."""

    external_id = forms.CharField(label=gettext_lazy("Type the customer’s id to confirm"), strip=False)


@requires(Deed.ADMINISTER)
@require_http_methods(["GET", "POST"])
def customer_erase(request: HttpRequest, pk: int) -> HttpResponse:
    """What erasing a customer does, and, when the customer's id is typed, its doing."""
    one = searching.get(pk)
    if one is None:
        raise Http404(f"no customer {pk}")
    form = ConfirmForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        if form.cleaned_data["external_id"] == one.external_id:
            erasing.erase([one.external_id], by=cast(User, request.user))
            messages.success(request, _("The customer is erased."))
            return redirect("customers")
        form.add_error("external_id", _("This is not the id of the customer. Nothing was erased."))
    return render(
        request,
        "customers/erase.html",
        {"customer": one, "form": form},
        status=HTTPStatus.UNPROCESSABLE_ENTITY if form.errors else HTTPStatus.OK,
    )


def _state(request: HttpRequest, columns: Sequence[Column], in_use: list[Segment]) -> tuple[State, list[str]]:
    """What is asked for, and what of it makes no sense and is left out."""
    filters, ignored = searching.read_filters(columns, request.GET.lists())
    public_id = asked(request, SEGMENT)
    segment = next((one for one in in_use if one.public_id == public_id), None)
    if public_id and not segment:
        ignored.append(f"{SEGMENT}={public_id}")
    sort = asked(request, "sort")
    if sort and sort.removeprefix("-") not in {column.key for column in columns}:
        ignored.append(f"sort={sort}")
        sort = ""
    shown = SHOWN_AT_FIRST
    if "show" in request.GET:
        given = request.GET.getlist("show")
        offered = [key for key, _label in _offered(columns)]
        ignored += [f"show={key[:50]}" for key in given if key and key not in offered]
        shown = tuple(key for key in offered if key in given)
        if set(shown) == set(SHOWN_AT_FIRST):
            shown = SHOWN_AT_FIRST
    wanted = searching.Wanted(
        text=asked(request, "search"),
        filters=filters,
        is_contactable=asked(request, "contactable") == searching.YES,
        sort=sort,
        # Not trimmed: a name that ends a page may end in a blank.
        after=request.GET.get("after", ""),
    )
    return State(wanted, segment, shown), ignored


def _offered(columns: Sequence[Column]) -> list[tuple[str, str]]:
    """Key and label of what can be shown beside the id and the name."""
    found = [(column.key, _label(column)) for column in columns if column.key not in _ALWAYS]
    return [*found, (SEGMENT, _("Segment"))]


def _choices(columns: Sequence[Column], shown: Sequence[str]) -> list[tuple[str, str, bool]]:
    return [(key, label, key in shown) for key, label in _offered(columns)]


def _label(column: Column) -> str:
    name = label_of(column.label)
    return f"{name} ({said(column.unit)})" if column.unit and column.unit != "years" else name


def _heading(state: State, key: str, columns: Sequence[Column]) -> Heading:
    column = next((one for one in columns if one.key == key), None)
    if column is None:
        return Heading(SEGMENT, _("Segment"), "", "none", is_number=False)
    sort = state.wanted.sort
    is_up, is_down = sort == key, sort == f"-{key}"
    following = f"-{key}" if is_up else "" if is_down else key
    return Heading(
        key=key,
        label=_("Customer") if key == "external_id" else _label(column),
        href=state.address(sort=following),
        direction="ascending" if is_up else "descending" if is_down else "none",
        is_number=column.kind == _NUMBER,
    )


def _cells(headings: Sequence[Heading], columns: Sequence[Column], values: Sequence[object]) -> list[Cell]:
    known = zip(columns, values, strict=True)
    words = {column.key: searching.in_words(column, value, unit=False) for column, value in known}
    return [Cell(heading, words.get(heading.key, "")) for heading in headings]


def _fields(columns: Sequence[Column], filters: Sequence[searching.Filter]) -> list[Field]:
    now = {one.column.key: one for one in filters}
    fields = []
    for column in columns:
        if column.key == "external_id":
            continue
        chosen = now.get(column.key, searching.Filter(column))
        labels = {value: searching.category_label(column, value) for value in column.categories}
        if column.kind == "boolean":
            labels = {value: str(label) for value, label in _YES_OR_NO.items()}
        options = [(value, label, value in chosen.values) for value, label in labels.items()]
        fields.append(Field(column, _label(column), chosen, options, searching.can_be_unknown(column)))
    return fields


def _chips(state: State) -> list[Chip]:
    """What the list is narrowed by, each with the same list without it."""
    wanted = state.wanted
    chips = []
    if wanted.text:
        chips.append(Chip(_("“%(text)s”") % {"text": wanted.text}, state.address(without=[("search", wanted.text)])))
    if state.segment:
        segment = state.segment
        chips.append(Chip(segment.name, state.address(without=[(SEGMENT, segment.public_id)])))
    if wanted.is_contactable:
        chips.append(Chip(_("May be contacted"), state.address(without=[("contactable", searching.YES)])))
    chips += [Chip(_in_words(one), state.address(without=one.parameters)) for one in wanted.filters]
    return chips


def _in_words(one: searching.Filter) -> str:
    """A filter as people say it: "Age: 20 to 40, or not known"."""
    column = one.column
    lowest, highest = (searching.in_words(column, end) for end in (one.lowest, one.highest))
    asked_for = ""
    if lowest and highest:
        asked_for = _("%(lowest)s to %(highest)s") % {"lowest": lowest, "highest": highest}
    elif lowest:
        asked_for = _("from %(lowest)s") % {"lowest": lowest}
    elif highest:
        asked_for = _("up to %(highest)s") % {"highest": highest}
    elif one.values:
        said = [str(_YES_OR_NO.get(value, value)) for value in one.values]
        if column.categories:
            said = [searching.category_label(column, value) for value in one.values]
        asked_for = _(" or ").join(said)
    elif one.beginning:
        asked_for = _("begins with “%(text)s”") % {"text": one.beginning}
    if one.unknown:
        asked_for = _("%(what)s, or not known") % {"what": asked_for} if asked_for else _("not known")
    return f"{label_of(column.label)}: {asked_for}"


def _counted(count: searching.Count) -> str:
    number = spelled(f"{count.number:,}")
    if count.is_exact:
        return ngettext("%(number)s customer", "%(number)s customers", count.number) % {"number": number}
    if count.is_least:
        return _("More than %(number)s customers") % {"number": spelled(f"{searching.MOST_COUNTED:,}")}
    return _("About %(number)s customers") % {"number": number}


urlpatterns = [
    path("customers/", customers, name="customers"),
    path("customers/<int:pk>", customer, name="customer"),
    path("customers/<int:pk>/erase", customer_erase, name="customer_erase"),
]
