"""Transactions: how files bring them, and what they say of each customer as of a date.

Light: only the database computes here.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime

from django.db import connection
from django.utils.translation import gettext_noop
from psycopg import sql

from customers.attributes import PURCHASE_FIGURES
from customers.files.schema import Column, Kind
from customers.merging import CUSTOMERS, Merged, next_change
from customers.models import Import, ImportMode, ImportStatus, Transaction, Undo

TRANSACTIONS = sql.Identifier(Transaction._meta.db_table)
COLUMNS = (
    Column(
        "external_id",
        gettext_noop("Customer id"),
        Kind.TEXT,
        max_length=200,
        aliases=(
            *("customer id", "customer", "client id", "user id", "member id", "account id", "cust id"),
            *("customer number", "customer no", "kundennummer", "id client"),
        ),
        is_required=True,
    ),
    Column(
        "at",
        gettext_noop("Date"),
        Kind.DATE,
        aliases=(
            *("order date", "transaction date", "purchase date", "invoice date", "purchased on", "ordered at"),
            *("created at", "timestamp", "time", "day", "datum"),
        ),
        is_required=True,
        is_past=True,
    ),
    Column(
        "amount",
        gettext_noop("Amount"),
        Kind.NUMBER,
        aliases=(
            *("total", "order total", "order value", "value", "dollar value", "revenue", "price", "sales", "net"),
            *("spent", "betrag", "montant"),
        ),
        is_required=True,
    ),
    Column(
        "order_id",
        gettext_noop("Order id"),
        Kind.TEXT,
        max_length=200,
        aliases=(
            *("order", "order number", "order no", "transaction id", "transaction", "invoice", "invoice no"),
            *("invoice number", "receipt", "receipt id", "purchase id", "bestellnummer"),
        ),
    ),
    Column(
        "currency", gettext_noop("Currency"), Kind.TEXT, max_length=3, aliases=("currency code", "währung", "devise")
    ),
)
FIGURES = tuple(figure.key for figure in PURCHASE_FIGURES)
ZERO_WITHOUT_PURCHASES = ("frequency", "monetary")

Reasons = Mapping[int, tuple[str, str, str]]


def refusals(one: Import, staging: sql.Identifier, keys: Sequence[str]) -> Iterator[Reasons]:
    """Rows that must not be saved beside what is there: orders that are known otherwise, and unknown customers."""
    if "order_id" in keys:
        yield dict.fromkeys(
            _lines(
                "SELECT _line FROM {staging} AS staged JOIN {transactions} AS known"
                " ON known.source = {source} AND known.order_id = staged.order_id"
                " JOIN {customers} AS customer ON customer.id = known.customer_id"
                " WHERE known.order_id <> '' AND (known.amount <> staged.amount OR known.at <> {at}"
                " OR customer.external_id <> staged.external_id)",
                _names(one, staging, keys),
            ),
            (
                "order_id",
                "order_differs",
                gettext_noop("This order is here already with another customer, date or amount."),
            ),
        )
    if one.mode == ImportMode.UPDATE:
        yield dict.fromkeys(
            _lines(
                "SELECT _line FROM {staging} AS staged WHERE NOT EXISTS"
                " (SELECT FROM {customers} AS customer WHERE customer.external_id = staged.external_id)",
                _names(one, staging, keys),
            ),
            ("external_id", "unknown_customer", gettext_noop("There is no such customer, and this import adds none.")),
        )


def _lines(statement: str, names: dict[str, sql.Composable]) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL(statement).format(**names))
        return [line for (line,) in cursor.fetchall()]


def _names(one: Import, staging: sql.Identifier, keys: Sequence[str]) -> dict[str, sql.Composable]:
    def text(key: str) -> sql.Composable:
        return sql.SQL("coalesce(staged.{}, '')").format(sql.Identifier(key)) if key in keys else sql.SQL("''")

    return {
        "staging": staging,
        "transactions": TRANSACTIONS,
        "customers": CUSTOMERS,
        "source": sql.Literal(one.source),
        "import_id": sql.Literal(one.pk),
        "next_change": next_change(),
        "at": sql.SQL("(staged.at::timestamp AT TIME ZONE 'UTC')"),
        "order_id": text("order_id"),
        "currency": text("currency"),
    }


class Merging:
    """The statements that bring staged transactions to the others; an order that is known stays as it is."""

    def __init__(self, staging: sql.Identifier, keys: Sequence[str], one: Import) -> None:
        self.names = _names(one, staging, keys)

    def write(self) -> Merged:
        """Add the customers who are not known, then the transactions. The caller holds the writers' lock."""
        with connection.cursor() as cursor:
            cursor.execute(
                sql.SQL(
                    "INSERT INTO {customers} (external_id, first_name, last_name, email, phone, gender, city, country,"
                    " source_import_id, created_import_id)"
                    " SELECT external_id, '', '', '', '', '', '', '', {import_id}, {import_id}"
                    " FROM (SELECT DISTINCT external_id FROM {staging}) AS staged"
                    " WHERE NOT EXISTS"
                    " (SELECT FROM {customers} AS customer WHERE customer.external_id = staged.external_id)"
                    " ORDER BY external_id"
                ).format(**self.names)
            )
            cursor.execute(
                sql.SQL(
                    "INSERT INTO {transactions}"
                    " (customer_id, source, order_id, at, amount, currency, source_import_id)"
                    " SELECT customer.id, {source}, {order_id}, {at}, staged.amount, {currency}, {import_id}"
                    " FROM {staging} AS staged JOIN {customers} AS customer USING (external_id) ORDER BY _line"
                    " ON CONFLICT (source, order_id) WHERE NOT order_id = '' DO NOTHING"
                ).format(**self.names)
            )
            return Merged(int(cursor.rowcount), 0)

    def count(self) -> Merged:
        """What `write` would add."""
        with connection.cursor() as cursor:
            cursor.execute(
                sql.SQL(
                    "SELECT count(*) FROM {staging} AS staged WHERE {order_id} = '' OR NOT EXISTS"
                    " (SELECT FROM {transactions} AS known"
                    " WHERE known.source = {source} AND known.order_id = {order_id})"
                ).format(**self.names)
            )
            return Merged(int(cursor.fetchone()[0]), 0)


def changed_since(moment: datetime) -> bool:
    """Whether purchases came, or were taken back, after it."""
    brought = Import.objects.filter(
        kind=Import.Kind.TRANSACTIONS, is_dry_run=False, status__in=(ImportStatus.DONE, ImportStatus.UNDONE)
    )
    return (
        brought.filter(finished_at__gt=moment).exists()
        or Undo.objects.filter(transactions_removed__gt=0, finished_at__gt=moment).exists()
    )


def figures(as_of: date, only: Sequence[int] | None = None) -> sql.Composed:
    """A subquery of `customer_id` and every figure of the purchases before the end of the day `as_of`, in UTC.

    recency, tenure     days from the last and the first purchase to `as_of`
    frequency           distinct orders; a purchase without an order id is one of its own, a return is none
    monetary            sum of amounts, returns taken off
    average_order       sum of the purchases over their number
    purchase_interval   days from the first to the last purchase over the number of intervals; unknown for one purchase

    Returns (negative amounts) count for money alone, and purchases of nothing (amount 0) are purchases. With `only`,
    of the customers with these primary keys.
    """
    return sql.SQL(
        """
        SELECT customer_id,
            ({as_of}::date - last)::float8 AS recency,
            orders::float8 AS frequency,
            net AS monetary,
            gross / nullif(orders, 0) AS average_order,
            ({as_of}::date - first)::float8 AS tenure,
            (last - first)::float8 / nullif(orders - 1, 0) AS purchase_interval
        FROM (
            SELECT customer_id,
                sum(amount) AS net,
                sum(amount) FILTER (WHERE amount >= 0) AS gross,
                count(*) FILTER (WHERE amount >= 0) AS orders,
                min((at AT TIME ZONE 'UTC')::date) FILTER (WHERE amount >= 0) AS first,
                max((at AT TIME ZONE 'UTC')::date) FILTER (WHERE amount >= 0) AS last
            FROM {transactions}
            WHERE at < ({as_of}::date + 1)::timestamp AT TIME ZONE 'UTC' AND {whose}
            GROUP BY customer_id
        ) AS purchased
        """
    ).format(
        as_of=sql.Literal(as_of.isoformat()),
        transactions=TRANSACTIONS,
        whose=sql.SQL("true" if only is None else "customer_id = ANY ({}::bigint[])").format(
            sql.Literal(list(only or ()))
        ),
    )
