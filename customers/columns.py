"""The gate: all that others get of customers' values as columns.

Columns, not rows: one array per column took 0.35 s for a million customers with four features, where `values_list`
took 0.7 s and pandas' `read_sql` 1.9 s.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from psycopg import sql

from customers.attributes import feature_labels
from customers.models import Customer
from segmentation_site.database.copying import read_arrays

# What is in flight at once: 12 bytes a value on the way, far below PostgreSQL's limit of 1 GB for an array.
CUSTOMERS_AT_ONCE = 1_000_000


@dataclass(frozen=True, slots=True)
class Columns:
    """Values of everybody, ordered by customer id.

    ids     (n,) int64      values  (n, p) float64, NaN where missing, columns in the order of `keys`
    """

    keys: tuple[str, ...]
    ids: npt.NDArray[np.int64]
    values: npt.NDArray[np.float64]

    @property
    def sha256(self) -> str:
        """The fingerprint of these very values of these very customers."""
        digest = hashlib.sha256("\0".join(self.keys).encode())
        digest.update(np.ascontiguousarray(self.ids).tobytes())
        digest.update(np.ascontiguousarray(self.values).tobytes())
        return digest.hexdigest()


def read_columns(keys: Sequence[str]) -> Columns:
    """Read numeric columns of all customers. Raises KeyError for a key that is no numeric column."""
    known = feature_labels()
    for key in keys:
        if key not in known:
            raise KeyError(key)
    parts = []
    after = 0
    while True:
        ids, values = _read_after(keys, after)
        parts.append((ids, values))
        if len(ids) < CUSTOMERS_AT_ONCE:
            break
        after = int(ids[-1])
    return Columns(
        keys=tuple(keys),
        ids=np.concatenate([ids for ids, _ in parts]),
        values=np.concatenate([values for _, values in parts]),
    )


def _read_after(keys: Sequence[str], after: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    statement = sql.SQL(
        "SELECT array_agg(id), {arrays} FROM"
        " (SELECT id, {values} FROM {table} WHERE id > %s ORDER BY id LIMIT %s) AS customer"
    ).format(
        arrays=sql.SQL(", ").join(sql.SQL("array_agg({})").format(sql.Identifier(key)) for key in keys),
        values=sql.SQL(", ").join(
            sql.SQL("coalesce({column}, 'NaN'::float8) AS {column}").format(column=sql.Identifier(key)) for key in keys
        ),
        table=sql.Identifier(Customer._meta.db_table),
    )
    ids, *values = read_arrays(statement, [after, CUSTOMERS_AT_ONCE], ["i8", *(["f8"] * len(keys))])
    return ids, np.column_stack(values)
