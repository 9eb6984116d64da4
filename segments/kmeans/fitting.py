"""K-means with restarts, from starting centres of our own, the same for a seed and the same customers.

scikit-learn's own `n_init='auto'` starts once: over 20 row orders of the mall data it ended with inertias from 44448
to 67818. Many starts on few rows cost it more in calls than in arithmetic, so these run side by side here, in numpy
and single precision. What they find goes on in scikit-learn, in double, where there are few rows.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import compress

import numpy as np
from sklearn.cluster import kmeans_plusplus

from segments.kmeans.engines import MAX_ITERATIONS, THREADS, Check, Ended, Engine, no_check
from segments.kmeans.engines.local import FEW, Local, ended_on, limited
from segments.kmeans.model import squared_distances
from segments.kmeans.shapes import Fit, FloatMatrix, FloatVector, Outline, Prepared
from segments.kmeans.sidebyside import SideBySide
from segments.kmeans.wording import gettext_noop

# Up to here every restart runs on everything; above, only the best of a sample do.
SMALL = FEW
RESTARTS_SMALL = 50
# One start in 23 finds the best six groups of the mall data: 50 miss them for one seed in nine, 200 for one in 6,000.
TINY = 2_000
RESTARTS_TINY = 200
SAMPLE_FOR_STARTS = 20_000
STARTS_ON_SAMPLE = 40
# The starts make their first passes on so many rows of the sample.
FIRST_ROWS = 8_000
FIRST_PASSES = 25
BEST_KEPT = 3
SAMPLE_FOR_POLISH = 100_000
# Fits on a sample whose inertia is further behind the best are given up: other groups may be the best of everybody, the
# more so the smaller the sample and the heavier the tails. Those left make some passes on the larger sample and are
# ranked anew, the best few end there, and those still near are ended on everybody.
MARGIN_ON_SAMPLE, CANDIDATES, POLISHING_PASSES = 0.02, 16, 10
MARGIN_POLISHED = 0.01
MARGIN_ENDED = 0.002


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


def fit(
    prepared: Prepared,
    k: int,
    *,
    seed: int,
    check: Check = no_check,
    threads: int = THREADS,
    engine: Engine | None = None,
) -> Fit:
    """The best partition of everybody into k groups that the restarts found.

    The same seed and the same customers give the same partition, whatever the order of rows. `check` is called
    between steps and may raise to stop. `engine` passes over everybody, this machine unless another is given; samples
    are worked on here. Raises TooFewDistinctRows.
    """
    engine = engine or Local(prepared, threads=threads)
    found = search(prepared, k, seed=seed, check=check, threads=threads, engine=engine)
    return partition(found, engine)


def partition(found: Outline, engine: Engine) -> Fit:
    """Who is where in what was found."""
    return engine.partition(found.centroids, iterations=found.iterations, restarts=found.n_init)


def make_ready(prepared: Prepared, *, seed: int, engine: Engine) -> None:
    """Make once what searching for any number of groups needs: copies of this process then have it in memory."""
    if len(prepared.z) > SMALL:
        _samples(prepared, seed)
    engine.make_ready()


def search(
    prepared: Prepared, k: int, *, seed: int, check: Check = no_check, threads: int = THREADS, engine: Engine
) -> Outline:
    """`fit`, without saying who is where."""
    _refuse_too_few(prepared.z, k)
    if len(prepared.z) <= SMALL:
        restarts = RESTARTS_TINY if len(prepared.z) <= TINY else RESTARTS_SMALL
        best = _best_of_restarts(prepared, k, seed=seed, restarts=restarts, check=check, threads=threads, engine=engine)
    else:
        restarts = STARTS_ON_SAMPLE
        best = _best_by_samples(prepared, k, seed=seed, check=check, threads=threads, engine=engine)
    check()
    return engine.outline(best.centres, iterations=best.iterations, restarts=restarts)


def go_on(prepared: Prepared, centres: FloatMatrix, *, engine: Engine) -> Outline:
    """The partition of everybody that starting from these centres (k, c) alone leads to."""
    ended = engine.ended([centres])[0]
    return engine.outline(ended.centres, iterations=ended.iterations, restarts=1)


def starting_centres(z: FloatMatrix, k: int, seed: int) -> FloatMatrix:
    """k-means++ centres (Arthur and Vassilvitskii 2007), (k, p)."""
    centres, _ = kmeans_plusplus(z, k, random_state=seed)
    return np.asarray(centres)


def _inertia(ended: Ended) -> float:
    return ended.inertia


def _refuse_too_few(z: FloatMatrix, k: int) -> None:
    """Looks at a growing head of the rows first: a million rows rarely need to be sorted to find k different ones."""
    head = z[: max(10 * k, 1000)]
    if len(np.unique(head, axis=0)) >= k:
        return
    distinct = len(np.unique(z, axis=0))
    if distinct < k:
        raise TooFewDistinctRows(k, distinct)


def _best_of_restarts(
    prepared: Prepared, k: int, *, seed: int, restarts: int, check: Check, threads: int, engine: Engine
) -> Ended:
    z = _in_order(prepared)
    with limited(threads):
        begun = _begun(SideBySide(z), k, seed=seed, starts=restarts, passes=MAX_ITERATIONS, check=check)
    return min(engine.ended(begun[:8], check), key=_inertia)


def _in_order(prepared: Prepared) -> FloatMatrix:
    return prepared.z[np.argsort(prepared.ids, kind="stable")]


def _begun(rows: SideBySide, k: int, *, seed: int, starts: int, passes: int, check: Check) -> list[FloatMatrix]:
    """Distinct centres after some passes of each start, the best first."""
    random = np.random.default_rng(seed)
    at_once = max(1, min(starts, 20))
    centres, inertia = [], []
    for _ in range(0, starts, at_once):
        check()
        one, far = rows.passes(rows.starts(k, at_once, random), passes)
        centres.append(one)
        inertia.append(far)
    order = np.argsort(np.concatenate(inertia), kind="stable")
    return _distinct(rows.in_own_units(np.concatenate(centres))[order])


def _best_by_samples(prepared: Prepared, k: int, *, seed: int, check: Check, threads: int, engine: Engine) -> Ended:
    """Many starts on a sample, the best few that differ polished on a larger one, then on everybody, ranked on
    everybody.

    Of 36 fits of 100,000 customers, groups that overlap and amounts that are skewed, all came within 0.1 % of the best
    of ten full restarts. Of 200,000 in slanted groups with long tails, nine numbers of groups each, all of 45 fits did,
    and of data on which the numbers above were chosen 71 of 72; with half the starts 68 of 72.
    Candidates are told apart by centroids: by inertia, good ones were taken for each other.
    """
    few, sample, larger = _samples(prepared, seed)
    with limited(threads):
        begun = _begun(few.side_by_side, k, seed=seed, starts=STARTS_ON_SAMPLE, passes=FIRST_PASSES, check=check)
        on_sample = _ranked(_ended(sample, begun, check))
        candidates = _worth(on_sample, MARGIN_ON_SAMPLE)[:CANDIDATES]
        on_larger = _ranked(_ended(larger, candidates, check, POLISHING_PASSES))
        ended = _ranked(_ended(larger, _worth(on_larger, MARGIN_POLISHED)[:BEST_KEPT], check))
    is_everybody = len(larger.z) == len(prepared.z)
    return ended[0] if is_everybody else _ranked(engine.ended(_worth(ended, MARGIN_ENDED), check))[0]


@dataclass(frozen=True, slots=True)
class _Rows:
    """Rows of a sample, (m, c), and the same for many starts at once."""

    z: FloatMatrix
    side_by_side: SideBySide

    @classmethod
    def of(cls, prepared: Prepared, size: int, salt: int) -> "_Rows":
        z = prepared.z[prepared.sample(size, salt)]
        return cls(z, SideBySide(z))


def _samples(prepared: Prepared, seed: int) -> list[_Rows]:
    """Where starts begin, go on, and are polished."""
    return [
        prepared.once(("rows", size, seed), partial(_Rows.of, prepared, size, seed))
        for size in (FIRST_ROWS, SAMPLE_FOR_STARTS, SAMPLE_FOR_POLISH)
    ]


def _ended(rows: _Rows, starts: Sequence[FloatMatrix], check: Check, most: int = MAX_ITERATIONS) -> list[Ended]:
    return ended_on(rows.z, starts, check, most, side_by_side=rows.side_by_side)


def _ranked(ended: Sequence[Ended]) -> list[Ended]:
    """The best first."""
    return sorted(ended, key=_inertia)


def _worth(ended: Sequence[Ended], margin: float) -> list[FloatMatrix]:
    """Centres that differ, of the fits that are not too far behind the first."""
    return _distinct([one.centres for one in ended if one.inertia <= (1 + margin) * ended[0].inertia])


def _distinct(found: Iterable[FloatMatrix]) -> list[FloatMatrix]:
    """Those whose centres differ from all before, in whatever order they come."""
    kept: list[FloatMatrix] = []
    # The sums over centres tell most apart, without looking for the one beside each.
    totals: list[FloatVector] = []
    reaches: list[FloatVector] = []
    for one in found:
        total = one.sum(axis=0)
        alike = (np.abs(total - totals) <= reaches).all(axis=1).tolist() if kept else []
        if not any(_is_same(one, other) for other in compress(kept, alike)):
            kept.append(one)
            totals.append(total)
            reaches.append(_reach(one).sum(axis=0))
    return kept


def _is_same(one: FloatMatrix, other: FloatMatrix) -> bool:
    """Whether each centre has one beside it among the others, and each of these is beside one."""
    nearest = squared_distances(one, other).argmin(axis=1).tolist()
    beside = other[nearest]
    return len({*nearest}) == len(one) and bool(np.all(np.abs(one - beside) <= _reach(beside)))


def _reach(centres: FloatMatrix) -> FloatMatrix:
    """How far from these, in each column, another still counts as the same: a hundredth."""
    return 0.01 + 0.01 * np.abs(centres)
