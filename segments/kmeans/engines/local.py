"""The engine of this machine: scikit-learn's Lloyd, in double precision, on one thread unless asked otherwise."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from functools import cache

import numpy as np
from sklearn.cluster import KMeans
from threadpoolctl import ThreadpoolController

from segments.kmeans.engines import MAX_ITERATIONS, THREADS, TOLERANCE, Check, Ended, no_check, stable_order
from segments.kmeans.model import nearest_two
from segments.kmeans.shapes import Fit, FloatMatrix, Prepared


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
    def versions(self) -> dict[str, str]:
        """None beyond what every run computes with."""
        return {}

    def ended(self, starts: Sequence[FloatMatrix], check: Check = no_check) -> list[Ended]:
        """One after the other."""
        with limited(self._threads):
            return ended_on(self._in_order, starts, check)

    def partition(self, centres: FloatMatrix, *, iterations: int, restarts: int) -> Fit:
        """Everybody, in the order in which they came."""
        with limited(self._threads):
            return partition(self._z, centres, iterations=iterations, restarts=restarts)


def ended_on(
    z: FloatMatrix, starts: Sequence[FloatMatrix], check: Check = no_check, most: int = MAX_ITERATIONS
) -> list[Ended]:
    """Where Lloyd's passes over these rows (n, c), at most so many, end from each start (k, c)."""
    found = []
    for centres in starts:
        check()
        fitted = lloyd(z, centres, most)
        found.append(Ended(fitted.cluster_centers_, float(fitted.inertia_), int(fitted.n_iter_)))
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
