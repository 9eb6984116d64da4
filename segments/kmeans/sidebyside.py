"""Many starts of Lloyd's passes side by side, or one over a great many rows: in numpy and single precision.

Matrix products find the nearest centres and add up the rows: a pass over a million rows in five groups takes a
hundredth of a second, and scikit-learn's takes twice that, beside what each of its calls does before and after.
"""

from collections.abc import Iterator
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from segments.kmeans.engines import MAX_ITERATIONS, TOLERANCE, Check, Ended
from segments.kmeans.shapes import FloatMatrix, FloatVector, IntVector

# Values worked on at once, 4 bytes each: they stay in a core's own cache.
VALUES_AT_ONCE = 100_000

Single: TypeAlias = npt.NDArray[np.float32]


class SideBySide:
    """Rows (n, p) with weights (n,), 1 by default, on which many starts run side by side in single precision.

    Single are (starts, k, p), in the rows' own units only on the way in and out.
    """

    def __init__(self, z: FloatMatrix, weights: IntVector | None = None) -> None:
        self._middle = z.mean(axis=0)
        self._unit = float(np.sqrt(z.var(axis=0).mean())) or 1.0
        # With a column of ones, one product gives both distances and one sums and weights.
        rows = np.ones((len(z), z.shape[1] + 1), np.float32)
        for column, values in enumerate(z.T):
            rows[:, column] = (values - self._middle[column]) / self._unit
        self._rows = rows[:, :-1]
        self._half_squares = 0.5 * np.einsum("ij,ij->i", self._rows, self._rows)
        self._across = np.ascontiguousarray(rows.T)
        self._weights = np.ones(len(z), np.float32) if weights is None else weights.astype(np.float32)
        self._weighted = rows if weights is None else rows * self._weights[:, None]

    def best(self, k: int, random: np.random.Generator, *, starts: int, passes: int) -> FloatMatrix:
        """(k, p) centres of the best of a few cold starts: of each some passes, of the best all."""
        centres, inertia = self.passes(self.starts(k, starts, random), passes)
        best = int(inertia.argmin())
        centres, _ = self.passes(centres[best : best + 1], MAX_ITERATIONS)
        return self.in_own_units(centres[0])

    def ended(self, centres: FloatMatrix, check: Check, most: int = MAX_ITERATIONS) -> Ended | None:
        """Where Lloyd's passes, at most so many, end from these centres (k, p); None where a centre loses all its rows.

        The inertia is in own units, of the centres before the last pass. `check` may raise between passes.
        """
        at = self._in_single(centres)[None]
        iterations, rests = 0, False
        while not rests and iterations < most:
            check()
            sums, reach = self._sums(at)
            if not sums[:, :, -1].all():
                return None
            before, at = at, (sums[:, :, :-1] / sums[:, :, -1:]).astype(np.float32)
            rests = bool(np.square(at - before).sum() <= TOLERANCE)
            iterations += 1
        inertia = 2 * self._unit**2 * float(self._half_squares.sum(dtype=np.float64) - reach[0])
        return Ended(self.in_own_units(at[0]), inertia, iterations)

    def outlined(self, centres: FloatMatrix) -> tuple[IntVector, float, float]:
        """Of the partition around these centres (k, p): sizes (k,), inertia in own units, and the mean of 1 − d1/d2 of
        the distances to the two nearest.
        """
        towards, sizes, inertia, apart = self._towards(self._in_single(centres)), np.zeros(len(centres)), 0.0, 0.0
        for rows in self._blocks(len(centres)):
            closeness = towards @ self._across[:, rows]
            nearest = closeness.max(axis=0)
            is_nearest = closeness == nearest
            sizes += is_nearest.sum(axis=1)
            np.copyto(closeness, -np.inf, where=is_nearest)
            near, far = (np.maximum(self._half_squares[rows] - one, 0) for one in (nearest, closeness.max(axis=0)))
            inertia += 2 * float(near.sum(dtype=np.float64))
            apart += float(np.sqrt(np.divide(near, far, out=np.ones_like(near), where=far > 0)).sum(dtype=np.float64))
        return sizes.astype(np.int64), inertia * self._unit**2, 1 - apart / len(self._rows)

    def _in_single(self, centres: FloatMatrix) -> Single:
        single: Single = ((centres - self._middle) / self._unit).astype(np.float32)
        return single

    def _blocks(self, centres: int) -> Iterator[slice]:
        step = max(VALUES_AT_ONCE // centres, 256)
        return (slice(start, start + step) for start in range(0, len(self._rows), step))

    @staticmethod
    def _towards(centres: Single) -> Single:
        """(…, p + 1) for centres c (…, p): the nearest to a row z has the largest c·z − c²/2."""
        half_squares = 0.5 * np.einsum("...p,...p->...", centres, centres)
        towards: Single = np.concatenate([centres, -half_squares[..., None]], axis=-1)
        return towards

    def in_own_units(self, centres: Single) -> FloatMatrix:
        own: FloatMatrix = centres.astype(np.float64) * self._unit + self._middle
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
            after = np.divide(sums[:, :, :p], weights, out=before.astype(np.float64), where=weights > 0)
            centres[moving], far[moving] = after, -reach
            moving = moving[np.square(after - before).sum(axis=(1, 2)) > TOLERANCE]
            if not len(moving):
                break
        return centres, far

    def _sums(self, centres: Single) -> tuple[FloatMatrix, FloatVector]:
        """Per start and group the weighted sums of its rows and their weight, (starts, k, p + 1); per start the sum of
        c·z − c²/2 over all rows with their centres.
        """
        starts, k, p = centres.shape
        towards = self._towards(centres).reshape(starts * k, p + 1)
        sums = np.zeros((starts * k, p + 1))
        reach = np.zeros(starts)
        for rows in self._blocks(starts * k):
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
