"""K-means with restarts, from starting centres of our own, the same for a seed and the same customers.

scikit-learn's own `n_init='auto'` starts once: over 20 row orders of the mall data it ended with inertias from 44448
to 67818.
"""

from collections.abc import Callable

import numpy as np
from sklearn.cluster import KMeans, kmeans_plusplus
from threadpoolctl import threadpool_limits

from segments.kmeans.model import nearest_two
from segments.kmeans.sampling import hashed_sample
from segments.kmeans.shapes import Fit, FloatMatrix, IntVector, Prepared

# Up to here every restart runs on everything; above, only the best of a sample do.
SMALL = 10_000
RESTARTS_SMALL = 50
# One start in 23 finds the best six groups of the mall data: 50 miss them for one seed in nine, 200 for one in 6,000;
# each is 1 ms.
TINY = 2_000
RESTARTS_TINY = 200
SAMPLE_FOR_STARTS = 20_000
STARTS_ON_SAMPLE = 20
BEST_KEPT = 3
SAMPLE_FOR_POLISH = 100_000
MAX_ITERATIONS = 300
TOLERANCE = 1e-4
# Sums in another order differ in the last bits, and ties then fall otherwise: one thread, one result.
THREADS = 1

Check = Callable[[], None]


def _no_check() -> None:
    return None


class TooFewDistinctRows(ValueError):
    """There are fewer distinct rows than segments asked for; scikit-learn would only warn."""

    def __init__(self, k: int, distinct: int) -> None:
        self.k, self.distinct = k, distinct
        super().__init__(
            f"There are only {distinct} different combinations of values, so {k} segments cannot be formed. "
            "Ask for fewer, or add a feature."
        )


def fit(prepared: Prepared, k: int, *, seed: int, check: Check = _no_check) -> Fit:
    """The best partition of everybody into k groups that the restarts found.

    The same seed and the same customers give the same partition, whatever the order of rows. `check` is called
    between steps and may raise to stop. Raises TooFewDistinctRows.
    """
    z = prepared.z
    _refuse_too_few(z, k)
    with threadpool_limits(THREADS):
        if len(z) <= SMALL:
            restarts = RESTARTS_TINY if len(z) <= TINY else RESTARTS_SMALL
            centroids, iterations = _best_of_restarts(z, k, seed=seed, restarts=restarts, check=check)
        else:
            centroids, iterations = _best_by_samples(prepared, k, seed=seed, check=check)
            restarts = STARTS_ON_SAMPLE
    return partition(z, centroids, iterations=iterations, restarts=restarts)


def partition(z: FloatMatrix, centroids: FloatMatrix, *, iterations: int, restarts: int) -> Fit:
    """Assign everybody to the nearest centroid, groups in a stable order: largest first, then by centroid."""
    sizes = np.bincount(nearest_two(z, centroids).nearest, minlength=len(centroids))
    order = sorted(range(len(centroids)), key=lambda group: (-int(sizes[group]), tuple(centroids[group])))
    centroids = centroids[order]
    scores = nearest_two(z, centroids)
    return Fit(
        centroids=centroids,
        labels=scores.nearest,
        distance=scores.distance,
        runner_up=scores.runner_up,
        runner_up_distance=scores.runner_up_distance,
        inertia=float(np.square(scores.distance).sum()),
        iterations=iterations,
        n_init=restarts,
    )


def lloyd(z: FloatMatrix, centres: FloatMatrix) -> KMeans:
    """One fit from given starting centres: the contract that every engine fulfils."""
    return KMeans(
        n_clusters=len(centres), init=centres, n_init=1, max_iter=MAX_ITERATIONS, tol=TOLERANCE, algorithm="lloyd"
    ).fit(z)


def starting_centres(z: FloatMatrix, k: int, seed: int) -> FloatMatrix:
    """k-means++ centres (Arthur and Vassilvitskii 2007), (k, p)."""
    centres, _ = kmeans_plusplus(z, k, random_state=seed)
    return np.asarray(centres)


def _inertia(fitted: KMeans) -> float:
    return float(fitted.inertia_)


def _seeds(seed: int, count: int) -> IntVector:
    return np.random.default_rng(seed).integers(0, 2**31 - 1, size=count)


def _refuse_too_few(z: FloatMatrix, k: int) -> None:
    """Looks at a growing head of the rows first: a million rows rarely need to be sorted to find k different ones."""
    head = z[: max(10 * k, 1000)]
    if len(np.unique(head, axis=0)) >= k:
        return
    distinct = len(np.unique(z, axis=0))
    if distinct < k:
        raise TooFewDistinctRows(k, distinct)


def _best_of_restarts(z: FloatMatrix, k: int, *, seed: int, restarts: int, check: Check) -> tuple[FloatMatrix, int]:

    def from_start(start: int) -> KMeans:
        check()
        return lloyd(z, starting_centres(z, k, start))

    best = min((from_start(int(start)) for start in _seeds(seed, restarts)), key=_inertia)
    return best.cluster_centers_, best.n_iter_


def _best_by_samples(prepared: Prepared, k: int, *, seed: int, check: Check) -> tuple[FloatMatrix, int]:
    """Many starts on a sample, the best few that differ polished on a larger one, then on everybody, ranked on
    everybody.

    Within 0.1 % of the best of ten full restarts in 5 of 5 seeds on two data sets; telling candidates apart by
    inertia instead of centroids missed that in 2 of 5.
    """
    z = prepared.z
    sample = z[hashed_sample(prepared.ids, SAMPLE_FOR_STARTS, seed)]
    found: list[KMeans] = []
    for start in _seeds(seed, STARTS_ON_SAMPLE):
        check()
        found.append(lloyd(sample, starting_centres(sample, k, int(start))))
    found.sort(key=_inertia)
    larger = z[hashed_sample(prepared.ids, SAMPLE_FOR_POLISH, seed)]

    def polished(centres: FloatMatrix) -> KMeans:
        check()
        nearly = lloyd(larger, centres)
        check()
        return lloyd(z, nearly.cluster_centers_)

    best = min((polished(centres) for centres in _distinct(found)), key=_inertia)
    return best.cluster_centers_, best.n_iter_


def _distinct(found: list[KMeans]) -> list[FloatMatrix]:
    kept: list[FloatMatrix] = []
    for fitted in found:
        centres = fitted.cluster_centers_[np.lexsort(fitted.cluster_centers_.T)]
        if all(not np.allclose(centres, other, rtol=1e-2, atol=1e-2) for other in kept):
            kept.append(centres)
        if len(kept) == BEST_KEPT:
            break
    return kept
