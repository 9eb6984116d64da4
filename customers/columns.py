"""The gate: all that others get of customers' values as columns.

Columns, not rows: one array per column took 0.35 s for a million customers with four features, where `values_list`
took 0.7 s and pandas' `read_sql` 1.9 s.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from django.db import connection
from django.db.models import Max, Min
from psycopg import sql

from customers import attributes, purchases, selecting
from customers.files.schema import Column, Kind
from customers.models import Consent, Customer
from customers.selecting import Where
from segmentation_site.database.copying import read_arrays
from segmentation_site.database.moments import at_the_same_moment
from segmentation_site.http.spreadsheets import FORMULA_PATTERN, NUMBER_PATTERN

_Part: TypeAlias = tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]
_TEXTS = (Kind.TEXT, Kind.EMAIL, Kind.CATEGORY)

# What is in flight at once: 12 bytes a value on the way, far below PostgreSQL's limit of 1 GB for an array.
CUSTOMERS_AT_ONCE = 1_000_000
# From how many ids on two connections read half of the customers each: a million in 0.5 s instead of 0.8 s.
MANY = 200_000
_LAST_ID = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Columns:
    """Values of everybody, ordered by customer id.

    ids     (n,) int64      values  (n, p) float64, NaN where missing, columns in the order of `keys`
    levels  of each category among the keys: its column holds places among these
    """

    keys: tuple[str, ...]
    ids: npt.NDArray[np.int64]
    values: npt.NDArray[np.float64]
    levels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def of(self, keys: Sequence[str]) -> "Columns":
        """These columns alone."""
        places = [self.keys.index(key) for key in keys]
        is_all = places == list(range(len(self.keys)))
        return Columns(
            keys=tuple(keys),
            ids=self.ids,
            values=self.values if is_all else np.ascontiguousarray(self.values[:, places]),
            levels={key: levels for key, levels in self.levels.items() if key in keys},
        )

    @property
    def sha256(self) -> str:
        """The fingerprint of these very values of these very customers."""
        digest = hashlib.sha256("\0".join(self.keys).encode())
        digest.update(np.ascontiguousarray(self.ids).tobytes())
        digest.update(np.ascontiguousarray(self.values).tobytes())
        for key, levels in sorted(self.levels.items()):
            digest.update("\0".join(["", key, *levels]).encode())
        return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class Between:
    """Customers whose last change came after one change, and not after another; both are change sequences."""

    after: int
    until: int

    @property
    def where(self) -> sql.Composed:
        """As a condition on the table `customer`."""
        return sql.SQL("customer.change_sequence > {} AND customer.change_sequence <= {}").format(
            sql.Literal(self.after), sql.Literal(self.until)
        )


def last_change() -> int:
    """The highest change sequence that can be seen; 0 without customers. Whatever is written later has a higher one."""
    highest = Customer.objects.aggregate(last=Max("change_sequence"))["last"]
    return int(highest or 0)


def change_after(sequence: int, count: int) -> int | None:
    """The change sequence of the customer who is the `count`-th after this one; None when they are fewer."""
    later = Customer.objects.filter(change_sequence__gt=sequence).order_by("change_sequence")
    return later.values_list("change_sequence", flat=True)[count - 1 : count].first()


def changed(between: Between) -> sql.Composed:
    """A query of the primary keys (`id`) of the customers who changed."""
    return sql.SQL("SELECT customer.id FROM {} AS customer WHERE {}").format(
        sql.Identifier(Customer._meta.db_table), between.where
    )


def some_ids(most: int) -> list[int]:
    """Primary keys of at most so many customers, evenly from the first to the last; the first where many are gone."""
    ends = Customer.objects.aggregate(first=Min("pk"), last=Max("pk"))
    if ends["first"] is None:
        return []
    spaced = np.unique(np.linspace(ends["first"], ends["last"], most).astype(np.int64)).tolist()
    ids = list(Customer.objects.filter(pk__in=spaced).values_list("pk", flat=True))
    if 4 * len(ids) < most:
        ids = list(Customer.objects.order_by("pk").values_list("pk", flat=True)[:most])
    return ids


def count_customers(conditions: Sequence[Where] = ()) -> int:
    """How many there are, or how many fulfil the conditions."""
    if not conditions:
        return Customer.objects.count()
    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL("SELECT count(*) FROM {} AS customer WHERE {}").format(
                sql.Identifier(Customer._meta.db_table), selecting.where(conditions)
            )
        )
        return int(cursor.fetchone()[0])


def read_columns(
    keys: Sequence[str],
    as_of: date | None = None,
    conditions: Sequence[Where] = (),
    changed: Between | None = None,
    only: Sequence[int] | None = None,
) -> Columns:
    """Read features of all customers, or of those who fulfil the conditions, were changed in between, have these
    primary keys.

    Purchases count up to the end of the day `as_of`, in UTC, by default today.
    Yes is 1 and no is 0. Without any purchase the frequency and the money spent are 0, the rest is not known.
    Raises KeyError for a key that is no feature.
    """
    columns = attributes.features_of(keys)
    source = _Source(columns, as_of or datetime.now(UTC).date(), conditions, changed, only)
    middle = None if changed or only or source.is_of_purchases else _middle()
    if middle is None or connection.in_atomic_block:
        parts = source.read(0, _LAST_ID)
    else:
        with at_the_same_moment() as aside:
            upper = aside(lambda: source.read(middle, _LAST_ID))
            parts = source.read(0, middle) + upper.result()
    return Columns(
        keys=tuple(keys),
        ids=np.concatenate([ids for ids, _ in parts]),
        values=np.concatenate([values for _, values in parts]),
        levels=source.levels,
    )


def _middle() -> int | None:
    """The id half way from the first customer to the last; None where they are not many."""
    ends = Customer.objects.aggregate(first=Min("pk"), last=Max("pk"))
    return (ends["first"] + ends["last"]) // 2 if ends["first"] and ends["last"] - ends["first"] >= MANY else None


class _Source:
    """The statement that reads features."""

    def __init__(
        self,
        columns: Sequence[Column],
        as_of: date,
        conditions: Sequence[Where],
        changed: Between | None,
        only: Sequence[int] | None,
    ) -> None:
        self.count = len(columns)
        self.where = sql.SQL(" AND ").join(
            [
                selecting.where(conditions),
                *([changed.where] if changed else []),
                *([sql.SQL("customer.id = ANY ({}::bigint[])").format(sql.Literal(list(only)))] if only else []),
            ]
        )
        self.levels = {column.key: self._levels(column) for column in columns if column.kind is Kind.CATEGORY}
        self.is_of_purchases = any(column.key in purchases.FIGURES for column in columns)
        self.statement = sql.SQL(
            "SELECT array_agg(id), {arrays} FROM"
            " (SELECT customer.id, {values} FROM {table} AS customer {join}"
            " WHERE customer.id > {after} AND customer.id <= {until} AND {conditions}"
            " ORDER BY customer.id LIMIT {most}) AS customer"
        ).format(
            after=sql.Placeholder(),
            until=sql.Placeholder(),
            most=sql.Placeholder(),
            conditions=self.where,
            arrays=sql.SQL(", ").join(
                sql.SQL("array_agg({})").format(sql.Identifier(column.key)) for column in columns
            ),
            values=sql.SQL(", ").join(_as_number(column, self.levels.get(column.key)) for column in columns),
            table=sql.Identifier(Customer._meta.db_table),
            join=sql.SQL("LEFT JOIN ({}) AS purchased ON purchased.customer_id = customer.id").format(
                purchases.figures(as_of, only)
            )
            if self.is_of_purchases
            else sql.SQL(""),
        )

    def _levels(self, column: Column) -> tuple[str, ...]:
        """The values that a category has, in the order of their characters."""
        with connection.cursor() as cursor:
            cursor.execute(
                sql.SQL(
                    'SELECT DISTINCT {value} COLLATE "C" AS level FROM {table} AS customer'
                    " WHERE {where} AND {value} IS NOT NULL ORDER BY level"
                ).format(value=_known(column), table=sql.Identifier(Customer._meta.db_table), where=self.where)
            )
            return tuple(level for (level,) in cursor.fetchall())

    def read(self, after: int, until: int) -> list[_Part]:
        """Customers beyond one id, up to another, in portions."""
        parts: list[_Part] = []
        while not parts or len(parts[-1][0]) == CUSTOMERS_AT_ONCE:
            beyond = int(parts[-1][0][-1]) if parts else after
            limits = [beyond, until, CUSTOMERS_AT_ONCE]
            ids, *values = read_arrays(self.statement, limits, ["i8", *(["f8"] * self.count)])
            parts.append((ids, np.column_stack(values)))
        return parts


def _known(column: Column) -> sql.Composed:
    """A category's value, null where it is not known."""
    blank = attributes.blank_of(column.key)
    value = _of_customer(column)
    return value if blank is None else sql.SQL("nullif({}, {})").format(value, sql.Literal(blank))


def _as_number(column: Column, levels: Sequence[str] | None) -> sql.Composed:
    if column.key in purchases.FIGURES:
        value = sql.SQL("purchased.{}").format(sql.Identifier(column.key))
        nothing = "0" if column.key in purchases.ZERO_WITHOUT_PURCHASES else "'NaN'"
    elif levels is not None:
        value = sql.SQL("(array_position({}::text[], {}) - 1)").format(sql.Literal(list(levels)), _known(column))
        nothing = "'NaN'"
    else:
        value = _of_customer(column)
        if column.kind is Kind.BOOLEAN:
            value = sql.SQL("{}::int").format(value)
        nothing = "'NaN'"
    return sql.SQL("coalesce({}::float8, {}::float8) AS {}").format(value, sql.SQL(nothing), sql.Identifier(column.key))


@dataclass(frozen=True, slots=True)
class Joined:
    """Customers in somebody else's statement.

    external_id, values   columns to select, each under its key; `values` is a list that may be empty
    join                  gives them the name `customer`; rows whose customer is gone stay, without values
    is_there              whether the customer of a row is still there
    is_contactable        whether it is, and agreed to be contacted
    """

    external_id: sql.Composed
    values: list[sql.Composed]
    join: sql.Composed
    is_there: sql.SQL
    is_contactable: sql.Composed


def joined(customer_id: sql.Composable, keys: Sequence[str] = (), *, for_spreadsheets: bool = False) -> Joined:
    """The customers whose primary key is `customer_id`, with their external id and the values of `keys`.

    For spreadsheets no text begins as a formula would. Raises KeyError for a key that is no column.
    """
    known = {column.key: column for column in (attributes.columns() if keys else attributes.built_in())}
    external_id, *values = [
        sql.SQL("{} AS {}").format(
            harmless(_of_customer(column)) if for_spreadsheets and column.kind in _TEXTS else _of_customer(column),
            sql.Identifier(column.key),
        )
        for column in [known[key] for key in ("external_id", *keys)]
    ]
    join = sql.SQL("LEFT JOIN {} AS customer ON customer.id = {}").format(
        sql.Identifier(Customer._meta.db_table), customer_id
    )
    is_contactable = sql.SQL("customer.consent = {}").format(sql.Literal(Consent.GRANTED.value))
    return Joined(external_id, values, join, sql.SQL("customer.id IS NOT NULL"), is_contactable)


def _of_customer(column: Column) -> sql.Composed:
    return sql.SQL("customer.{}").format(sql.Identifier(attributes.name_in_table(column.key)))


def harmless(value: sql.Composable) -> sql.Composed:
    """A text as a spreadsheet may have it: the rule of segmentation_site.http.spreadsheets, in SQL."""
    return sql.SQL("CASE WHEN {0} ~ {1} AND {0} !~ {2} THEN {3} || {0} ELSE {0} END").format(
        value, sql.Literal(FORMULA_PATTERN), sql.Literal(NUMBER_PATTERN), sql.Literal("'")
    )
