"""The engine of this machine, on one thread unless asked otherwise: scikit-learn's Lloyd in double precision where
there are few rows, our own passes in single precision where there are many.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from functools import cache, cached_property

import numpy as np
from sklearn.cluster import KMeans
from threadpoolctl import ThreadpoolController

from segments.kmeans.abreast import at_once
from segments.kmeans.engines import MAX_ITERATIONS, THREADS, TOLERANCE, Check, Ended, no_check, stable_order
from segments.kmeans.model import nearest_two
from segments.kmeans.shapes import Fit, FloatMatrix, Outline, Prepared
from segments.kmeans.sidebyside import SideBySide

# Up to here scikit-learn's double precision costs nothing.
FEW = 10_000


@cache
def _libraries() -> ThreadpoolController:
    # Looking for the libraries that have threads takes milliseconds.
    return ThreadpoolController()


def limited(threads: int = THREADS) -> AbstractContextManager[object]:
    """Within it, BLAS and OpenMP use one thread, or as many as are said."""
    limit: AbstractContextManager[object] = _libraries().limit(limits=threads)
    return limit


class Local:
    """Everybody lies in this process's memory."""

    name = "local"

    def __init__(self, prepared: Prepared, *, threads: int = THREADS) -> None:
        self._z, self._threads = prepared.z, threads
        # Sums depend on the order of their terms in the last bits.
        is_ascending = bool(np.all(prepared.ids[1:] > prepared.ids[:-1]))
        self._in_order = prepared.z if is_ascending else prepared.z[np.argsort(prepared.ids)]

    @property
    def at_once(self) -> int:
        """One for each core where there are many rows: what each computes stays on one thread, so no bit depends on
        this.
        """
        return at_once() if len(self._z) > FEW else 1

    @property
    def versions(self) -> dict[str, str]:
        """None beyond what every run computes with."""
        return {}

    @cached_property
    def _side_by_side(self) -> SideBySide | None:
        return of_many(self._in_order)

    def make_ready(self) -> None:
        """The rows in single precision, where there are many."""
        _ = self._side_by_side

    def ended(self, starts: Sequence[FloatMatrix], check: Check = no_check) -> list[Ended]:
        """One after the other."""
        with limited(self._threads):
            return ended_on(self._in_order, starts, check, side_by_side=self._side_by_side)

    def outline(self, centres: FloatMatrix, *, iterations: int, restarts: int) -> Outline:
        """One pass where there are many rows."""
        if self._side_by_side is None:
            return Outline.of(self.partition(centres, iterations=iterations, restarts=restarts))
        with limited(self._threads):
            sizes, inertia, simplified = self._side_by_side.outlined(centres)
        order = stable_order(centres, sizes)
        return Outline(centres[order], sizes[order], inertia, simplified, iterations, restarts)

    def partition(self, centres: FloatMatrix, *, iterations: int, restarts: int) -> Fit:
        """Everybody, in the order in which they came."""
        with limited(self._threads):
            return partition(self._z, centres, iterations=iterations, restarts=restarts)


def of_many(z: FloatMatrix) -> SideBySide | None:
    """These rows for our own passes; None where they are few."""
    return SideBySide(z) if len(z) > FEW else None


def ended_on(
    z: FloatMatrix,
    starts: Sequence[FloatMatrix],
    check: Check = no_check,
    most: int = MAX_ITERATIONS,
    *,
    side_by_side: SideBySide | None = None,
) -> list[Ended]:
    """Where Lloyd's passes over these rows (n, c), at most so many, end from each start (k, c).

    `side_by_side` are the rows as it has them, where they are many.
    """
    found = []
    for centres in starts:
        check()
        ended = side_by_side.ended(centres, check, most) if side_by_side else None
        if ended is None:
            # Of few rows; or a centre lost all of its rows, and scikit-learn finds a new place for it.
            fitted = lloyd(z, centres, most)
            ended = Ended(fitted.cluster_centers_, float(fitted.inertia_), int(fitted.n_iter_))
        found.append(ended)
    return found


def lloyd(z: FloatMatrix, centres: FloatMatrix, most: int = MAX_ITERATIONS) -> KMeans:
    """scikit-learn's fit from given starting centres."""
    return KMeans(n_clusters=len(centres), init=centres, n_init=1, max_iter=most, tol=TOLERANCE, algorithm="lloyd").fit(
        z
    )


def partition(z: FloatMatrix, centroids: FloatMatrix, *, iterations: int, restarts: int) -> Fit:
    """Assign everybody to the nearest centroid, groups in a stable order: largest first, then by centroid."""
    scores = nearest_two(z, centroids)
    order = stable_order(centroids, np.bincount(scores.nearest, minlength=len(centroids)))
    # As numbered here, exact ties would fall to another of the nearest than when the model scores.
    place = np.argsort(order)
    is_tied = scores.distance == scores.runner_up_distance
    nearest, runner_up = place[scores.nearest], place[scores.runner_up]
    if is_tied.any():
        again = nearest_two(z[is_tied], centroids[order])
        nearest[is_tied], runner_up[is_tied] = again.nearest, again.runner_up
    return Fit(
        centroids=centroids[order],
        labels=nearest,
        distance=scores.distance,
        runner_up=runner_up,
        runner_up_distance=scores.runner_up_distance,
        inertia=float(np.square(scores.distance).sum()),
        iterations=iterations,
        n_init=restarts,
    )
