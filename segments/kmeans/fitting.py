"""K-means with restarts, from starting centres of our own, the same for a seed and the same customers.

scikit-learn's own `n_init='auto'` starts once: over 20 row orders of the mall data it ended with inertias from 44448
to 67818. Many starts on few rows cost it more in calls than in arithmetic, so these run side by side here, in numpy
and single precision; what they find goes on in scikit-learn, in double.
"""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from functools import cache
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from sklearn.cluster import KMeans, kmeans_plusplus
from threadpoolctl import ThreadpoolController

from segments.kmeans.model import nearest_two
from segments.kmeans.sampling import hashed_sample
from segments.kmeans.shapes import Fit, FloatMatrix, FloatVector, IntVector, Prepared
from segments.kmeans.wording import gettext_noop

# Up to here every restart runs on everything; above, only the best of a sample do.
SMALL = 10_000
RESTARTS_SMALL = 50
# One start in 23 finds the best six groups of the mall data: 50 miss them for one seed in nine, 200 for one in 6,000.
TINY = 2_000
RESTARTS_TINY = 200
SAMPLE_FOR_STARTS = 20_000
STARTS_ON_SAMPLE = 20
# The starts make their first passes on so many rows of the sample.
FIRST_ROWS = 4_000
FIRST_PASSES = 25
BEST_KEPT = 3
SAMPLE_FOR_POLISH = 100_000
# Fits on a sample whose inertia is further behind the best are given up: other groups may be the best of everybody, the
# more so the smaller the sample and the heavier the tails. Those left make some passes on the larger sample and are
# ranked anew, the best few end there, and those still near are ended on everybody.
MARGIN_ON_SAMPLE, CANDIDATES, POLISHING_PASSES = 0.02, 12, 10
MARGIN_POLISHED = 0.01
MARGIN_ENDED = 0.002
MAX_ITERATIONS = 300
TOLERANCE = 1e-4
# Sums in another order differ in the last bits, and ties then fall otherwise: one thread, one result.
THREADS = 1
# Values worked on at once, 4 bytes each: they stay in a core's own cache.
VALUES_AT_ONCE = 200_000

Check = Callable[[], None]
Single: TypeAlias = npt.NDArray[np.float32]


def _no_check() -> None:
    return None


class TooFewDistinctRows(ValueError):
    """There are fewer distinct rows than segments asked for; scikit-learn would only warn."""

    def __init__(self, k: int, distinct: int) -> None:
        self.k, self.distinct = k, distinct
        super().__init__(
            gettext_noop(
                "There are only {distinct} different combinations of values, so {k} segments cannot be formed. "
                "Ask for fewer, or add a feature."
            ).format(distinct=distinct, k=k)
        )


@cache
def _libraries() -> ThreadpoolController:
    # Looking for the libraries that have threads takes milliseconds.
    return ThreadpoolController()


def limited(threads: int = THREADS) -> AbstractContextManager[object]:
    """Within it, BLAS and OpenMP use one thread, or as many as are said."""
    limit: AbstractContextManager[object] = _libraries().limit(limits=threads)
    return limit


def fit(prepared: Prepared, k: int, *, seed: int, check: Check = _no_check, threads: int = THREADS) -> Fit:
    """The best partition of everybody into k groups that the restarts found.

    The same seed and the same customers give the same partition, whatever the order of rows. `check` is called
    between steps and may raise to stop. Raises TooFewDistinctRows.
    """
    _refuse_too_few(prepared.z, k)
    # Sums depend on the order of their terms in the last bits.
    z = prepared.z if _is_ascending(prepared.ids) else prepared.z[np.argsort(prepared.ids)]
    with limited(threads):
        if len(z) <= SMALL:
            restarts = RESTARTS_TINY if len(z) <= TINY else RESTARTS_SMALL
            best = _best_of_restarts(z, k, seed=seed, restarts=restarts, check=check)
        else:
            restarts = STARTS_ON_SAMPLE
            best = _best_by_samples(prepared, z, k, seed=seed, check=check)
        return partition(prepared.z, best.cluster_centers_, iterations=best.n_iter_, restarts=restarts)


def go_on(prepared: Prepared, centres: FloatMatrix, *, threads: int = THREADS) -> Fit:
    """The partition of everybody that starting from these centres (k, c) alone leads to."""
    with limited(threads):
        ended = lloyd(prepared.z, centres)
        return partition(prepared.z, ended.cluster_centers_, iterations=ended.n_iter_, restarts=1)


def partition(z: FloatMatrix, centroids: FloatMatrix, *, iterations: int, restarts: int) -> Fit:
    """Assign everybody to the nearest centroid, groups in a stable order: largest first, then by centroid."""
    scores = nearest_two(z, centroids)
    sizes = np.bincount(scores.nearest, minlength=len(centroids))
    order = np.lexsort((*centroids.T[::-1], -sizes))
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


def lloyd(z: FloatMatrix, centres: FloatMatrix, most: int = MAX_ITERATIONS) -> KMeans:
    """One fit from given starting centres: the contract that every engine fulfils."""
    return KMeans(n_clusters=len(centres), init=centres, n_init=1, max_iter=most, tol=TOLERANCE, algorithm="lloyd").fit(
        z
    )


def starting_centres(z: FloatMatrix, k: int, seed: int) -> FloatMatrix:
    """k-means++ centres (Arthur and Vassilvitskii 2007), (k, p)."""
    centres, _ = kmeans_plusplus(z, k, random_state=seed)
    return np.asarray(centres)


class SideBySide:
    """Rows (n, p) with weights (n,), 1 by default, on which many starts run side by side in single precision.

    Single are (starts, k, p), in the rows' own units only on the way in and out.
    """

    def __init__(self, z: FloatMatrix, weights: IntVector | None = None) -> None:
        self._middle = z.mean(axis=0)
        self._unit = float(np.sqrt(z.var(axis=0).mean())) or 1.0
        rows = ((z - self._middle) / self._unit).astype(np.float32)
        self._weights = np.ones(len(z), np.float32) if weights is None else weights.astype(np.float32)
        self._rows = rows
        self._half_squares = 0.5 * np.einsum("ij,ij->i", rows, rows)
        # With a column of ones, one product gives both distances and one sums and weights.
        ones = np.ones((len(z), 1), np.float32)
        self._across = np.ascontiguousarray(np.hstack([rows, ones]).T)
        self._weighted = np.hstack([rows, ones]) * self._weights[:, None]

    def best(self, k: int, random: np.random.Generator, *, starts: int, passes: int) -> FloatMatrix:
        """(k, p) centres of the best of a few cold starts: of each some passes, of the best all."""
        centres, inertia = self.passes(self.starts(k, starts, random), passes)
        best = int(inertia.argmin())
        centres, _ = self.passes(centres[best : best + 1], MAX_ITERATIONS)
        return self.in_own_units(centres[0])

    def in_own_units(self, centres: Single) -> FloatMatrix:
        own: FloatMatrix = centres * self._unit + self._middle
        return own

    def starts(self, k: int, starts: int, random: np.random.Generator) -> Single:
        """Greedy k-means++ (Arthur and Vassilvitskii 2007): of some rows drawn by squared distance, the best."""
        tried = 2 + int(np.log(k))
        chosen = np.empty((starts, k), np.int64)
        chosen[:, 0] = _drawn(self._weights.cumsum(dtype=np.float64), random.random(starts))
        nearest = self._half_distances(chosen[:, 0])
        each = np.arange(starts)
        for centre in range(1, k):
            chances = (nearest * self._weights).cumsum(axis=1, dtype=np.float64)
            drawn = np.array([_drawn(one, random.random(tried)) for one in chances])
            distances = self._half_distances(drawn.ravel()).reshape(starts, tried, -1)
            np.minimum(distances, nearest[:, None], out=distances)
            best = (distances @ self._weights).argmin(axis=1)
            chosen[:, centre], nearest = drawn[each, best], distances[each, best]
        picked: Single = self._rows[chosen]
        return picked

    def passes(self, centres: Single, most: int) -> tuple[Single, Single]:
        """At most so many passes of Lloyd for every start, each until its centres rest.

        The centres, and how far the rows were from those before the last pass (inertia less a constant).
        """
        p = centres.shape[2]
        centres, far = centres.copy(), np.zeros(len(centres), np.float32)
        moving = np.arange(len(centres))
        for _ in range(most):
            before = centres[moving]
            sums, reach = self._sums(before)
            weights = sums[:, :, p:]
            # A centre that lost its rows stays where it is.
            after = np.divide(sums[:, :, :p], weights, out=before.copy(), where=weights > 0)
            centres[moving], far[moving] = after, -reach
            moving = moving[np.square(after - before).sum(axis=(1, 2)) > TOLERANCE]
            if not len(moving):
                break
        return centres, far

    def _sums(self, centres: Single) -> tuple[Single, Single]:
        """Per start and group the weighted sums of its rows and their weight, (starts, k, p + 1)."""
        starts, k, p = centres.shape
        half_squares = 0.5 * np.einsum("skp,skp->sk", centres, centres)
        towards = np.concatenate([centres, -half_squares[:, :, None]], axis=2).reshape(starts * k, p + 1)
        sums = np.zeros((starts * k, p + 1), np.float32)
        reach = np.zeros(starts, np.float32)
        step = max(VALUES_AT_ONCE // (starts * k), 256)
        for start in range(0, len(self._rows), step):
            rows = slice(start, start + step)
            # The nearest centre has the largest c·z − c²/2.
            closeness = (towards @ self._across[:, rows]).reshape(starts, k, -1)
            nearest = closeness.max(axis=1)
            is_nearest = (closeness == nearest[:, None]).astype(np.float32)
            sums += is_nearest.reshape(starts * k, -1) @ self._weighted[rows]
            reach += nearest @ self._weights[rows]
        return sums.reshape(starts, k, p + 1), reach

    def _half_distances(self, chosen: IntVector) -> Single:
        """(m, n) half the squared distances of the rows to m of them."""
        half: Single = self._rows[chosen] @ -self._across[:-1]
        half += self._half_squares
        half += self._half_squares[chosen][:, None]
        np.maximum(half, 0, out=half)
        return half


def _drawn(cumulated: FloatVector, chances: FloatVector) -> IntVector:
    """Positions drawn in proportion to what was cumulated."""
    drawn: IntVector = np.searchsorted(cumulated, chances * cumulated[-1], side="right").clip(max=len(cumulated) - 1)
    return drawn


def _inertia(fitted: KMeans) -> float:
    return float(fitted.inertia_)


def _is_ascending(ids: IntVector) -> bool:
    return bool(np.all(ids[1:] > ids[:-1]))


def _refuse_too_few(z: FloatMatrix, k: int) -> None:
    """Looks at a growing head of the rows first: a million rows rarely need to be sorted to find k different ones."""
    head = z[: max(10 * k, 1000)]
    if len(np.unique(head, axis=0)) >= k:
        return
    distinct = len(np.unique(z, axis=0))
    if distinct < k:
        raise TooFewDistinctRows(k, distinct)


def _best_of_restarts(z: FloatMatrix, k: int, *, seed: int, restarts: int, check: Check) -> KMeans:
    return min(
        _ended(z, _begun(z, k, seed=seed, starts=restarts, passes=MAX_ITERATIONS, check=check)[:8], check), key=_inertia
    )


def _begun(z: FloatMatrix, k: int, *, seed: int, starts: int, passes: int, check: Check) -> list[FloatMatrix]:
    """Distinct centres after some passes of each start, the best first."""
    random = np.random.default_rng(seed)
    rows = SideBySide(z)
    at_once = max(1, min(starts, 20))
    centres, inertia = [], []
    for _ in range(0, starts, at_once):
        check()
        one, far = rows.passes(rows.starts(k, at_once, random), passes)
        centres.append(one)
        inertia.append(far)
    order = np.argsort(np.concatenate(inertia), kind="stable")
    return _distinct(rows.in_own_units(np.concatenate(centres))[order])


def _ended(z: FloatMatrix, starts: list[FloatMatrix], check: Check, most: int = MAX_ITERATIONS) -> list[KMeans]:
    """scikit-learn's fits from these centres, the best first."""
    ended = []
    for centres in starts:
        check()
        ended.append(lloyd(z, centres, most))
    return sorted(ended, key=_inertia)


def _best_by_samples(prepared: Prepared, z: FloatMatrix, k: int, *, seed: int, check: Check) -> KMeans:
    """Many starts on a sample, the best few that differ polished on a larger one, then on everybody, ranked on
    everybody.

    Of 36 fits of 100,000 customers, groups that overlap and amounts that are skewed, all came within 0.1 % of the best
    of ten full restarts. Of 1,000,000, two optima 0.3 % apart were still confused by one seed in four, as single
    starts confuse them more often.
    Candidates are told apart by centroids: by inertia, good ones were taken for each other.
    """
    few, sample, larger = (
        prepared.z[hashed_sample(prepared.ids, size, seed)]
        for size in (FIRST_ROWS, SAMPLE_FOR_STARTS, SAMPLE_FOR_POLISH)
    )
    begun = _begun(few, k, seed=seed, starts=STARTS_ON_SAMPLE, passes=FIRST_PASSES, check=check)
    on_sample = _ended(sample, begun, check)
    on_larger = _ended(larger, _worth(on_sample, MARGIN_ON_SAMPLE)[:CANDIDATES], check, most=POLISHING_PASSES)
    ended = _ended(larger, _worth(on_larger, MARGIN_POLISHED)[:BEST_KEPT], check)
    return ended[0] if len(larger) == len(z) else _ended(z, _worth(ended, MARGIN_ENDED), check)[0]


def _worth(ended: list[KMeans], margin: float) -> list[FloatMatrix]:
    """Single that differ, of the fits that are not too far behind the first."""
    return _distinct([one.cluster_centers_ for one in ended if one.inertia_ <= (1 + margin) * ended[0].inertia_])


def _distinct(found: Iterable[FloatMatrix]) -> list[FloatMatrix]:
    """Those whose centres differ from all before."""
    kept: list[FloatMatrix] = []
    for one in found:
        centres = one[np.lexsort(one.T)]
        if all(not np.allclose(centres, other, rtol=1e-2, atol=1e-2) for other in kept):
            kept.append(centres)
    return kept
