"""How good a partition is: side by side, none of them alone."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from segments.kmeans.engines import Check
from segments.kmeans.engines.local import limited
from segments.kmeans.model import nearest_two
from segments.kmeans.shapes import Fit, FloatMatrix, FloatVector, IntVector, Measured, Outline, Prepared
from segments.kmeans.sidebyside import SideBySide

# A silhouette of n rows costs n²; its sampling error is about .25 / √n, so .0025 here.
SAMPLE_FOR_SILHOUETTE = 10_000
# Distances between so many rows and as many others are held at once: half a megabyte, which stays in a core's cache.
BLOCK = 256
# Of more rows than these, distances in single precision: their errors even out far below that of the sample.
FEW = 2_000
SAMPLE_FOR_STABILITY = 2_000
BOOTSTRAPS, FEWEST_BOOTSTRAPS = 40, 12
VALID_STABILITY = 0.75
STARTS_PER_BOOTSTRAP, PASSES_PER_START = 6, 4
# How often the sample is halved; each half is the judge of the other.
HALVINGS = 5


@dataclass(frozen=True, slots=True)
class Separation:
    """The mean silhouette of the rows, and of each group's (k,); None where there is nothing to compare."""

    mean: float | None
    by_group: list[float | None]


def separation(prepared: Prepared, fit: Fit | Outline, *, salt: int) -> Separation:
    """Silhouettes of at most 10,000 hashed rows; None for a group that the sample misses."""
    z, labels = _sample(prepared, fit, salt)
    if not _can_compare(labels):
        return Separation(None, [None] * fit.k)
    values = silhouettes(z, labels)
    by_group = [float(values[labels == group].mean()) if np.any(labels == group) else None for group in range(fit.k)]
    return Separation(float(values.mean()), by_group)


def measure(prepared: Prepared, fit: Fit | Outline, *, salt: int, known: Separation | None = None) -> Measured:
    """Inertia and sizes of everybody.

    Silhouette (`known`, if it is already), Davies-Bouldin and Calinski-Harabasz of at most 10,000 hashed rows.
    """
    sizes = fit.sizes
    z, labels = _sample(prepared, fit, salt)
    apart, ratio = spread(z, labels) if _can_compare(labels) else (None, None)
    return Measured(
        k=fit.k,
        inertia=fit.inertia,
        silhouette=(known or separation(prepared, fit, salt=salt)).mean,
        davies_bouldin=apart,
        calinski_harabasz=ratio,
        smallest_share=float(sizes.min() / len(prepared.ids)),
        smallest_size=int(sizes.min()),
        simplified_silhouette=fit.simplified_silhouette,
    )


def _sample(prepared: Prepared, fit: Fit | Outline, salt: int) -> tuple[FloatMatrix, IntVector]:
    rows = prepared.sample(SAMPLE_FOR_SILHOUETTE, salt)
    z = prepared.z[rows]
    return z, nearest_two(z, fit.centroids).nearest


def _can_compare(labels: IntVector) -> bool:
    return 2 <= len(np.unique(labels)) < len(labels)


def silhouettes(z: FloatMatrix, labels: IntVector) -> FloatVector:
    """The silhouette of each row (Rousseeuw 1987), (n,); that of a row alone in its group is 0.

    scikit-learn's `silhouette_samples` in a sixth of its time: each pair of rows is measured once, in blocks that
    stay in the cache, and rows lie group by group, so that a sum over a group is one product.
    """
    _, labels, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    order = np.argsort(labels, kind="stable")
    labels = labels[order]
    with limited():
        means = _distances_to_groups(z[order], sizes)
    each, others = np.arange(len(z)), np.maximum(sizes[labels] - 1, 1)
    within = means[each, labels] / others
    means /= sizes
    means[each, labels] = np.inf
    between = means.min(axis=1)
    larger = np.maximum(within, between)
    apart = np.divide(between - within, larger, out=np.zeros(len(z)), where=(larger > 0) & (sizes[labels] > 1))
    values = np.empty(len(z))
    values[order] = apart
    return values


def _distances_to_groups(z: FloatMatrix, sizes: IntVector) -> FloatMatrix:
    """(n, k) sums of each row's distances to the rows of each group, in some unit; the rows lie group by group."""
    z = z - z.mean(axis=0)
    z = (z / (np.sqrt(np.square(z).mean()) or 1.0)).astype(np.float64 if len(z) <= FEW else np.float32)
    squares, ones = np.einsum("ij,ij->i", z, z)[:, None], np.ones((len(z), 1), z.dtype)
    # One product gives x² − 2xy + y².
    left = np.hstack([-2 * z, ones, squares])
    right = np.ascontiguousarray(np.hstack([z, squares, ones]).T)
    ends = sizes.cumsum()
    blocks = [
        (group, slice(start, min(start + BLOCK, end)))
        for group, end in enumerate(ends)
        for start in range(end - sizes[group], end, BLOCK)
    ]
    sums = np.zeros((len(z), len(sizes)))
    for number, (group, rows) in enumerate(blocks):
        for other, columns in blocks[number:]:
            distances = left[rows] @ right[:, columns]
            np.maximum(distances, 0, out=distances)
            if rows == columns:
                np.fill_diagonal(distances, 0)
            np.sqrt(distances, out=distances)
            sums[rows, other] += distances @ ones[columns, 0]
            if rows != columns:
                sums[columns, group] += ones[rows, 0] @ distances
    return sums


def spread(z: FloatMatrix, labels: IntVector) -> tuple[float, float]:
    """The indices of Davies and Bouldin 1979 (0 is best) and of Calinski and Harabasz 1974 (more is better)."""
    _, labels, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    k = len(sizes)
    middles = np.column_stack([np.bincount(labels, column, k) for column in z.T]) / sizes[:, None]
    squares = np.square(z - middles[labels]).sum(axis=1)
    radii = np.bincount(labels, np.sqrt(squares), k) / sizes
    apart = np.sqrt(np.square(middles[:, None] - middles[None]).sum(axis=2))
    overlaps = np.divide(radii[:, None] + radii[None], apart, out=np.zeros((k, k)), where=apart > 0)
    between = float(sizes @ np.square(middles - z.mean(axis=0)).sum(axis=1))
    within = float(squares.sum())
    ratio = between * (len(z) - k) / (within * (k - 1)) if within else 1.0
    return float(overlaps.max(axis=1).mean()), ratio


def stability(prepared: Prepared, fit: Fit | Outline, *, salt: int, check: Check) -> FloatVector:
    """How well each group is found again in bootstrap samples: its mean Jaccard similarity, (k,).

    clusterboot of Hennig 2007: at least .75 is valid, at least .85 highly stable, under .6 not to be trusted.
    Computed on at most 2,000 hashed rows, each resample refitted from cold starts: starts from the known centroids
    would find themselves again. 40 resamples, or 12 when these put every group above .75 by three standard errors.
    """
    rows = prepared.sample(SAMPLE_FOR_STABILITY, salt)
    z = prepared.z[rows]
    labels = nearest_two(z, fit.centroids).nearest
    random = np.random.default_rng([salt, fit.k])
    similarities: list[FloatVector] = []
    with limited():
        while len(similarities) < BOOTSTRAPS and not _is_surely_valid(similarities):
            check()
            # How often each row was drawn.
            drawn = np.bincount(random.integers(0, len(z), len(z)), minlength=len(z))
            rows_drawn = SideBySide(z, drawn)
            centres = rows_drawn.best(fit.k, random, starts=STARTS_PER_BOOTSTRAP, passes=PASSES_PER_START)
            found = nearest_two(z, centres).nearest
            similarities.append(jaccard(_weighted_overlap(labels, found, drawn, fit.k)).max(axis=1))
    mean: FloatVector = np.mean(similarities, axis=0)
    return mean


def prediction_strength(prepared: Prepared, k: int, *, salt: int, check: Check) -> float:
    """How well the groups of one half of the customers say who is together in the other half, 0 to 1.

    Tibshirani and Walther 2005: of the pairs within each group of one half, the share that the centres of the other
    half keep together; the smallest of the groups, and the mean of several halvings. They take the largest k that
    reaches .8 or more. On at most 2,000 hashed rows.
    """
    z = prepared.z[prepared.sample(SAMPLE_FOR_STABILITY, salt)]
    random = np.random.default_rng([salt, k, len(z)])
    strengths: list[float] = []
    with limited():
        for _ in range(HALVINGS):
            check()
            order = random.permutation(len(z))
            halves = [z[np.sort(order[start::2])] for start in (0, 1)]
            centres = [
                SideBySide(half).best(k, random, starts=STARTS_PER_BOOTSTRAP, passes=PASSES_PER_START)
                for half in halves
            ]
            for half, own, others in zip(halves, centres, reversed(centres), strict=True):
                together = overlap(nearest_two(half, own).nearest, nearest_two(half, others).nearest, k, k)
                strengths.append(_kept_together(together))
    return float(np.mean(strengths))


def _kept_together(counts: IntVector) -> float:
    """The smallest share of pairs of a row's that are in the same column, too; a row alone has no pairs."""
    sizes = counts.sum(axis=1)
    pairs = sizes * (sizes - 1)
    kept = (counts * (counts - 1)).sum(axis=1)
    return float((kept[pairs > 0] / pairs[pairs > 0]).min(initial=1.0))


def _is_surely_valid(similarities: Sequence[FloatVector]) -> bool:
    if len(similarities) < FEWEST_BOOTSTRAPS:
        return False
    errors = np.std(similarities, axis=0) / np.sqrt(len(similarities))
    return bool(np.all(np.mean(similarities, axis=0) - 3 * errors > VALID_STABILITY))


def _weighted_overlap(one: IntVector, other: IntVector, weights: IntVector, k: int) -> IntVector:
    """(k, k) counts of rows in both groups, each as often as its weight; a group that was not drawn has none."""
    return np.bincount(one * k + other, weights, minlength=k * k).astype(np.int64).reshape(k, k)


def overlap(one: IntVector, other: IntVector, k_one: int, k_other: int) -> IntVector:
    """(k_one, k_other) counts of rows that are in both groups."""
    return np.bincount(one * k_other + other, minlength=k_one * k_other).reshape(k_one, k_other)


def jaccard(counts: IntVector) -> FloatMatrix:
    """Intersection over union of each pair of groups, from their overlap counts."""
    union = counts.sum(axis=1, keepdims=True) + counts.sum(axis=0, keepdims=True) - counts
    similarity: FloatMatrix = np.divide(counts, union, out=np.zeros(counts.shape), where=union > 0)
    return similarity
