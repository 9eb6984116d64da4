"""Bringing staged rows to the customers: the statements that add, change and remember what they replaced.

Light: imports stage files, writing stages what the API got; both end here.
"""

from collections.abc import Callable, Iterable, Sequence
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
# Whom they belong to, and what they replace; a key never has a blank.
_KNOWN, _WAS = sql.Identifier("known customer"), sql.Identifier("what was")
_UPDATE = """
    WHEN MATCHED {when} THEN
        UPDATE SET {{changes}}, change_sequence = {{next_change}}, updated_at = now(), source_import_id = {{import_id}}
"""
_CREATE = """
    WHEN NOT MATCHED THEN
        INSERT ({columns}, source_import_id, created_import_id) VALUES ({values}, {import_id}, {import_id})
"""
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
            "before": self._before(facts, "old.{}", lambda key: sql.SQL("new.{}").format(column(key))),
            "replaced": self._before(facts, "customer.{}", self._changed),
        }

    def write(self) -> Merged:
        """Add new customers, change known ones where they differ, and keep what was there before.

        Only rows that differ are written, and only those get a new change sequence. The caller holds the writers'
        lock.
        """
        if not (self.creates or self.updates):
            return Merged(0, 0)
        return self._counted(
            f"""
            WITH merged AS (
                MERGE INTO {{customers}} AS customer
                USING {{staging}} AS staged
                ON {{is_same}}
                {_UPDATE.format(when="AND ({differs})") if self.updates else ""}
                {_CREATE if self.creates else ""}
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
        if not (self.creates or self.updates):
            return Merged(0, 0)
        is_new = "customer.id IS NULL" if self.creates else "false"
        is_changed = "(customer.id IS NOT NULL AND ({differs}))" if self.updates else "false"
        replaced = "CASE WHEN customer.id IS NOT NULL THEN {replaced} END" if self.updates else "NULL::jsonb"
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
                    SELECT staged.*, customer.id AS {{known}}, {replaced} AS {{was}} FROM {{staging}} AS staged
                    LEFT JOIN {{customers}} AS customer ON {{is_same}}
                    WHERE {is_new} OR {is_changed}
                    """  # noqa: S608 - only clauses of our own are put together
                ).format(telling=_TELLING, known=_KNOWN, was=_WAS, **self.names)
            )
            cursor.execute(sql.SQL("ANALYZE {} ({})").format(_TELLING, _KNOWN))
            # Nobody else writes meanwhile: neither whom a row belongs to nor what it replaces needs a second look.
            cursor.execute(
                sql.SQL(
                    f"""
                    MERGE INTO {{customers}} AS customer
                    USING {{telling}} AS staged
                    ON customer.id = staged.{{known}}
                    {_UPDATE.format(when="") if self.updates else ""}
                    {_CREATE if self.creates else ""}
                    """
                ).format(telling=_TELLING, known=_KNOWN, **self.names)
            )
            written = cursor.rowcount
            cursor.execute(
                sql.SQL(
                    """
                    INSERT INTO {edits} (customer_id, source_import_id, before)
                    SELECT {known}, {import_id}, {was} FROM {telling} WHERE {known} IS NOT NULL
                    """
                ).format(telling=_TELLING, known=_KNOWN, was=_WAS, **self.names)
            )
            return Merged(written - cursor.rowcount, cursor.rowcount)

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

    def _before(self, facts: Sequence[str], old: str, new: Callable[[str], sql.Composable]) -> sql.Composed:
        """As JSON the values that are replaced: `old` and `new` say where each was and what it becomes."""
        return sql.SQL(" || ").join(
            sql.SQL("CASE WHEN {0} IS DISTINCT FROM {1} THEN jsonb_build_object({2}, {0}) ELSE '{{}}' END").format(
                sql.SQL(old).format(column(key)), new(key), sql.Literal(key)
            )
            for key in facts
        )

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
