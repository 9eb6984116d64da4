"""Which customers are meant: conditions on what is known of them, checked and then told to the database."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.utils.translation import gettext_noop
from psycopg import sql

from customers import attributes
from customers.files.schema import Column, Kind
from customers.models import Customer
from segmentation_site.jobs.problems import Problem

_COMPARES = {"eq": "=", "ne": "<>", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}
_IN_ORDER = ("lt", "le", "gt", "ge")
_TEXTS = (Kind.TEXT, Kind.EMAIL, Kind.CATEGORY)
# Beside whether it is known, of what names a person only this may be asked, which names nobody: how old, and where the
# address is from.
_OF_MANY = {"birth_date": _IN_ORDER, "email": ("contains",)}


@dataclass(frozen=True, slots=True)
class Where:
    """One condition: an attribute's key, how it compares (eq, ne, lt, le, gt, ge, in, is_missing, contains), with what.

    Who has no value fulfils `is_missing` and `ne`, and no other condition.
    """

    key: str
    operator: str
    value: Any


class InvalidCondition(Problem):
    """A condition that cannot be asked; the pointer says which one."""

    code = "invalid_condition"
    sentence = gettext_noop("{what}")


def check(conditions: Sequence[Where]) -> None:
    """Raises InvalidCondition for one whose value is not of its attribute's kind."""
    known = {column.key: column for column in attributes.columns()}
    for place, condition in enumerate(conditions):
        column = known.get(condition.key)
        if column is None:
            what = gettext_noop("There is no attribute {key!r}.").format(key=condition.key)
            raise InvalidCondition(pointer=f"/{place}/attribute", what=what)
        if condition.key in Customer.personal_data and _names_somebody(condition):
            what = gettext_noop(
                "{label} says who somebody is, and everybody reads conditions. Ask whether it is known, from when a day"
                " of birth is, or whether an e-mail address contains @ and a domain."
            ).format(label=column.label)
            raise InvalidCondition(pointer=f"/{place}/value", what=what)
        if condition.operator in _IN_ORDER and column.kind not in (Kind.NUMBER, Kind.DATE):
            what = gettext_noop("{label} has no order; use eq, ne or in.").format(label=column.label)
            raise InvalidCondition(pointer=f"/{place}/operator", what=what)
        if condition.operator == "contains" and column.kind not in _TEXTS:
            what = gettext_noop("{label} is no text that could contain something.").format(label=column.label)
            raise InvalidCondition(pointer=f"/{place}/operator", what=what)
        if condition.operator == "is_missing":
            continue
        values = condition.value if condition.operator == "in" else (condition.value,)
        for value in values:
            if wrong := _wrong(column, value):
                raise InvalidCondition(pointer=f"/{place}/value", what=wrong)


def _names_somebody(condition: Where) -> bool:
    """Whether a condition says of a person who they are: viewers would read it, and no erasing would find it."""
    if condition.operator == "is_missing":
        return False
    if condition.key == "email" and not str(condition.value).startswith("@"):
        return True
    return condition.operator not in _OF_MANY.get(condition.key, ())


def _wrong(column: Column, value: Any) -> str:
    if column.kind is Kind.NUMBER and (isinstance(value, bool) or not isinstance(value, int | float)):
        return gettext_noop("{label} is a number; {value!r} is none.").format(label=column.label, value=value)
    if column.kind is Kind.BOOLEAN and not isinstance(value, bool):
        return gettext_noop("{label} is true or false; {value!r} is neither.").format(label=column.label, value=value)
    if column.kind is Kind.DATE:
        try:
            date.fromisoformat(value)
        except (TypeError, ValueError):
            return gettext_noop("{label} is a date such as 2026-01-31; {value!r} is none.").format(
                label=column.label, value=value
            )
    if column.kind in _TEXTS and (not isinstance(value, str) or "\0" in value):
        return gettext_noop("{label} is a text; {value!r} is none.").format(label=column.label, value=value)
    return ""


def where(conditions: Sequence[Where]) -> sql.Composed:
    """All of them together, of customers under the name `customer`; true without any. They must have been checked."""
    if not conditions:
        return sql.Composed([sql.SQL("true")])
    known = {column.key: column for column in attributes.columns()}
    parts = [_one(known[one.key], one) for one in conditions if one.key in known]
    return sql.SQL(" AND ").join(parts) if parts else sql.Composed([sql.SQL("true")])


def _one(column: Column, condition: Where) -> sql.Composed:
    name = sql.SQL("customer.{}").format(sql.Identifier(attributes.name_in_table(column.key)))
    if attributes.blank_of(column.key) == "":
        name = sql.SQL("nullif({}, '')").format(name)
    match condition.operator:
        case "is_missing":
            return sql.SQL("{} IS NULL" if condition.value else "{} IS NOT NULL").format(name)
        case "in":
            return sql.SQL("{} IN ({})").format(name, sql.SQL(", ").join(map(sql.Literal, condition.value)))
        case "contains":
            return sql.SQL("position(lower({}) IN lower({})) > 0").format(sql.Literal(condition.value), name)
        case "ne":
            return sql.SQL("{} IS DISTINCT FROM {}").format(name, sql.Literal(condition.value))
        case operator:
            compares = sql.SQL(_COMPARES[operator])
            return sql.SQL("{} {} {}").format(name, compares, sql.Literal(condition.value))
