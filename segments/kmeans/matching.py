"""Finding the segments of the run before in a new fit, so that they keep their identity.

The new snapshot's rows are scored with both models, old and new: comparing each customer's own old and new label
would confound the customer's movement with the model's (.58/.52/.44/.10 against .87/.87/.77/.75 on real purchases).
Transitions after MONIC (Spiliopoulou et al. 2006).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from scipy.optimize import linear_sum_assignment

from segments.kmeans.measuring import jaccard, overlap
from segments.kmeans.model import Model, ModelMismatch, apply_specs, nearest_two, squared_distances
from segments.kmeans.shapes import Fit, FloatMatrix, IntVector, Prepared

SURVIVES = 0.7
SPLIT_PART = 0.3
# Shares below this are no match although the Hungarian method pairs whatever is left.
LEAST_JACCARD = 0.3


class Transition(StrEnum):
    """What became of a segment, or where it comes from."""

    MATCHED = "matched"
    SPLIT = "split"
    MERGED = "merged"
    BORN = "born"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Match:
    """One group of the new fit and where it comes from.

    `keeps` is the id of the segment it goes on as, None for a new one; `sources` has the share of each old segment's
    rows that came here.
    """

    group: int
    transition: Transition
    keeps: str | None
    jaccard: float
    sources: dict[str, float]


@dataclass(frozen=True, slots=True)
class Matching:
    """All groups of the new fit, and the old segments that none of them goes on as, each with what became of it."""

    groups: tuple[Match, ...]
    gone: dict[str, Transition]


def match(old: Model, names: Sequence[str], prepared: Prepared, fit: Fit) -> Matching:
    """Match the groups of `fit` with the segments of `old` on the rows of the new snapshot.

    `names` are the features of `prepared.raw`, in its order. Raises segments.kmeans.model.ModelMismatch when they
    lack a feature of the old model: there is nothing to compare then.
    """
    wanted = [spec.name for spec in old.features]
    if not set(wanted) <= set(names):
        raise ModelMismatch(f"the segments in use are told apart by {wanted}, this run read only {list(names)}")
    z_of_old = apply_specs(old.features, prepared.raw[:, [list(names).index(name) for name in wanted]])
    counts = overlap(nearest_two(z_of_old, old.centroids).nearest, fit.labels, old.k, fit.k)
    middles = np.array([z_of_old[fit.labels == group].mean(axis=0) for group in range(fit.k)])
    return _decide(old, counts, squared_distances(old.centroids, middles))


def _decide(old: Model, counts: IntVector, apart: FloatMatrix) -> Matching:
    """`counts` (k_old, k_new) rows in both.

    `apart` (k_old, k_new) squared distances of middles in the old space, to break ties.
    """
    similar = jaccard(counts)
    rows_of_old = counts.sum(axis=1, keepdims=True)
    share = np.divide(counts, rows_of_old, out=np.zeros(counts.shape), where=rows_of_old > 0)
    pairs = dict(
        zip(
            *(side.tolist() for side in linear_sum_assignment(1e-6 * apart / (apart.max() or 1.0) - similar)),
            strict=True,
        )
    )
    kept = {
        new: one
        for one, new in pairs.items()
        if similar[one, new] >= LEAST_JACCARD or share[one, new] >= SURVIVES or _is_largest_child(share, one, new)
    }
    ids = [segment.segment_id for segment in old.segments]
    groups = []
    for new in range(counts.shape[1]):
        sources = {
            ids[one]: round(float(share[one, new]), 4) for one in np.argsort(-share[:, new]) if share[one, new] >= 0.05
        }
        one = kept.get(new)
        groups.append(
            Match(
                group=new,
                transition=_transition(share, one, new),
                keeps=None if one is None else ids[one],
                jaccard=0.0 if one is None else round(float(similar[one, new]), 4),
                sources=sources,
            )
        )
    gone = {
        segment_id: Transition.MERGED if share[one].max() >= SURVIVES else Transition.ENDED
        for one, segment_id in enumerate(ids)
        if one not in kept.values()
    }
    return Matching(groups=tuple(groups), gone=gone)


def _is_split(share: FloatMatrix, one: int) -> bool:
    parts = share[one][share[one] >= SPLIT_PART]
    return len(parts) >= 2 and float(parts.sum()) >= SURVIVES


def _is_largest_child(share: FloatMatrix, one: int, new: int) -> bool:
    return _is_split(share, one) and int(share[one].argmax()) == new


def _transition(share: FloatMatrix, one: int | None, new: int) -> Transition:
    if one is None:
        parents = [old for old in range(len(share)) if _is_split(share, old) and share[old, new] >= SPLIT_PART]
        return Transition.SPLIT if parents else Transition.BORN
    survivors = int((share[:, new] >= SURVIVES).sum())
    if survivors >= 2:
        return Transition.MERGED
    return Transition.SPLIT if _is_split(share, one) else Transition.MATCHED
