"""What a list of customers is narrowed by: filters as an address states them, and as conditions for the database."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db.models import Q, QuerySet, Value
from django.db.models.expressions import Col, Combinable
from django.db.models.functions import Collate, Lower

from customers import attributes
from customers.files.schema import Column, Kind
from customers.models import Customer

TEXTS = (Kind.TEXT, Kind.EMAIL)
RANGES = (Kind.NUMBER, Kind.DATE)
YES, NO = "yes", "no"
LONGEST = 200
# Names of parameters begin with it: f.age.min, f.gender, f.city.unknown.
_PREFIX = "f."

Bound = float | date


@dataclass(frozen=True, slots=True)
class Filter:
    """What one attribute must be; those of whom it is not known are left out unless they are asked for.

    beginning         of a text, in any letters' case
    lowest, highest   of a number or date, both inclusive; None where there is no limit
    values            of a category; YES or NO for what is yes or no
    unknown           customers of whom it is not known, besides the others if any are asked for
    """

    column: Column
    beginning: str = ""
    lowest: Bound | None = None
    highest: Bound | None = None
    values: tuple[str, ...] = ()
    unknown: bool = False

    @property
    def says_what(self) -> bool:
        """Whether it asks for anything besides what is not known."""
        return bool(self.beginning or self.values) or self.lowest is not None or self.highest is not None

    @property
    def parameters(self) -> list[tuple[str, str]]:
        """The same as names and values of an address."""
        name = f"{_PREFIX}{self.column.key}"
        found = [(name, value) for value in (*self.values, self.beginning) if value]
        limits = {"min": self.lowest, "max": self.highest}
        found += [(f"{name}.{end}", written(limit)) for end, limit in limits.items() if limit is not None]
        return [*found, (f"{name}.unknown", YES)] if self.unknown else found


def written(value: Any) -> str:
    """A number or date as an address and a field of a form have it."""
    if isinstance(value, float):
        return repr(value).removesuffix(".0")
    return value.isoformat() if isinstance(value, date) else str(value)


def read_filters(
    columns: Sequence[Column], parameters: Iterable[tuple[str, Sequence[str]]]
) -> tuple[list[Filter], list[str]]:
    """The filters that an address asks for, in the order of `columns`, and the parts that make no sense as written.

    Parameters that are no filters, and empty ones, are nothing.
    """
    parts: dict[str, dict[str, list[str]]] = {}
    by_key = {column.key: column for column in columns}
    ignored = []
    for name, given in parameters:
        values = [value.replace("\0", "").strip()[:LONGEST] for value in given]
        if not name.startswith(_PREFIX) or not any(values):
            continue
        key, _, end = name.removeprefix(_PREFIX).partition(".")
        if key in by_key:
            parts.setdefault(key, {})[end] = [value for value in values if value]
        else:
            ignored.append(f"{name}={values[0]}"[:LONGEST])
    filters = []
    for column in columns:
        found, wrong = _filter(column, parts.get(column.key, {}))
        ignored += wrong
        if found.says_what or found.unknown:
            filters.append(found)
    return filters, ignored


def _filter(column: Column, parts: dict[str, list[str]]) -> tuple[Filter, list[str]]:
    read: dict[str, Any] = {}
    ignored = []
    for end, given in parts.items():
        name = f"{_PREFIX}{column.key}{f'.{end}' if end else ''}"
        if end == "unknown" and given == [YES] and can_be_unknown(column):
            read["unknown"] = True
        elif end in ("min", "max") and column.kind in RANGES and (limit := _limit(column, given[-1])) is not None:
            read["lowest" if end == "min" else "highest"] = limit
        elif not end and column.kind in TEXTS:
            read["beginning"] = given[-1]
        elif not end and column.kind in (Kind.CATEGORY, Kind.BOOLEAN):
            options = (YES, NO) if column.kind is Kind.BOOLEAN else tuple(column.categories)
            read["values"] = tuple(option for option in options if option in given)
            ignored += [f"{name}={value}" for value in given if value not in options]
        else:
            ignored.append(f"{name}={given[-1]}")
    return Filter(column, **read), ignored


def _limit(column: Column, text: str) -> Bound | None:
    try:
        if column.kind is Kind.DATE:
            return date.fromisoformat(text)
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def can_be_unknown(column: Column) -> bool:
    """Whether it may be asked for as "not known": not of the id, nor where that is a category of its own."""
    return not column.is_required and attributes.blank_of(column.key) not in column.categories


def comparable(column: Column) -> Col | Collate:
    """The column as it is searched and sorted by: texts in any letters' case, as their indexes have them."""
    expression = attributes.expression(column)
    if column.kind in TEXTS and not column.is_required:
        return Collate(Lower(expression), "C")
    return expression


def unknown(column: Column, name: str) -> Q:
    """Where the column, annotated as `name`, holds nothing; of built-in ones said of the field, as indexes have it."""
    blank = attributes.blank_of(column.key)
    field = column.key if attributes.name_in_table(column.key) == column.key else name
    return Q(**{f"{field}__isnull": True}) if blank is None else Q(**{field: blank})


def beginning_with(column: Column, name: str, text: str) -> Q:
    """Where the text, annotated as `name` by `comparable`, begins so. Partial indexes want to hear it is not empty."""
    begins = Q(**{f"{name}__startswith": folded(column, text)})
    return begins if column.is_required else begins & ~Q(**{column.key: ""})


def folded(column: Column, text: str) -> Combinable:
    """A text as `comparable` has it: in small letters as the database makes them."""
    return Value(text) if column.is_required else Lower(Value(text))


def narrowed(found: QuerySet[Customer], filters: Sequence[Filter]) -> QuerySet[Customer]:
    """Only those who pass every filter."""
    for number, one in enumerate(filters):
        # Names of our own: an attribute's key might be anything that a lookup means something by.
        name = f"f{number}"
        found = found.alias(**{name: comparable(one.column)}).filter(_condition(one, name))
    return found


def _condition(one: Filter, name: str) -> Q:
    condition = Q()
    if one.beginning:
        condition = beginning_with(one.column, name, one.beginning)
    if one.lowest is not None:
        condition &= Q(**{f"{name}__gte": one.lowest})
    if one.highest is not None:
        condition &= Q(**{f"{name}__lte": one.highest})
    if one.values:
        is_boolean = one.column.kind is Kind.BOOLEAN
        condition &= Q(**{f"{name}__in": [value == YES for value in one.values] if is_boolean else one.values})
    if one.unknown:
        condition = condition | unknown(one.column, name) if one.says_what else unknown(one.column, name)
    return condition
