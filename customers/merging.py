"""Bringing staged rows to the customers: the statements that add, change and remember what they replaced.

Light: imports stage files, writing stages what the API got; both end here.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db import connection
from psycopg import sql

from customers import attributes
from customers.models import CHANGE_SEQUENCE, Customer, Edit, EmptyCells, ImportMode

CUSTOMERS = sql.Identifier(Customer._meta.db_table)
EDITS = sql.Identifier(Edit._meta.db_table)
# Enough for the hash of a merge of some million rows to stay in memory.
MERGE_MEMORY = "256MB"
# The staged rows that say something new.
_TELLING = sql.Identifier("merge_telling")
# Whom they belong to; a key never has a blank.
_KNOWN = sql.Identifier("known customer")
# Nobody's refusal is taken back by a file that says nothing of it.
NEVER_CLEARED = frozenset({"consent"})


@dataclass(frozen=True, slots=True)
class Rules:
    """What a merge may do, and in whose name: an import's, or a person's when `import_id` is None."""

    mode: str = ImportMode.UPSERT
    empty_cells: str = EmptyCells.LEAVE
    import_id: int | None = None


@dataclass(frozen=True, slots=True)
class Merged:
    """How many customers a merge added and changed."""

    created: int
    updated: int


def next_change() -> sql.Composed:
    """The next change sequence, in SQL."""
    return sql.SQL("nextval({})").format(sql.Literal(CHANGE_SEQUENCE))


def column(key: str) -> sql.Identifier:
    """The customers' column of an attribute."""
    return sql.Identifier(attributes.name_in_table(key))


class Merging:
    """The statements of one merge.

    `staging` has a column of each of `keys`, which begin with external_id, under that key; its external ids are
    distinct.
    """

    def __init__(self, staging: sql.Identifier, keys: Sequence[str], rules: Rules) -> None:
        facts = [key for key in keys if key != "external_id"]
        self.rules = rules
        self.creates = rules.mode != ImportMode.UPDATE
        self.updates = rules.mode != ImportMode.CREATE and bool(facts)
        everything = [one.key for one in attributes.columns()]
        self.names = {
            "customers": CUSTOMERS,
            "edits": EDITS,
            "staging": staging,
            "is_same": sql.SQL("customer.external_id = staged.external_id"),
            "next_change": next_change(),
            "import_id": sql.Literal(rules.import_id),
            "columns": _listed(column(key) for key in everything),
            "values": _listed(_value_of_new(key, is_staged=key in keys) for key in everything),
            "differs": sql.SQL(" OR ").join(map(self._differs, facts)),
            "changes": _listed(sql.SQL("{} = {}").format(column(key), self._changed(key)) for key in facts),
            "before": sql.SQL(" || ").join(
                sql.SQL(
                    "CASE WHEN old.{0} IS DISTINCT FROM new.{0} THEN jsonb_build_object({1}, old.{0}) ELSE '{{}}' END"
                ).format(column(key), sql.Literal(key))
                for key in facts
            ),
        }

    def write(self) -> Merged:
        """Add new customers, change known ones where they differ, and keep what was there before.

        Only rows that differ are written, and only those get a new change sequence. The caller holds the writers'
        lock.
        """
        if not (self.creates or self.updates):
            return Merged(0, 0)
        update = """
            WHEN MATCHED AND ({differs}) THEN
                UPDATE SET {changes}, change_sequence = {next_change}, updated_at = now(),
                    source_import_id = {import_id}
        """
        create = """
            WHEN NOT MATCHED THEN
                INSERT ({columns}, source_import_id, created_import_id) VALUES ({values}, {import_id}, {import_id})
        """
        return self._counted(
            f"""
            WITH merged AS (
                MERGE INTO {{customers}} AS customer
                USING {{staging}} AS staged
                ON {{is_same}}
                {update if self.updates else ""}
                {create if self.creates else ""}
                RETURNING merge_action() AS action, new.id AS id,
                    {"CASE WHEN old.id IS NOT NULL THEN {before} END" if self.updates else "NULL::jsonb"} AS before
            ), kept AS (
                INSERT INTO {{edits}} (customer_id, source_import_id, before)
                SELECT id, {{import_id}}, before FROM merged WHERE action = 'UPDATE'
            )
            SELECT count(*) FILTER (WHERE action = 'INSERT'), count(*) FILTER (WHERE action = 'UPDATE') FROM merged
            """  # noqa: S608 - only clauses of our own are put together
        )

    def write_many(self) -> Merged:
        """The same for many rows: the few among them that say something new are looked for first.

        PostgreSQL does that on all cores, where MERGE works alone and fetches every known customer once more. The rows
        must not be staged in a temporary table, which only one process can read.
        """
        is_new = "customer.id IS NULL" if self.creates else "false"
        is_changed = "(customer.id IS NOT NULL AND ({differs}))" if self.updates else "false"
        with connection.cursor() as cursor:
            # The planner takes every row for one that says something new, and fears to hand so many from process to
            # process.
            cursor.execute(
                "SELECT set_config('work_mem', %s, true), set_config('parallel_tuple_cost', '0', true)", [MERGE_MEMORY]
            )
            cursor.execute(
                sql.SQL(
                    f"""
                    CREATE TEMPORARY TABLE {{telling}} ON COMMIT DROP AS
                    SELECT staged.*, customer.id AS {{known}} FROM {{staging}} AS staged
                    LEFT JOIN {{customers}} AS customer ON {{is_same}}
                    WHERE {is_new} OR {is_changed}
                    """  # noqa: S608 - only clauses of our own are put together
                ).format(telling=_TELLING, known=_KNOWN, **self.names)
            )
            cursor.execute(sql.SQL("ANALYZE {} ({})").format(_TELLING, _KNOWN))
        # Nobody else writes meanwhile, so that whom a row belongs to needs no second look.
        self.names |= {"staging": _TELLING, "is_same": sql.SQL("customer.id = staged.{}").format(_KNOWN)}
        return self.write()

    def count(self) -> Merged:
        """What `write` would do, without doing it."""
        return self._counted(
            f"""
            SELECT
                count(*) FILTER (WHERE customer.id IS NULL AND {self.creates}),
                count(*) FILTER (WHERE customer.id IS NOT NULL AND {"({differs})" if self.updates else "false"})
            FROM {{staging}} AS staged
            LEFT JOIN {{customers}} AS customer ON {{is_same}}
            """  # noqa: S608 - only clauses of our own are put together
        )

    def _counted(self, statement: str) -> Merged:
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('work_mem', %s, true)", [MERGE_MEMORY])
            cursor.execute(sql.SQL(statement).format(**self.names))
            created, updated = cursor.fetchone()
        return Merged(created, updated)

    def _differs(self, key: str) -> sql.Composed:
        if self._clears(key):
            return sql.SQL("{} IS DISTINCT FROM customer.{}").format(self._changed(key), column(key))
        if attributes.blank_of(key) is not None:
            # Neither side of a comparison of text that is never null has to be asked whether it is.
            return sql.SQL("staged.{} <> customer.{}").format(sql.Identifier(key), column(key))
        return sql.SQL("(staged.{0} IS NOT NULL AND staged.{0} IS DISTINCT FROM customer.{1})").format(
            sql.Identifier(key), column(key)
        )

    def _changed(self, key: str) -> sql.Composed:
        if not self._clears(key):
            return sql.SQL("coalesce(staged.{}, customer.{})").format(sql.Identifier(key), column(key))
        return _value_of_new(key, is_staged=True)

    def _clears(self, key: str) -> bool:
        return self.rules.empty_cells == EmptyCells.CLEAR and key not in NEVER_CLEARED


def _listed(parts: Iterable[sql.Composable]) -> sql.Composed:
    return sql.SQL(", ").join(parts)


def _value_of_new(key: str, *, is_staged: bool) -> sql.Composed:
    """A value as a new customer gets it: the column's own word for nothing where the row says nothing."""
    blank = attributes.blank_of(key)
    staged = sql.SQL("staged.{}").format(sql.Identifier(key)) if is_staged else None
    if blank is None:
        return sql.Composed([staged or sql.SQL("NULL")])
    if staged is None:
        return sql.Composed([sql.Literal(blank)])
    return sql.SQL("coalesce({}, {})").format(staged, sql.Literal(blank))
