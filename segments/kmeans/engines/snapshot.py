"""Everybody's prepared features as Parquet, for an engine that does not live in this process's memory."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from segments.kmeans.sampling import hashed_order
from segments.kmeans.shapes import FloatMatrix, FloatVector, Prepared

# What is passed over at once, and how many of these a file holds: whole ones, so that files may be dealt in any way.
ROWS_AT_ONCE = 50_000
ROWS_IN_A_FILE = 5 * ROWS_AT_ONCE


@dataclass(frozen=True, slots=True)
class Snapshot:
    """How rows become what lies in the files: (z − middle) / unit in single precision.

    middle  (c,) the mean of each column     unit  the root of their mean variance, 1 where nothing varies
    reach   the largest value in the files, without its sign
    """

    middle: FloatVector
    unit: float
    reach: float

    @classmethod
    def of(cls, prepared: Prepared) -> Self:
        """That of these rows."""
        middle = prepared.z.mean(axis=0)
        unit = float(np.sqrt(prepared.z.var(axis=0).mean())) or 1.0
        low, high = prepared.z.min(axis=0), prepared.z.max(axis=0)
        return cls(middle, unit, float(np.maximum(high - middle, middle - low).max()) / unit)

    @property
    def names(self) -> list[str]:
        """The columns of the files that are features."""
        return [f"feature_{column}" for column in range(len(self.middle))]

    def to_single(self, centres: FloatMatrix) -> FloatMatrix:
        """Centres (k, c) of the prepared space in that of the files; double still."""
        single: FloatMatrix = (centres - self.middle) / self.unit
        return single

    def to_own(self, centres: FloatMatrix) -> FloatMatrix:
        """The way back."""
        own: FloatMatrix = centres * self.unit + self.middle
        return own

    def write(self, prepared: Prepared, folder: Path, *, salt: int) -> None:
        """Files of 250,000 rows in the order of ids: customer_id, the features, and the key that samples go by.

        Who takes the rows with the lowest keys has the sample that this run starts from. What was in the folder is
        thrown away.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        order = np.argsort(prepared.ids, kind="stable")
        for number, start in enumerate(range(0, len(order), ROWS_IN_A_FILE)):
            rows = order[start : start + ROWS_IN_A_FILE]
            ids = prepared.ids[rows]
            single = self.to_single(prepared.z[rows]).astype(np.float32)
            keys = (hashed_order(ids, salt) >> np.uint64(1)).astype(np.int64)
            table = pa.table(
                {"customer_id": ids}
                | {name: np.ascontiguousarray(single[:, column]) for column, name in enumerate(self.names)}
                | {"sample_key": keys}
            )
            # Spark leaves out files whose names begin with _ or a dot; figures that all differ gain nothing by a
            # dictionary.
            file = folder / f"part-{number:05}.parquet"
            pq.write_table(table, file, row_group_size=ROWS_IN_A_FILE, use_dictionary=False, compression="lz4")
