"""Whether few starts on samples find what many on everybody do: on data that was not looked at when this was tuned."""

import time
from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_limits

from benchmarks.measuring import Claim, Limit, Measured, Table
from segments.kmeans.engines import THREADS
from segments.kmeans.fitting import fit
from segments.kmeans.preparing import prepare
from segments.kmeans.shapes import Definition, FloatMatrix, Prepared

CANDIDATES = range(2, 11)
RESTARTS = 10
# Percent that our inertia may be above the best of the restarts.
MOST_EXCESS = 0.1


def measure_inertia(customers: int, rounds: int) -> Measured:
    """Every k on two data sets: our fit with a few seeds, and the best of ten restarts of scikit-learn on everybody."""
    ours, peer = "our fits of k = 2 to 10", "ten restarts of each on everybody"
    seconds: dict[str, list[float]] = {ours: [], peer: []}
    rows: list[tuple[str, ...]] = []
    worst = -np.inf
    seeds = range(9_001, 9_001 + min(rounds, 3))
    for name, raw in _data(customers).items():
        prepared = prepare(np.arange(1, len(raw) + 1), raw, Definition.from_json({"features": list("abcd")}))
        best = _timed(seconds[peer], partial(_restarted, prepared))
        for seed in seeds:
            found = _timed(seconds[ours], partial(_ours, prepared, seed))
            excess = [100 * (found[k] / best[k] - 1) for k in CANDIDATES]
            worst = max(worst, *excess)
            rows.append((f"{name}, seed {seed}", *(f"{one:+.3f}" for one in excess)))
    return Measured(
        f"{customers:,} customers, 4 features, percent above the best of {RESTARTS} restarts on everybody",
        seconds,
        (Claim(ours, peer, 1.0),),
        limits=(Limit("the largest excess of inertia", worst, MOST_EXCESS, "%"),),
        table=Table(("data", *(f"k = {k}" for k in CANDIDATES)), tuple(rows)),
    )


def _data(count: int) -> Mapping[str, FloatMatrix]:
    """Slanted groups of very different sizes with long tails; and amounts over several orders of magnitude."""
    random = np.random.default_rng(20261201)
    sizes = random.dirichlet(np.full(9, 0.8))
    group = random.choice(9, count, p=sizes)
    slants = random.normal(0, 0.6, (9, 4, 4)) + np.eye(4)
    middles = random.normal(0, 4, (9, 4))
    slanted = middles[group] + np.einsum("nij,nj->ni", slants[group], random.standard_t(4, (count, 4)))
    kind = random.choice(4, count, p=[0.5, 0.3, 0.15, 0.05])
    amounts = np.exp(random.normal(np.array([1.0, 2.2, 3.5, 5.0])[kind][:, None], [0.5, 0.8, 1.1, 0.6], (count, 4)))
    return {"slanted": slanted, "amounts": amounts.round(2)}


def _ours(prepared: Prepared, seed: int) -> dict[int, float]:
    return {k: fit(prepared, k, seed=seed).inertia for k in CANDIDATES}


def _restarted(prepared: Prepared) -> dict[int, float]:
    with threadpool_limits(THREADS):
        return {k: float(KMeans(k, n_init=RESTARTS, random_state=k).fit(prepared.z).inertia_) for k in CANDIDATES}


def _timed(seconds: list[float], work: Callable[[], dict[int, float]]) -> dict[int, float]:
    started = time.perf_counter()
    found = work()
    seconds.append(time.perf_counter() - started)
    return found
