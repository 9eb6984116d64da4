"""Customers: the list with search, filters and segments, and one customer with the reasons for its segment."""

from dataclasses import dataclass

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from customers import searching
from segmentation_site.access.roles import Deed, requires
from segmentation_site.http.lists import asked
from segments.browsing import assignments
from segments.browsing.explanations import explain_customer

# Headings of the list by column; all but the last can be sorted by.
HEADINGS = {
    "external_id": _("Customer"),
    "age": _("Age"),
    "annual_income": _("Annual income (k$)"),
    "spending_score": _("Spending score"),
}
GENDERS = {"female": _("Female"), "male": _("Male"), "other": _("Other"), "none": _("Not known")}
CONSENTS = {"granted": _("May be contacted"), "denied": _("Must not be contacted"), "unknown": _("Not asked")}


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading of the list with the link that sorts by it, or turns the order round."""

    column: str
    label: str
    href: str
    direction: str


@requires(Deed.SEE_CUSTOMERS)
@require_safe
def customers(request: HttpRequest) -> HttpResponse:
    """Customers by search, filters and segment, sorted, a page at a time; all of that is in the URL."""
    wanted = searching.Wanted(
        text=asked(request, "search"),
        gender=asked(request, "gender"),
        consent=asked(request, "consent"),
        sort=asked(request, "sort"),
        after=asked(request, "after"),
    )
    in_use = assignments.segments_in_use()
    segment = next((one for one in in_use if one.public_id == asked(request, "segment")), None)
    found = searching.find(wanted, among=assignments.members_of(segment) if segment else None)
    segments = assignments.of_customers(one.pk for one in found.customers)
    return render(
        request,
        "customers/customers.html",
        {
            "rows": [(one, segments[one.pk]) for one in found.customers],
            "wanted": wanted,
            "segment": segment,
            "in_use": in_use,
            "genders": GENDERS,
            "consents": CONSENTS,
            "headings": [_heading(request, column, str(label), wanted.sort) for column, label in HEADINGS.items()],
            "is_filtered": bool(wanted.text or wanted.gender or wanted.consent or segment),
            "first_url": _with(request, after="") if wanted.after else "",
            "next_url": _with(request, after=found.after) if found.after else "",
        },
    )


@requires(Deed.SEE_CUSTOMERS)
@require_safe
def customer(request: HttpRequest, pk: int) -> HttpResponse:
    """One customer: what is known, the segments it is in, and why."""
    one = searching.get(pk)
    if one is None:
        raise Http404(f"no customer {pk}")
    facts = searching.facts(one)
    return render(
        request,
        "customers/customer.html",
        {"customer": one, "facts": facts, "explanations": explain_customer(one.pk, searching.values(one))},
    )


def _with(request: HttpRequest, **changes: str) -> str:
    """This page's address with some of its state changed; "" takes a part out."""
    query = request.GET.copy()
    for name, value in changes.items():
        query.pop(name, None)
        if value:
            query[name] = value
    return f"?{query.urlencode()}"


def _heading(request: HttpRequest, column: str, label: str, sort: str) -> Heading:
    is_up, is_down = sort == column, sort == f"-{column}"
    following = f"-{column}" if is_up else "" if is_down else column
    direction = "ascending" if is_up else "descending" if is_down else "none"
    return Heading(column, label, _with(request, sort=following, after=""), direction)


urlpatterns = [
    path("customers/", customers, name="customers"),
    path("customers/<int:pk>", customer, name="customer"),
]
