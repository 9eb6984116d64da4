"""Everybody at a glance: how many customers there are, how many may be contacted, how their facts are distributed."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.core.cache import cache
from django.db import connection
from django.db.models import Max
from django.utils.translation import gettext_noop, override
from psycopg import sql

from customers.models import Consent, Customer, Gender

# Numbers shown as histograms, with how a person reads their values.
NUMBERS = {
    "age": gettext_noop("Age"),
    "annual_income": gettext_noop("Annual income (k$)"),
    "spending_score": gettext_noop("Spending score"),
}
UNKNOWN = gettext_noop("Not known")
# The counts change only when a customer does; until then nobody has to scan the table again.
REMEMBER_SECONDS = 24 * 60 * 60


@dataclass(frozen=True, slots=True)
class Bin:
    """Customers whose value lies in one interval, or has one category: what to call it, and how many they are."""

    label: str
    count: int


@dataclass(frozen=True, slots=True)
class Distribution:
    """How one fact is distributed over all customers; `unknown` counts those of whom it is not known."""

    key: str
    label: str
    bins: tuple[Bin, ...] = ()
    unknown: int = 0

    @property
    def known(self) -> int:
        """How many customers the bins hold."""
        return sum(one.count for one in self.bins)

    @property
    def finding(self) -> str:
        """One sentence on what stands out."""
        if not self.known:
            return gettext_noop("{label} is not known of any customer yet.").format(label=self.label)
        most = max(self.bins, key=lambda one: one.count)
        template = gettext_noop("{word} is the most common, with {share:.0%}.")
        if self.unknown:
            template = gettext_noop("{word} is the most common, with {share:.0%}. Not known of {count:,}.")
        return template.format(word=most.label, share=most.count / self.known, count=self.unknown)


@dataclass(frozen=True, slots=True)
class Everybody:
    """All customers at a glance."""

    customers: int = 0
    contactable: int = 0
    distributions: tuple[Distribution, ...] = ()

    @property
    def contactable_percent(self) -> float:
        """How many of a hundred agreed to be contacted."""
        return 100 * self.contactable / self.customers if self.customers else 0.0


def everybody() -> Everybody:
    """Count customers and bin their facts; computed once for each state of the customers and then remembered."""
    latest = Customer.objects.aggregate(latest=Max("change_sequence"))["latest"]
    if latest is None:
        return Everybody()
    key = f"customers.everybody:{connection.settings_dict['NAME']}:{latest}"
    remembered: Everybody | None = cache.get(key)
    if remembered is None:
        # In English, as all that is kept: it is shown to readers of every language.
        with override("en"):
            remembered = _count(_bins())
        cache.set(key, remembered, REMEMBER_SECONDS)
    return remembered


# A step of 1, 2, 5 or 10 times a power of ten that cuts the extent of a column into seven to fifteen intervals.
_STEP = sql.SQL("""
    (SELECT power(10, floor(log(raw::numeric)))::float8
            * CASE WHEN raw / power(10, floor(log(raw::numeric)))::float8 <= 1 THEN 1
                   WHEN raw / power(10, floor(log(raw::numeric)))::float8 <= 2 THEN 2
                   WHEN raw / power(10, floor(log(raw::numeric)))::float8 <= 5 THEN 5
                   ELSE 10 END
     FROM (SELECT greatest(max({column}) - min({column}), 1) / 15 AS raw FROM {table}) AS extent) AS {column}
""")

# One statement: the steps from the extents, then every count in one pass over the table.
_STATEMENT = sql.SQL("""
    WITH step AS MATERIALIZED (SELECT {steps}),
    binned AS (
        SELECT customer.gender, customer.consent, {binned}
        FROM {table} AS customer CROSS JOIN step
    )
    SELECT {which}, gender, consent, {columns}, count(*), {step_columns}
    FROM binned CROSS JOIN step
    GROUP BY GROUPING SETS ((gender), (consent), {sets}), {step_columns}
""")


def _bins() -> list[tuple[str, Any, int, float | None]]:
    """(column, lower bound or category or None for unknown, count, width of the interval), where anybody is."""
    names = list(NUMBERS)
    table = sql.Identifier(Customer._meta.db_table)
    columns = [sql.Identifier(name) for name in names]
    statement = _STATEMENT.format(
        table=table,
        steps=sql.SQL(", ").join(_STEP.format(column=column, table=table) for column in columns),
        binned=sql.SQL(", ").join(
            sql.SQL("floor(customer.{0} / step.{0}) * step.{0} AS {0}").format(column) for column in columns
        ),
        which=sql.SQL("GROUPING(gender, consent, {})").format(
            sql.SQL(", ").join(sql.SQL("binned.{}").format(column) for column in columns)
        ),
        columns=sql.SQL(", ").join(sql.SQL("binned.{}").format(column) for column in columns),
        sets=sql.SQL(", ").join(sql.SQL("(binned.{})").format(column) for column in columns),
        step_columns=sql.SQL(", ").join(sql.SQL("step.{}").format(column) for column in columns),
    )
    grouped = ["gender", "consent", *names]
    with connection.cursor() as cursor:
        cursor.execute(statement)
        rows = cursor.fetchall()
    counted = []
    for mask, *rest in rows:
        values, count, steps = rest[: len(grouped)], rest[len(grouped)], rest[len(grouped) + 1 :]
        # GROUPING has a 0 at the one column that this row is about, the first column being the highest bit.
        position = next(place for place in range(len(grouped)) if not mask >> (len(grouped) - 1 - place) & 1)
        step = steps[position - 2] if position >= 2 else None
        counted.append((grouped[position], values[position], count, step))
    return counted


def _count(bins: Iterable[tuple[str, Any, int, float | None]]) -> Everybody:
    bins = list(bins)
    consents = {value: count for column, value, count, _ in bins if column == "consent"}
    genders = {value: count for column, value, count, _ in bins if column == "gender"}
    distributions = [
        Distribution(
            "gender",
            gettext_noop("Gender"),
            tuple(Bin(str(gender.label), genders[gender.value]) for gender in Gender if genders.get(gender.value)),
            genders.get("", 0),
        )
    ]
    for name, label in NUMBERS.items():
        mine = [(value, count, step) for column, value, count, step in bins if column == name]
        distributions.append(_histogram(name, label, mine))
    return Everybody(sum(consents.values()), consents.get(Consent.GRANTED, 0), tuple(distributions))


def _histogram(key: str, label: str, mine: list[tuple[float | None, int, float | None]]) -> Distribution:
    """Every interval between the lowest and the highest, the empty ones too, so that a gap is seen as a gap."""
    known = {round(value / step): count for value, count, step in mine if value is not None and step}
    unknown = sum(count for value, count, _ in mine if value is None)
    if not known:
        return Distribution(key, label, (), unknown)
    step = next(step for value, _, step in mine if value is not None and step)
    places = range(min(known), max(known) + 1)
    return Distribution(
        key, label, tuple(Bin(_interval(place * step, step), known.get(place, 0)) for place in places), unknown
    )


def _interval(low: float, step: float) -> str:
    """ "20–29" for whole numbers, "0.5–1" otherwise."""
    if step >= 1:
        return f"{low:,.0f}–{low + step - 1:,.0f}" if step > 1 else f"{low:,.0f}"
    return f"{low:g}–{low + step:g}"
