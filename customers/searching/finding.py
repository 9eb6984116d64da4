"""A page of customers by search, filters and order, and how many there are in all.

Nothing here is slower for a million customers than reading them once: those that are looked for are found first, up to
a number that can be counted, and only they are put in order; where there are more, they are read in order.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import reduce
from operator import or_
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db.models import BigIntegerField, BooleanField, Exists, F, Func, OuterRef, Q, QuerySet, Value
from django.db.models.fields.tuple_lookups import Tuple, TupleGreaterThan, TupleLessThan

from customers import attributes
from customers.files.schema import Column, Kind
from customers.models import Consent, Customer
from customers.searching import demand
from customers.searching.conditions import (
    RANGES,
    TEXTS,
    Filter,
    beginning_with,
    comparable,
    folded,
    narrowed,
    unknown,
    written,
)

PAGE_SIZE = 50
# Beyond it the planner's estimate tells people as much.
MOST_COUNTED = 10_000
_BEGINNINGS = ("external_id", "first_name", "last_name")
_SEPARATOR = "~"
_LARGEST_KEY = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody looks for.

    text     the beginning of a customer id or of a name, or a whole e-mail address
    filters  all of which must be passed
    is_contactable   only those who agreed to be contacted
    sort     an attribute's key, with a minus for the other direction; "" or an unknown one for the order in which
             customers came
    after    where the page before ended, as Found.after; nonsense asks for the first page
    """

    text: str = ""
    filters: Sequence[Filter] = ()
    is_contactable: bool = False
    sort: str = ""
    after: str = ""


@dataclass(frozen=True, slots=True)
class Count:
    """How many there are: exactly, or about so many, or, where the estimate is no help, more than so many."""

    number: int
    is_exact: bool = True

    @property
    def is_least(self) -> bool:
        return not self.is_exact and self.number <= MOST_COUNTED


@dataclass(frozen=True, slots=True)
class Found:
    """One page of customers; `after` asks for the next one and is "" on the last.

    values   of each customer, for each column that was asked for; None or "" where it is not known
    count    how many there are on all pages; None where nobody asked
    """

    customers: list[Customer]
    after: str
    values: list[list[Any]]
    count: Count | None = None


def sortable(column: Column) -> bool:
    """Whether a list can be put in the order of it."""
    return column.kind in (*RANGES, *TEXTS, Kind.CATEGORY, Kind.BOOLEAN)


def find(
    wanted: Wanted,
    *,
    among: QuerySet[Any] | None = None,
    size: int = PAGE_SIZE,
    columns: Sequence[Column] = (),
    counted: bool = False,
) -> Found:
    """The page of customers that is wanted, with the values of `columns`, if need be only `among` some.

    `among` is a subquery of primary keys under the name customer_id. By key, so that each page costs the same and
    nobody is skipped while others come in. The number of queries does not grow with the customers.
    """
    source, are_many = _searched(wanted.text)
    source = _narrowed(source, wanted, among)
    is_narrowed = among is not None or bool(wanted.filters) or wanted.is_contactable
    count = None
    if counted and are_many and not is_narrowed:
        count = Count(_estimated(source), is_exact=False)
    elif counted and not (wanted.text or is_narrowed):
        count = _count_everybody(source)
    elif counted:
        # In no order: so the database stops as soon as there are more, whatever it expected.
        ids = list(source.order_by().values_list("pk", flat=True)[: MOST_COUNTED + 1])
        is_all = len(ids) <= MOST_COUNTED
        count = Count(len(ids)) if is_all else Count(_estimated(source), is_exact=False)
        if is_all:
            source, among = _of(ids), None
    order = _order(wanted)
    if are_many or not wanted.text:
        demand.remember(_ordered(wanted, order))
    if order is None:
        return _by_key(source, wanted.after, among, size, columns, count)
    return _sorted(source, order, wanted.after, size, columns, count)


def _searched(text: str) -> tuple[QuerySet[Customer], bool]:
    """Those whom a search means, and whether they are more than are counted: by their keys where they are not."""
    everybody = Customer.objects.order_by()
    if not text:
        return everybody, False
    known = {key: attributes.column(key) for key in (*_BEGINNINGS, "email")}
    everybody = everybody.alias(**{f"s_{key}": comparable(column) for key, column in known.items()})
    ways = [beginning_with(known[key], f"s_{key}", text) for key in _BEGINNINGS]
    ways.append(Q(s_email=folded(known["email"], text)) & ~Q(email=""))
    # Each way has an index and is read no further than needed: the planner does not know how many have one name.
    first, *others = [everybody.filter(way).values_list("pk", flat=True)[: MOST_COUNTED + 1] for way in ways]
    found = list(first.union(*others, all=True))
    if len(found) <= MOST_COUNTED:
        return _of(sorted(set(found))), False
    return everybody.filter(reduce(or_, ways)), True


def _narrowed(found: QuerySet[Customer], wanted: Wanted, among: QuerySet[Any] | None) -> QuerySet[Customer]:
    found = narrowed(found, wanted.filters)
    if wanted.is_contactable:
        found = found.filter(consent=Consent.GRANTED)
    if among is not None:
        found = found.filter(Exists(among.filter(customer_id=OuterRef("pk"))))
    return found


def _of(ids: list[int]) -> QuerySet[Customer]:
    """Those customers, as one parameter however many they are."""
    return Customer.objects.filter(_IsAnyOf(F("pk"), Value(ids, output_field=ArrayField(BigIntegerField()))))


class _IsAnyOf(Func):
    template = "%(expressions)s)"
    arg_joiner = " = ANY("
    output_field = BooleanField()


def _count_everybody(source: QuerySet[Customer]) -> Count:
    estimate = _estimated(source)
    if estimate > 2 * MOST_COUNTED:
        return Count(estimate, is_exact=False)
    number = source.order_by()[: MOST_COUNTED + 1].count()
    return Count(number) if number <= MOST_COUNTED else Count(estimate, is_exact=False)


def _estimated(source: QuerySet[Customer]) -> int:
    """What the planner expects to find, to two digits."""
    rows = demand.estimated(source)
    return round(rows, 2 - len(str(rows)))


@dataclass(frozen=True, slots=True)
class _Order:
    column: Column
    is_descending: bool


def _order(wanted: Wanted) -> _Order | None:
    key = wanted.sort.removeprefix("-")
    column = next((one for one in attributes.columns() if one.key == key), None) if key else None
    return _Order(column, wanted.sort.startswith("-")) if column else None


def _ordered(wanted: Wanted, order: _Order | None) -> list[Column]:
    """The columns of which an index would save reading everybody."""
    found = [one.column for one in wanted.filters if one.beginning or (one.column.kind in RANGES and one.says_what)]
    return [*found, order.column] if order else found


def _with_values(source: QuerySet[Customer], columns: Sequence[Column]) -> QuerySet[Customer]:
    return source.annotate(**{f"v{number}": attributes.expression(one) for number, one in enumerate(columns)})


def _values(rows: Sequence[Customer], columns: Sequence[Column]) -> list[list[Any]]:
    return [[getattr(row, f"v{number}") for number in range(len(columns))] for row in rows]


def _by_key(
    source: QuerySet[Customer],
    after: str,
    among: QuerySet[Any] | None,
    size: int,
    columns: Sequence[Column],
    count: Count | None,
) -> Found:
    pk, _ = _read_after(after)
    found = _with_values(source.filter(pk__gt=pk), columns)
    if among is not None:
        # The planner does not infer the same bound for the other side of the join.
        found = found.filter(Exists(among.filter(customer_id=OuterRef("pk"), customer_id__gt=pk)))
    rows = list(found.order_by("pk")[: size + 1])
    after = f"{rows[size - 1].pk}{_SEPARATOR}" if len(rows) > size else ""
    return Found(rows[:size], after, _values(rows[:size], columns), count)


def _sorted(
    source: QuerySet[Customer],
    order: _Order,
    after: str,
    size: int,
    columns: Sequence[Column],
    count: Count | None,
) -> Found:
    """Those of whom the value is known, in its order, then the others as they came: each half in the order of an index.

    Among equals the key goes the way of the order, so that the same index serves both directions.
    """
    source = source.annotate(sorted_by=comparable(order.column))
    nothing = unknown(order.column, "sorted_by")
    pk, text = _read_after(after)
    value = _value(order.column, text)
    if text and value is None:
        pk = 0
    rows: list[Customer] = []
    if value is not None or not pk:
        known = source.filter(~nothing)
        if value is not None:
            beyond = TupleLessThan if order.is_descending else TupleGreaterThan
            known = known.filter(beyond(Tuple("sorted_by", "pk"), (value, pk)))
        sign = "-" if order.is_descending else ""
        directions = f"{sign}sorted_by", f"{sign}pk"
        # Where no index has that order everybody is read, and whole rows would take twice as long to put in order.
        ids = known.order_by(*directions).values("pk")[: size + 1]
        of_page = Customer.objects.filter(pk__in=ids).annotate(sorted_by=comparable(order.column))
        rows = list(_with_values(of_page, columns).order_by(*directions))
    if len(rows) <= size:
        first = 0 if value is not None else pk
        others = _with_values(source.filter(nothing, pk__gt=first), columns)
        rows += others.order_by("pk")[: size + 1 - len(rows)]
    if len(rows) <= size:
        return Found(rows, "", _values(rows, columns), count)
    last = rows[size - 1]
    found = last.sorted_by  # type: ignore[attr-defined]
    text = "" if found in (None, attributes.blank_of(order.column.key)) else written(found)
    return Found(rows[:size], f"{last.pk}{_SEPARATOR}{text}", _values(rows[:size], columns), count)


def _read_after(after: str) -> tuple[int, str]:
    """The key and the value of the row after which a page begins; (0, "") for nonsense."""
    pk, separator, text = after.replace("\0", "").partition(_SEPARATOR)
    if not separator or not pk.isdecimal() or len(pk) > 19 or int(pk) > _LARGEST_KEY:
        return 0, ""
    return int(pk), text


def _value(column: Column, text: str) -> Any:
    """The value that a row had which ended a page; None when it was not known, or makes no sense."""
    if not text:
        return None
    if column.kind is Kind.BOOLEAN:
        return {"True": True, "False": False}.get(text)
    if column.kind not in RANGES:
        return text
    try:
        return date.fromisoformat(text) if column.kind is Kind.DATE else float(text)
    except ValueError:
        return None
