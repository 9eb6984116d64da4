"""Finding customers for people: search, filters, sorting, a page at a time."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Collate, Lower
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from customers import attributes
from customers.files.schema import Column
from customers.models import Consent, Customer, Gender

if TYPE_CHECKING:
    from django.db.models import Field

PAGE_SIZE = 50
# What a list may be sorted by; a leading minus turns the order round.
SORTS = ("external_id", "last_name", "age", "annual_income", "spending_score", "updated_at")
_SEPARATOR = "~"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody looks for. Unknown values of the filters and of `sort` count as none.

    text     the beginning of a customer id or of a name, or a whole e-mail address
    gender, consent   values of the customer's columns; "none" for customers of whom the gender is not known
    sort     one of SORTS, with a minus for the other direction; "" for the order in which customers came
    after    where the page before ended, as Found.after
    """

    text: str = ""
    gender: str = ""
    consent: str = ""
    sort: str = ""
    after: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """One page of customers; `after` asks for the next one and is "" on the last."""

    customers: list[Customer]
    after: str


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that is known of a customer, as text; "" where it is not known."""

    column: Column
    value: str


def find(wanted: Wanted, *, among: QuerySet[Any] | None = None, size: int = PAGE_SIZE) -> Found:
    """The page of customers that is wanted, if need be only `among` a subquery of their primary keys.

    By key, so that each page costs the same and nobody is skipped while others come in.
    """
    found = _matching(wanted)
    if among is not None:
        found = found.filter(pk__in=among)
    column = wanted.sort.removeprefix("-") if wanted.sort.removeprefix("-") in SORTS else ""
    is_descending = bool(column) and wanted.sort.startswith("-")
    found = _continue(found, column, is_descending, wanted.after)
    if column:
        order = F(column).desc(nulls_last=True) if is_descending else F(column).asc(nulls_last=True)
        found = found.order_by(order, "pk")
    else:
        found = found.order_by("pk")
    rows = list(found[: size + 1])
    if len(rows) <= size:
        return Found(rows, "")
    last = rows[size - 1]
    value = getattr(last, column) if column else None
    text = value.isoformat() if isinstance(value, date) else "" if value is None else str(value)
    return Found(rows[:size], f"{last.pk}{_SEPARATOR}{text}")


def get(pk: int) -> Customer | None:
    """One customer with the import that brought it."""
    return Customer.objects.select_related("source_import").filter(pk=pk).first()


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


def facts(customer: Customer) -> list[Fact]:
    """What is known of a customer, in the order in which people read it."""
    known = values(customer)
    return [Fact(column, _in_words(customer, column, known[column.key])) for column in attributes.columns()]


def _in_words(customer: Customer, column: Column, value: Any) -> str:
    if value in (None, ""):
        return ""
    if column.categories:
        display = getattr(customer, f"get_{column.key}_display", None)
        return str(display() if display else value)
    if isinstance(value, bool):
        return str(_("Yes") if value else _("No"))
    if isinstance(value, float):
        return f"{value:,.10g}" + (f" {column.unit}" if column.unit else "")
    if isinstance(value, date):
        return date_format(value)
    return str(value)


def _matching(wanted: Wanted) -> QuerySet[Customer]:
    found = Customer.objects.all()
    if wanted.text:
        found = found.filter(
            Q(external_id__startswith=wanted.text)
            | Q(first_name__istartswith=wanted.text)
            | Q(last_name__istartswith=wanted.text)
            | Q(email__iexact=wanted.text)
        )
    if wanted.gender == "none":
        found = found.filter(gender="")
    elif wanted.gender in Gender.values:
        found = found.filter(gender=wanted.gender)
    if wanted.consent in Consent.values:
        found = found.filter(consent=wanted.consent)
    return found


def _continue(found: QuerySet[Customer], column: str, is_descending: bool, after: str) -> QuerySet[Customer]:
    """What comes after the row that `after` names; from the start when it makes no sense."""
    pk_text, separator, text = after.partition(_SEPARATOR)
    if not separator or not pk_text.isdecimal() or len(pk_text) > 18:
        return found
    pk = int(pk_text)
    if not column:
        return found.filter(pk__gt=pk)
    field: Field[Any, Any] = Customer._meta.get_field(column)  # type: ignore[assignment]
    if not text and field.null:
        return found.filter(**{f"{column}__isnull": True}, pk__gt=pk)
    try:
        value = field.to_python(text)
    except (ValidationError, ValueError):
        return found
    beyond = "lt" if is_descending else "gt"
    further = Q(**{f"{column}__{beyond}": value}) | Q(**{column: value, "pk__gt": pk})
    if field.null:
        further |= Q(**{f"{column}__isnull": True})
    return found.filter(further)
