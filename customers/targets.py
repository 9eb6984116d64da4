"""What the columns of a file may be read as, by what its rows are told apart, and which rows the database refuses."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from django.db import connection
from django.utils.translation import gettext_noop
from psycopg import sql

from customers import attributes, purchases
from customers.files.mapping import MappedColumn
from customers.files.schema import Column, Kind
from customers.merging import CUSTOMERS
from customers.models import Import, ImportKey, ImportMode

AGAIN = {
    "external_id": gettext_noop("This customer comes again in line {line}, which counts."),
    "email": gettext_noop("This customer comes again in line {line}, which counts."),
    "order_id": gettext_noop("This order comes again in line {line}, which counts."),
}

Reasons = Mapping[int, tuple[str, str, str]]


def columns(one: Import) -> tuple[Column, ...]:
    """What the columns of this file may be read as; those without which no row can be saved are required."""
    if one.kind == Import.Kind.TRANSACTIONS:
        return purchases.COLUMNS
    required = "email" if one.key == ImportKey.EMAIL else "external_id"
    return tuple(replace(column, is_required=column.key == required) for column in attributes.columns())


def identity(one: Import, keys: Sequence[str]) -> str | None:
    """The key by which the rows of a file are told apart; None when they are not."""
    if one.kind == Import.Kind.TRANSACTIONS:
        return "order_id" if "order_id" in keys else None
    return str(one.key)


def staged_columns(one: Import, mapped: Sequence[MappedColumn]) -> dict[str, Kind]:
    """Key to kind of what is staged: what the file brings, and the id that an e-mail address is going to give."""
    kinds = {column.column.key: column.column.kind for column in mapped}
    return kinds if "external_id" in kinds else {**kinds, "external_id": Kind.TEXT}


def refusals(one: Import, staging: sql.Identifier, keys: Sequence[str]) -> Iterator[Reasons]:
    """Rows that were good by themselves but must not be saved beside what is there, one cause after the other.

    The caller takes each batch out of staging before it asks for the next.
    """
    if one.kind == Import.Kind.TRANSACTIONS:
        yield from purchases.refusals(one, staging, keys)
        return
    if one.key == ImportKey.EMAIL:
        yield _ambiguous(staging)
        _find_by_email(staging)
    if one.mode == ImportMode.UPDATE:
        reason = (one.key, "unknown_customer", gettext_noop("There is no such customer, and this import only updates."))
        yield dict.fromkeys(_lines(staging, is_known=False), reason)
    elif one.mode == ImportMode.CREATE:
        reason = (one.key, "known_customer", gettext_noop("This customer is here already, and this import only adds."))
        yield dict.fromkeys(_lines(staging, is_known=True), reason)


def _lines(staging: sql.Identifier, *, is_known: bool) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL(
                "SELECT _line FROM {} AS staged WHERE {} EXISTS"
                " (SELECT FROM {} AS customer WHERE customer.external_id = staged.external_id)"
            ).format(staging, sql.SQL("" if is_known else "NOT"), CUSTOMERS)
        )
        return [line for (line,) in cursor.fetchall()]


def _ambiguous(staging: sql.Identifier) -> Reasons:
    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL("SELECT _line FROM {} AS staged WHERE (SELECT count(*) FROM {} AS customer WHERE {}) > 1").format(
                staging, CUSTOMERS, _SAME_EMAIL
            )
        )
        lines = [line for (line,) in cursor.fetchall()]
    return dict.fromkeys(
        lines,
        (
            "email",
            "ambiguous_customer",
            gettext_noop("Several customers have this e-mail address; give the customer id."),
        ),
    )


def _find_by_email(staging: sql.Identifier) -> None:
    """The id of the customer with the row's address; a new customer is known by the address itself."""
    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL(
                "UPDATE {} AS staged SET external_id ="
                " coalesce((SELECT external_id FROM {} AS customer WHERE {}), lower(staged.email))"
            ).format(staging, CUSTOMERS, _SAME_EMAIL)
        )


# As the index on addresses has it.
_SAME_EMAIL = sql.SQL('customer.email <> \'\' AND lower(customer.email) COLLATE "C" = lower(staged.email) COLLATE "C"')
