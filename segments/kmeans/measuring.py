"""How good a partition is: side by side, none of them alone."""

from collections.abc import Callable

import numpy as np
from sklearn.metrics import calinski_harabasz_score, davies_bouldin_score, silhouette_samples
from threadpoolctl import threadpool_limits

from segments.kmeans.fitting import THREADS, lloyd, starting_centres
from segments.kmeans.model import nearest_two
from segments.kmeans.sampling import hashed_sample
from segments.kmeans.shapes import Fit, FloatMatrix, FloatVector, IntVector, Measured, Prepared

# A silhouette of n rows costs n²; its sampling error is about .25 / √n, so .0025 here.
SAMPLE_FOR_SILHOUETTE = 10_000
SAMPLE_FOR_STABILITY = 2_000
BOOTSTRAPS = 40
STARTS_PER_BOOTSTRAP = 3

Check = Callable[[], None]


def measure(prepared: Prepared, fit: Fit, *, salt: int) -> Measured:
    """Inertia and sizes of everybody.

    Silhouette, Davies-Bouldin and Calinski-Harabasz of at most 10,000 hashed rows.
    """
    sizes = fit.sizes
    rows = hashed_sample(prepared.ids, SAMPLE_FOR_SILHOUETTE, salt)
    z, labels = prepared.z[rows], fit.labels[rows]
    can_compare = 2 <= len(np.unique(labels)) < len(labels)
    with threadpool_limits(THREADS):
        separation = float(silhouette_samples(z, labels).mean()) if can_compare else None
    return Measured(
        k=fit.k,
        inertia=fit.inertia,
        silhouette=separation,
        davies_bouldin=float(davies_bouldin_score(z, labels)) if can_compare else None,
        calinski_harabasz=float(calinski_harabasz_score(z, labels)) if can_compare else None,
        smallest_share=float(sizes.min() / len(prepared.ids)),
        smallest_size=int(sizes.min()),
    )


def silhouette_by_group(prepared: Prepared, fit: Fit, *, salt: int) -> list[float | None]:
    """The mean silhouette of each group, on at most 10,000 hashed rows; None for a group that the sample misses."""
    rows = hashed_sample(prepared.ids, SAMPLE_FOR_SILHOUETTE, salt)
    labels = fit.labels[rows]
    if not 2 <= len(np.unique(labels)) < len(labels):
        return [None] * fit.k
    with threadpool_limits(THREADS):
        values = silhouette_samples(prepared.z[rows], labels)
    return [float(values[labels == group].mean()) if np.any(labels == group) else None for group in range(fit.k)]


def stability(prepared: Prepared, fit: Fit, *, salt: int, check: Check) -> FloatVector:
    """How well each group is found again in bootstrap samples: its mean Jaccard similarity, (k,).

    clusterboot of Hennig 2007: at least .75 is valid, at least .85 highly stable, under .6 not to be trusted.
    Computed on at most 2,000 hashed rows, 40 resamples.
    """
    rows = hashed_sample(prepared.ids, SAMPLE_FOR_STABILITY, salt)
    z, labels = prepared.z[rows], fit.labels[rows]
    random = np.random.default_rng([salt, fit.k])
    similarities = np.zeros((BOOTSTRAPS, fit.k))
    with threadpool_limits(THREADS):
        for bootstrap in range(BOOTSTRAPS):
            check()
            drawn = random.integers(0, len(z), len(z))
            similarities[bootstrap] = _jaccard_of_best(labels[drawn], _refit(z[drawn], fit, random), fit.k)
    mean: FloatVector = similarities.mean(axis=0)
    return mean


def _refit(z: FloatMatrix, fit: Fit, random: np.random.Generator) -> IntVector:
    """Labels of a cold fit on resampled rows: a start from the known centroids would find itself again."""
    fits = [
        lloyd(z, starting_centres(z, fit.k, int(seed))) for seed in random.integers(0, 2**31 - 1, STARTS_PER_BOOTSTRAP)
    ]
    best = min(fits, key=lambda found: found.inertia_)
    return nearest_two(z, best.cluster_centers_).nearest


def _jaccard_of_best(known: IntVector, found: IntVector, k: int) -> FloatVector:
    """For each known group the Jaccard similarity to the found group that is most like it.

    0 for one that was not drawn.
    """
    best: FloatVector = jaccard(overlap(known, found, k, k)).max(axis=1)
    return best


def overlap(one: IntVector, other: IntVector, k_one: int, k_other: int) -> IntVector:
    """(k_one, k_other) counts of rows that are in both groups."""
    return np.bincount(one * k_other + other, minlength=k_one * k_other).reshape(k_one, k_other)


def jaccard(counts: IntVector) -> FloatMatrix:
    """Intersection over union of each pair of groups, from their overlap counts."""
    union = counts.sum(axis=1, keepdims=True) + counts.sum(axis=0, keepdims=True) - counts
    similarity: FloatMatrix = np.divide(counts, union, out=np.zeros(counts.shape), where=union > 0)
    return similarity
