"""What Spark's own processes do with the rows: they know numpy and pyarrow, and nothing of this site.

Each function here makes one that travels to them by value, so it names no other of ours.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from segments.kmeans.shapes import FloatMatrix

if TYPE_CHECKING:
    import numpy.typing as npt
    import pyarrow as pa

OfBatches = Callable[[Iterable["pa.RecordBatch"]], Iterator["pa.RecordBatch"]]

SUMS = "first bigint, sums array<double>"
ASSIGNMENTS = "customer_id bigint, segment smallint, distance float, runner_up smallint, runner_up_distance float"


def summing(starts: FloatMatrix, names: list[str]) -> OfBatches:
    """For every batch one row: its first customer, and flat per start (m, k, c) the inertia and of each group the
    number of its rows and their sums, (m, 1 + k + k · c).

    Who adds them up in the order of the first customers gets the same bits from however many machines.
    """

    def of_batches(batches: Iterable["pa.RecordBatch"]) -> Iterator["pa.RecordBatch"]:
        import numpy as np
        import pyarrow as pa

        for batch in batches:
            if not batch.num_rows:
                continue
            z = np.column_stack([batch.column(name).to_numpy() for name in names]).astype(np.float64)
            found: list[npt.NDArray[np.generic]] = []
            for centres in starts:
                squared = np.empty((len(z), len(centres)))
                for index, centre in enumerate(centres):
                    difference = z - centre
                    np.einsum("ij,ij->i", difference, difference, out=squared[:, index])
                nearest = squared.argmin(axis=1)
                found.append(squared[np.arange(len(z)), nearest].sum(keepdims=True))
                found.append(np.bincount(nearest, minlength=len(centres)))
                sums = [np.bincount(nearest, column, len(centres)) for column in z.T]
                found.append(np.column_stack(sums).ravel())
            first = pa.array([batch.column("customer_id")[0].as_py()], pa.int64())
            sums_of_batch = pa.array([np.concatenate(found)], pa.list_(pa.float64()))
            yield pa.RecordBatch.from_arrays([first, sums_of_batch], names=["first", "sums"])

    return of_batches


def assigning(centres: FloatMatrix, names: list[str], unit: float) -> OfBatches:
    """For every row its nearest and its second nearest of the centres (k, c) and how far they are, in units."""

    def of_batches(batches: Iterable["pa.RecordBatch"]) -> Iterator["pa.RecordBatch"]:
        import numpy as np
        import pyarrow as pa

        for batch in batches:
            z = np.column_stack([batch.column(name).to_numpy() for name in names]).astype(np.float64)
            squared = np.empty((len(z), len(centres)))
            for index, centre in enumerate(centres):
                difference = z - centre
                np.einsum("ij,ij->i", difference, difference, out=squared[:, index])
            each = np.arange(len(z))
            columns = [batch.column("customer_id")]
            for _ in range(2):
                nearest = squared.argmin(axis=1)
                distance = np.sqrt(squared[each, nearest]) * unit
                columns += [pa.array(nearest.astype(np.int16)), pa.array(distance.astype(np.float32))]
                squared[each, nearest] = np.inf
            fields = ["customer_id", "segment", "distance", "runner_up", "runner_up_distance"]
            yield pa.RecordBatch.from_arrays(columns, names=fields)

    return of_batches
