"""What is known of customers: for programs in the order of changes, for people in words."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db import connection
from django.db.models import Count, Q, QuerySet, Sum
from django.db.models.functions import Collate, Lower
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from psycopg.sql import SQL, Literal

from customers import attributes
from customers.files.schema import Column
from customers.models import Consent, Customer, Gender, Transaction
from customers.purchases import figures
from segmentation_site.language.saying import said, spelled

LAST_PURCHASES = 10
_MONEY = ("monetary", "average_order")
_WORDS = {("gender", str(one.value)): one.label for one in Gender} | {
    ("consent", str(one.value)): one.label for one in Consent
}


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that is known of a customer, as text; "" where it is not known."""

    column: Column
    value: str


def get(pk: int) -> Customer | None:
    """One customer with the imports that brought it and wrote it last."""
    return Customer.objects.select_related("source_import", "created_import").filter(pk=pk).first()


def changed(
    *,
    after: int,
    size: int,
    since: datetime | None = None,
    is_contactable: bool | None = None,
    among: QuerySet[Any] | None = None,
) -> list[dict[str, Any]]:
    """The first `size` customers whose change sequence is beyond `after`, ascending, as rows of plain values."""
    found = Customer.objects.filter(change_sequence__gt=after)
    if since is not None:
        found = found.filter(updated_at__gte=since)
    if is_contactable is not None:
        agreed = Q(consent=Consent.GRANTED)
        found = found.filter(agreed if is_contactable else ~agreed)
    if among is not None:
        found = found.filter(pk__in=among)
    return list(_plain(found.order_by("change_sequence"))[:size])


def known(external_id: str) -> tuple[int, dict[str, Any]] | None:
    """One customer's primary key and plain values, by the owner's own key."""
    row = _plain(Customer.objects.filter(external_id=external_id), "pk").first()
    return (row.pop("pk"), row) if row else None


def keys_of(external_ids: Collection[str], emails: Collection[str]) -> dict[tuple[str, str], list[tuple[int, str]]]:
    """("external_id" or "email", what was asked for) → primary key and id of everybody who has it."""
    found: dict[tuple[str, str], list[tuple[int, str]]] = {}
    # PostgreSQL keeps no text with a NUL, and does not let itself be asked for it.
    asked = [value for value in external_ids if "\0" not in value]
    for pk, external_id in Customer.objects.filter(external_id__in=asked).values_list("pk", "external_id"):
        found["external_id", external_id] = [(pk, external_id)]
    lower = {value.strip().lower() for value in emails if value.strip() and "\0" not in value}
    with_address = Customer.objects.annotate(address=Collate(Lower("email"), "C")).filter(address__in=lower)
    rows = with_address.exclude(email="").order_by("pk").values_list("pk", "external_id", "address")
    by_address: dict[str, list[tuple[int, str]]] = {}
    for pk, external_id, address in rows:
        by_address.setdefault(address, []).append((pk, external_id))
    return found | {("email", value): by_address.get(value.strip().lower(), []) for value in emails}


def _plain(found: QuerySet[Customer], *more: str) -> QuerySet[Any, dict[str, Any]]:
    """Everything that is known, as plain values."""
    built_in = [column.key for column in attributes.built_in()]
    # Keyword arguments of values() may have the names of attributes; none of them is a field of the model.
    registered = {column.key: attributes.expression(column) for column in attributes.registered()}
    return found.values(*more, *built_in, "change_sequence", "created_at", "updated_at", **registered)


def values(customer: Customer) -> dict[str, Any]:
    """What is known of a customer by attribute key; None or "" where it is not known."""
    found = _plain(Customer.objects.filter(pk=customer.pk)).first() or {}
    return {column.key: found.get(column.key) for column in attributes.columns()}


def facts(known: Mapping[str, Any]) -> list[Fact]:
    """What is known of a customer, by attribute key, in the order in which people read it."""
    return [Fact(column, in_words(column, known[column.key])) for column in attributes.columns() if column.key in known]


def in_words(column: Column, value: Any, *, unit: bool = True) -> str:
    """A value as people read it; "" where it is not known."""
    if value in (None, ""):
        return ""
    if column.categories:
        return category_label(column, str(value))
    if isinstance(value, bool):
        return str(_("Yes") if value else _("No"))
    if isinstance(value, float):
        return spelled(f"{value:,.10g}") + (f"\u00a0{said(column.unit)}" if unit and column.unit else "")
    if isinstance(value, date):
        return date_format(value)
    return str(value)


def category_label(column: Column, value: str) -> str:
    """A category as people read it: built-in ones have a word of their own."""
    return str(_WORDS.get((column.key, value), value))


@dataclass(frozen=True, slots=True)
class Total:
    """What was bought in one currency ("" when it was not told), returns taken off."""

    currency: str
    amount: float


@dataclass(frozen=True, slots=True)
class Purchases:
    """All that a customer bought, the last purchases first, and the figures of it that segmentations can use."""

    count: int
    totals: list[Total]
    last: list[Transaction]
    figures: list[Fact]


def purchases_of(pk: int, as_of: date) -> Purchases | None:
    """A customer's purchases with the figures as of that day; None without any."""
    bought = Transaction.objects.filter(customer_id=pk)
    by_currency = list(bought.values_list("currency").annotate(Sum("amount"), Count("pk")).order_by("currency"))
    if not by_currency:
        return None
    statement = SQL("SELECT * FROM ({}) AS figures WHERE customer_id = {}").format(figures(as_of), Literal(pk))
    with connection.cursor() as cursor:
        cursor.execute(statement)
        row = cursor.fetchone()
        names = [one.name for one in cursor.description]
    known = dict(zip(names, row or [None] * len(names), strict=True))
    return Purchases(
        count=sum(number for _currency, _amount, number in by_currency),
        totals=[Total(currency, amount) for currency, amount, _number in by_currency],
        last=list(bought.order_by("-at", "-pk")[:LAST_PURCHASES]),
        figures=[Fact(one, _figure(one, known[one.key])) for one in attributes.PURCHASE_FIGURES],
    )


def _figure(column: Column, value: float | None) -> str:
    """Without the unit: where it is days, the label says so."""
    if value is None:
        return ""
    return spelled(f"{value:,.2f}") if column.key in _MONEY else in_words(column, round(value, 1), unit=False)
