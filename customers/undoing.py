"""Taking an import back, whole: who came with it goes, what it changed comes back, what changed afterwards stays.

The edits of a customer are a chain: each holds what it replaced. Taking one out of the middle hands what it replaced
on to the next edit of the same value; at the end of the chain, to the customer.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import IntegrityError, connection, transaction
from django.utils import timezone
from django.utils.translation import gettext_noop
from psycopg import sql

from customers import attributes
from customers.files.schema import Column, Kind
from customers.merging import CUSTOMERS, EDITS, column, next_change
from customers.models import Import, ImportStatus, Undo, lock_writers
from customers.purchases import TRANSACTIONS
from customers.signals import customers_changed, customers_going, purchases_changed
from segmentation_site.access import audit
from segmentation_site.access.audit import Action
from segmentation_site.jobs import bell
from segmentation_site.jobs.leases import Lease
from segmentation_site.jobs.problems import Problem

_TYPES = {Kind.NUMBER: "float8", Kind.DATE: "date", Kind.BOOLEAN: "boolean"}


class NotUndoable(Problem):
    code = "not_undoable"
    sentence = gettext_noop("This import cannot be taken back: {why}")
    http_status = 409


class BeingUndone(Problem):
    code = "being_undone"
    sentence = gettext_noop("This import is being taken back already.")
    http_status = 409


@dataclass(frozen=True, slots=True)
class Forecast:
    """What taking an import back would do, as numbers of customers and of transactions.

    removed     came with the import and go again
    restored    get back what the import changed; those who came with it and stay lose what it said of them
    kept        were changed afterwards as well: those later values stay
    """

    removed: int
    restored: int
    kept: int
    transactions: int


def obstacle(one: Import) -> str:
    """Why this import cannot be taken back; "" when it can."""
    if one.status == ImportStatus.UNDONE:
        return gettext_noop("it was taken back already.")
    if one.status != ImportStatus.DONE:
        return gettext_noop("it is {state}.").format(state=ImportStatus(one.status).label.lower())
    if one.is_dry_run:
        return gettext_noop("it only checked, and changed nothing.")
    if one.undoable_until is None or one.undoable_until < timezone.now():
        return gettext_noop(
            "what it replaced is kept for {days} days only, and is gone. Import a file with the earlier values instead."
        ).format(days=settings.IMPORTS_KEPT_DAYS)
    return ""


def last_undo(public_id: str) -> Undo | None:
    """What took the import of that id back, or was to, or is doing it."""
    return Undo.objects.filter(undone_import__public_id=public_id).order_by("-pk").first()


def running_undo(one: Import) -> Undo | None:
    """What is taking this import back just now, if anything is."""
    last = last_undo(one.public_id)
    return last if last is not None and last.is_active else None


def start_undo(one: Import, *, by: User | None, ring: bool = True) -> Undo:
    """Queue the undoing of an import. Raises NotUndoable or BeingUndone."""
    try:
        with transaction.atomic():
            undo = Undo.objects.create(undone_import=one, created_by=by)
            # Only now nobody else takes it back; somebody may have come to the end of that since it was read.
            one.refresh_from_db()
            if why := obstacle(one):
                raise NotUndoable(why=why)
            audit.record(Action.IMPORT_UNDONE, one.public_id, by=by)
            if ring:
                bell.ring_on_commit(undo)
    except IntegrityError as error:
        raise BeingUndone() from error
    return undo


def forecast(one: Import) -> Forecast:
    """What undoing would do as things are now."""
    names = _names(one)
    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL(
                """
                WITH later AS (
                    SELECT DISTINCT customer_id FROM {edits} AS edit
                    WHERE source_import_id IS DISTINCT FROM {import} AND id > (
                        SELECT coalesce(min(id), 0) FROM {edits} WHERE source_import_id = {import}
                    )
                    UNION
                    SELECT customer_id FROM {transactions} WHERE source_import_id IS DISTINCT FROM {import}
                ), mine AS (SELECT DISTINCT customer_id FROM {edits} WHERE source_import_id = {import}),
                doubtful AS (
                    SELECT edit.customer_id, edit.id, key FROM {edits} AS edit, jsonb_object_keys(edit.before) AS key
                    WHERE source_import_id = {import} AND edit.customer_id IN (SELECT customer_id FROM later)
                    UNION ALL
                    SELECT customer.id, 0, key FROM {customers} AS customer, unnest({brought}::text[]) AS key
                    WHERE created_import_id = {import} AND customer.id IN (SELECT customer_id FROM later)
                )
                SELECT
                    (SELECT count(*) FROM {customers} AS customer WHERE created_import_id = {import}
                        AND NOT EXISTS (SELECT FROM later WHERE customer_id = customer.id)),
                    (SELECT count(*) FROM mine
                        WHERE NOT EXISTS (SELECT FROM later WHERE later.customer_id = mine.customer_id))
                        + (SELECT count(DISTINCT customer_id) FROM doubtful WHERE NOT EXISTS (
                            SELECT FROM {edits} AS next WHERE next.customer_id = doubtful.customer_id
                                AND next.source_import_id IS DISTINCT FROM {import}
                                AND next.id > doubtful.id AND next.before ? key
                        )),
                    (SELECT count(*) FROM later WHERE customer_id IN (SELECT customer_id FROM mine)
                        OR customer_id IN (SELECT id FROM {customers} WHERE created_import_id = {import})),
                    (SELECT count(*) FROM {transactions} WHERE source_import_id = {import})
                """
            ).format(**names, brought=sql.Literal(_brought(one)))
        )
        return Forecast(*cursor.fetchone())


def execute(undo: Undo, lease: Lease[Undo]) -> None:
    """Take the import back in one transaction: everything or nothing."""
    lease.phase(gettext_noop("taking back"))
    with lease.writing():
        lock_writers()
        one = Import.objects.select_for_update().get(pk=undo.undone_import_id)
        if why := obstacle(one):
            raise NotUndoable(why=why)
        taking = _TakingBack(one)
        transactions = taking.remove_transactions()
        taking.look_at_later_edits()
        removed = taking.customers_to_go()
        customers_going.send(sender=Import, customer_ids=removed, kind="left")
        taking.remove_customers()
        taking.collect()
        kept = taking.hand_on()
        restored = taking.restore()
        taking.forget()
        customers_changed.send(sender=Import)
        if transactions:
            purchases_changed.send(sender=Import)
        Import.objects.filter(pk=one.pk).update(status=ImportStatus.UNDONE)
        lease.finish(removed=len(removed), restored=restored, kept=kept, transactions_removed=transactions)


def _names(one: Import) -> dict[str, sql.Composable]:
    return {
        "customers": CUSTOMERS,
        "edits": EDITS,
        "transactions": TRANSACTIONS,
        "import": sql.Literal(one.pk),
        "next_change": next_change(),
    }


def _facts() -> dict[str, Column]:
    """Everything that may be said of a customer, by its key."""
    return {known.key: known for known in attributes.columns() if known.key != "external_id"}


def _brought(one: Import) -> list[str]:
    """What customers who came with the import got from it."""
    facts = _facts()
    return [key for key in one.mapping.values() if key in facts]


class _TakingBack:
    """The statements of one undo, in the order in which they are called."""

    def __init__(self, one: Import) -> None:
        self.one = one
        self.names = _names(one)
        self.known = _facts()
        self.brought = _brought(one)

    def _run(self, statement: str, **names: sql.Composable) -> int:
        with connection.cursor() as cursor:
            cursor.execute(sql.SQL(statement).format(**self.names, **names))
            return max(0, int(cursor.rowcount))

    def remove_transactions(self) -> int:
        return self._run("DELETE FROM {transactions} WHERE source_import_id = {import}")

    def look_at_later_edits(self) -> None:
        """Those of others, of customers whom the import brought or changed, after it did."""
        self._run(
            """
            CREATE TEMPORARY TABLE undo_later ON COMMIT DROP AS
            SELECT edit.id, edit.customer_id, edit.source_import_id, edit.before
            FROM {edits} AS edit
            WHERE edit.source_import_id IS DISTINCT FROM {import} AND (
                edit.customer_id IN (SELECT id FROM {customers} WHERE created_import_id = {import})
                OR EXISTS (
                    SELECT FROM {edits} AS mine
                    WHERE mine.source_import_id = {import} AND mine.customer_id = edit.customer_id AND mine.id < edit.id
                )
            )
            """
        )
        self._run("CREATE INDEX ON undo_later (customer_id, id)")
        self._run("ANALYZE undo_later")

    def customers_to_go(self) -> list[int]:
        """Those who came with the import and of whom nobody has said anything since; their ids."""
        self._run(
            """
            CREATE TEMPORARY TABLE undo_going ON COMMIT DROP AS
            SELECT id FROM {customers} AS customer WHERE created_import_id = {import}
                AND NOT EXISTS (SELECT FROM undo_later AS later WHERE later.customer_id = customer.id)
                AND NOT EXISTS (SELECT FROM {transactions} AS other WHERE other.customer_id = customer.id)
            """
        )
        with connection.cursor() as cursor:
            cursor.execute("SELECT coalesce(array_agg(id), '{}') FROM undo_going")
            return list(cursor.fetchone()[0])

    def remove_customers(self) -> None:
        self._run("DELETE FROM {customers} WHERE id IN (SELECT id FROM undo_going)")

    def collect(self) -> None:
        """Each value that the import replaced, and the next edit of the same value, if there is one.

        For customers who came with it and stay, each value that it brought: it replaced nothing.
        """
        self._run(
            """
            CREATE TEMPORARY TABLE undo_values ON COMMIT DROP AS
            SELECT customer_id, key, value, (
                SELECT min(later.id) FROM undo_later AS later
                WHERE later.customer_id = replaced.customer_id AND later.id > replaced.id AND later.before ? key
            ) AS next_id
            FROM (
                SELECT edit.customer_id, edit.id, each.key, each.value
                FROM {edits} AS edit, jsonb_each(edit.before) AS each
                WHERE edit.source_import_id = {import}
                UNION ALL
                SELECT customer.id, 0, key, 'null'::jsonb
                FROM {customers} AS customer, unnest({brought}::text[]) AS key
                WHERE customer.created_import_id = {import}
            ) AS replaced
            """,
            brought=sql.Literal(self.brought),
        )
        self._run("ANALYZE undo_values")

    def hand_on(self) -> int:
        """To the next edits; the number of customers of whom something later stays."""
        self._run(
            """
            UPDATE {edits} AS edit SET before = edit.before || replaced.before
            FROM (
                SELECT next_id, jsonb_object_agg(key, value) AS before
                FROM undo_values WHERE next_id IS NOT NULL GROUP BY next_id
            ) AS replaced
            WHERE edit.id = replaced.next_id
            """
        )
        # Who came with the import and stays came, from now on, with whatever said something of them next.
        self._run(
            """
            UPDATE {customers} AS customer SET created_import_id = coalesce(
                (SELECT later.source_import_id FROM undo_later AS later
                    WHERE later.customer_id = customer.id ORDER BY later.id LIMIT 1),
                (SELECT min(other.source_import_id) FROM {transactions} AS other
                    WHERE other.customer_id = customer.id
                        AND NOT EXISTS (SELECT FROM undo_later AS later WHERE later.customer_id = customer.id))
            )
            WHERE created_import_id = {import}
            """
        )
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(DISTINCT customer_id) FROM undo_values WHERE next_id IS NOT NULL")
            return int(cursor.fetchone()[0])

    def restore(self) -> int:
        """To the customers themselves; the number of those who were changed."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT DISTINCT key FROM undo_values WHERE next_id IS NULL")
            keys = [key for (key,) in cursor.fetchall() if key in self.known]
        if not keys:
            return 0
        return self._run(
            """
            UPDATE {customers} AS customer SET {values}, change_sequence = {next_change}, updated_at = now(),
                source_import_id = nullif(customer.source_import_id, {import})
            FROM (
                SELECT customer_id, jsonb_object_agg(key, value) AS before
                FROM undo_values WHERE next_id IS NULL GROUP BY customer_id
            ) AS replaced
            WHERE customer.id = replaced.customer_id
            """,
            values=_listed(
                sql.SQL("{0} = CASE WHEN replaced.before ? {1} THEN {2} ELSE customer.{0} END").format(
                    column(key), sql.Literal(key), self._read(key)
                )
                for key in keys
            ),
        )

    def _read(self, key: str) -> sql.Composed:
        kind = sql.SQL(_TYPES.get(self.known[key].kind, "text"))
        value = sql.SQL("(replaced.before ->> {})::{}").format(sql.Literal(key), kind)
        blank: Any = attributes.blank_of(key)
        return value if blank is None else sql.SQL("coalesce({}, {})").format(value, sql.Literal(blank))

    def forget(self) -> None:
        """The import's own edits are out of the chain."""
        self._run("DELETE FROM {edits} WHERE source_import_id = {import}")


def _listed(parts: Iterable[sql.Composable]) -> sql.Composed:
    return sql.SQL(", ").join(parts)
