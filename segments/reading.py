"""What a run reads: everybody's features, and where everybody was in the run that is published now."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from psycopg import sql

from customers.columns import Columns, read_columns
from customers.selecting import Where
from segmentation_site.database.copying import read_arrays
from segments.kmeans.shapes import Definition, IntVector
from segments.models import Assignment, Run


def conditions_of(definition: Definition) -> list[Where]:
    """Which customers take part, as the gate asks for them."""
    return [Where(one.attribute, one.operator.value, one.value) for one in definition.filter]


def read_features(definition: Definition, *, also: Sequence[str] = ()) -> Columns:
    """The features of everybody who takes part, ordered by customer id, and `also` others beside them."""
    return read_columns([*definition.feature_names, *also], definition.as_of, conditions_of(definition))


@dataclass(frozen=True, slots=True)
class Places:
    """Where customers were in a run: three int64 arrays of equal length, ordered by customer id."""

    customer_ids: IntVector
    segment_ids: IntVector
    joined_run_ids: IntVector

    def joined(self, customer_ids: IntVector, segment_ids: IntVector, *, now: int) -> IntVector:
        """By which run each customer came into the segment it is in.

        An earlier one when it was there before, else `now`.
        """
        if not len(self.customer_ids):
            return np.full(len(customer_ids), now, dtype=np.int64)
        position = np.searchsorted(self.customer_ids, customer_ids).clip(max=len(self.customer_ids) - 1)
        has_stayed = (self.customer_ids[position] == customer_ids) & (self.segment_ids[position] == segment_ids)
        return np.where(has_stayed, self.joined_run_ids[position], now)


def read_places(run: Run | None) -> Places:
    """Where everybody was in `run`; nobody anywhere without one."""
    if run is None:
        empty = np.empty(0, np.int64)
        return Places(empty, empty, empty)
    statement = sql.SQL(
        "SELECT array_agg(customer_id), array_agg(segment_id), array_agg(joined_run_id) FROM"
        " (SELECT customer_id, segment_id, joined_run_id FROM {} WHERE run_id = %s ORDER BY customer_id) AS place"
    ).format(sql.Identifier(Assignment._meta.db_table))
    return Places(*read_arrays(statement, [run.pk], ["i8", "i8", "i8"]))
