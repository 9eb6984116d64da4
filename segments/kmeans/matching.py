"""Finding the segments of the run before in a new fit, so that they keep their identity.

The new snapshot's rows are scored with both models, old and new: comparing each customer's own old and new label
would confound the customer's movement with the model's (.58/.52/.44/.10 against .87/.87/.77/.75 on real purchases).
Transitions after MONIC (Spiliopoulou et al. 2006).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from segments.kmeans.matches import NO_LABELS, Match, Matching, Transition
from segments.kmeans.measuring import jaccard, overlap
from segments.kmeans.model import Model, ModelMismatch, apply_model, nearest_two, squared_distances
from segments.kmeans.shapes import Fit, FloatMatrix, IntVector, Prepared
from segments.kmeans.wording import gettext_noop

SURVIVES = 0.7
SPLIT_PART = 0.3
# Below, a pair is no match although the Hungarian method pairs whatever is left.
LEAST_JACCARD = 0.3
# A group whose middle is farther from an old segment than its far distance (the training p99) times this is no part of
# it: a part that moves away a little still is.
NEWCOMERS_BEYOND = 1.5
# A segment that sent less than this share of its customers is not named as where a group comes from.
NAMED_SOURCE = 0.05


def match(
    old: Model, names: Sequence[str], prepared: Prepared, fit: Fit, *, labels: Mapping[str, str] = NO_LABELS
) -> Matching:
    """Match the groups of `fit` with the segments of `old` on the rows of the new snapshot.

    `names` are the numbers of `prepared.raw`, in its order; `labels` how people know the old segments, by id. Raises
    segments.kmeans.model.ModelMismatch when a feature of the old model was not read: there is nothing to compare then.
    """
    z_of_old = _as_before(old, names, prepared)
    counts = overlap(nearest_two(z_of_old, old.centroids).nearest, fit.labels, old.k, fit.k)
    middles = np.array([z_of_old[fit.labels == group].mean(axis=0) for group in range(fit.k)])
    apart = squared_distances(old.centroids, middles)
    ids = [segment.segment_id for segment in old.segments]
    return _decide(ids, _without_newcomers(old, counts, apart), apart, labels)


def unmatched(old: Model, k: int, *, labels: Mapping[str, str] = NO_LABELS) -> Matching:
    """All `k` groups are new and every segment of `old` ends: told apart by other features, they cannot be compared."""
    ids = [segment.segment_id for segment in old.segments]
    return Matching(
        groups=tuple(
            Match(
                group=group,
                transition=Transition.BORN,
                keeps=None,
                jaccard=0.0,
                sources={},
                why=gettext_noop("It is new: the segments in use are told apart by other features."),
            )
            for group in range(k)
        ),
        gone=dict.fromkeys(ids, Transition.ENDED),
        why_gone={
            one: gettext_noop("“{name}” has ended: this run looks at other features.").format(name=labels.get(one, one))
            for one in ids
        },
    )


def goes_on_from(old: Model, names: Sequence[str], prepared: Prepared) -> FloatMatrix:
    """Where the segments of `old` are now: the middles (k, c), in the new space, of the rows that it puts there.

    For a fit that goes on from them. A segment without rows is where its centroid's nearest row is. Raises
    ModelMismatch as `match` does.
    """
    z_of_old = _as_before(old, names, prepared)
    nearest = nearest_two(z_of_old, old.centroids).nearest
    closest = squared_distances(z_of_old, old.centroids).argmin(axis=0)
    return np.array(
        [
            prepared.z[rows].mean(axis=0) if (rows := nearest == segment).any() else prepared.z[closest[segment]]
            for segment in range(old.k)
        ]
    )


def _as_before(old: Model, names: Sequence[str], prepared: Prepared) -> FloatMatrix:
    """The rows as the old model prepares them, (n, c)."""
    categories = [spec.name for spec in prepared.categories]
    numbers = [spec.name for spec in old.features]
    others = [spec.name for spec in old.categories]
    if not set(numbers) <= set(names) or not set(others) <= set(categories):
        raise ModelMismatch(
            f"the segments in use are told apart by {old.names}, this run read only {[*names, *categories]}"
        )
    raw = prepared.raw[:, [list(names).index(name) for name in numbers]]
    if prepared.codes is not None:
        raw = np.column_stack([raw, prepared.codes[:, [categories.index(name) for name in others]]])
    return apply_model(old, old.names, raw, levels=dict(zip(categories, prepared.levels, strict=True)))


def _without_newcomers(old: Model, counts: IntVector, apart: FloatMatrix) -> IntVector:
    """`counts` (k_old, k_new) without those who are of an old segment only because no other is nearer.

    A group whose middle is much farther from an old segment than nearly all of its customers ever were is none of its
    parts, as long as enough of the segment is where it was; else the segment itself has moved there.
    """
    far = np.array([segment.far_distance for segment in old.segments])[:, np.newaxis]
    sizes = np.array([segment.n for segment in old.segments])
    near = np.where(np.sqrt(apart) <= NEWCOMERS_BEYOND * far, counts, 0)
    is_where_it_was = near.sum(axis=1) >= SPLIT_PART * np.minimum(sizes, counts.sum(axis=1))
    return np.where(is_where_it_was[:, np.newaxis] & (near.sum(axis=1, keepdims=True) > 0), near, counts)


def _decide(ids: Sequence[str], counts: IntVector, apart: FloatMatrix, labels: Mapping[str, str]) -> Matching:
    """Who goes on as whom.

    counts  (k_old, k_new) rows in both
    apart   (k_old, k_new) squared distances of middles in the old space, to break ties
    """
    rows_of_old = counts.sum(axis=1, keepdims=True)
    flow = _Flow(
        ids=tuple(ids),
        share=np.divide(counts, rows_of_old, out=np.zeros(counts.shape), where=rows_of_old > 0),
        similar=jaccard(counts),
        rows=rows_of_old[:, 0],
        labels=labels,
    )
    merits = flow.similar - 1e-6 * apart / (apart.max() or 1.0) + flow.claims()
    pairs = zip(*(side.tolist() for side in linear_sum_assignment(-merits)), strict=True)
    kept = {new: one for one, new in pairs if flow.is_match(one, new)}
    gone = [one for one in range(len(ids)) if one not in kept.values()]
    return Matching(
        groups=tuple(flow.match_of(new, kept.get(new)) for new in range(counts.shape[1])),
        gone={ids[one]: flow.end_of(one) for one in gone},
        why_gone={ids[one]: flow.why_gone(one) for one in gone},
    )


@dataclass(frozen=True, slots=True)
class _Flow:
    """Where the customers of old segments are now.

    share    (k_old, k_new) of each old segment's rows     similar  (k_old, k_new) Jaccard
    rows     (k_old,) of each old segment
    """

    ids: tuple[str, ...]
    share: FloatMatrix
    similar: FloatMatrix
    rows: IntVector
    labels: Mapping[str, str]

    def claims(self) -> FloatMatrix:
        """(k_old, k_new) what comes before likeness: the larger parent of a merger, then survival and largest child."""
        claims = np.zeros(self.share.shape)
        for new in range(self.share.shape[1]):
            parents = self.survivors(new)
            if len(parents) >= 2:
                heir = max(parents, key=lambda one: (self.rows[one], self.similar[one, new]))
                claims[heir, new] = 2.0
                # The others are retired: what little of them went elsewhere does not carry their id away.
                claims[[one for one in parents if one != heir]] = -4.0
        for one in range(len(self.share)):
            into = int(self.share[one].argmax())
            goes_on = self.is_split(one) or self.share[one, into] >= SURVIVES
            # Where a group has more from another segment, it is that one's.
            if goes_on and self.similar[one, into] >= self.similar[:, into].max():
                claims[one, into] += 1.0
        return claims

    def survivors(self, new: int) -> list[int]:
        return [one for one in range(len(self.share)) if self.share[one, new] >= SURVIVES]

    def is_retired(self, one: int) -> bool:
        """Whether a larger segment came into the same group."""
        new = int(self.share[one].argmax())
        return self.share[one, new] >= SURVIVES and len(self.survivors(new)) >= 2

    def is_split(self, one: int) -> bool:
        parts = self.share[one][self.share[one] >= SPLIT_PART]
        return len(parts) >= 2 and float(parts.max()) < SURVIVES <= float(parts.sum())

    def is_match(self, one: int, new: int) -> bool:
        """Whether a pair of the Hungarian method is one."""
        if self.is_retired(one) and self.share[one, new] < SURVIVES:
            return False
        is_child = self.is_split(one) and self.share[one, new] >= SPLIT_PART
        return self.similar[one, new] >= LEAST_JACCARD or self.share[one, new] >= SURVIVES or is_child

    def match_of(self, new: int, one: int | None) -> Match:
        transition, why = self._born(new) if one is None else self._goes_on(new, one)
        order = [old for old in np.argsort(-self.share[:, new], kind="stable") if self.share[old, new] >= NAMED_SOURCE]
        return Match(
            group=new,
            transition=transition,
            keeps=None if one is None else self.ids[one],
            jaccard=0.0 if one is None else round(float(self.similar[one, new]), 4),
            sources={self.ids[old]: round(float(self.share[old, new]), 4) for old in order},
            why=why,
        )

    def _goes_on(self, new: int, one: int) -> tuple[Transition, str]:
        name, share = self._name(one), float(self.share[one, new])
        parents = self.survivors(new)
        if len(parents) >= 2 and one in parents:
            others = ", ".join(f"“{self._name(other)}”" for other in parents if other != one)
            return Transition.MERGED, (
                gettext_noop(
                    "“{name}” and {others} have become one: at least {survives:.0%} of each are here. It goes on as"
                    " “{name}”, the largest of them."
                ).format(name=name, others=others, survives=SURVIVES)
            )
        if self.is_split(one):
            which = (
                gettext_noop("largest part")
                if new == int(self.share[one].argmax())
                else gettext_noop("largest part that is nobody else's")
            )
            return Transition.SPLIT, (
                gettext_noop(
                    "“{name}” has fallen apart: parts of at least {split:.0%} went different ways. It goes on as "
                    "“{name}”, whose {which} ({share:.0%}) is here."
                ).format(name=name, split=SPLIT_PART, which=which, share=share)
            )
        if share >= SURVIVES:
            return Transition.MATCHED, (
                gettext_noop(
                    "It goes on as “{name}”: {share:.0%} of its customers are here; {survives:.0%} make it the same."
                ).format(name=name, share=share, survives=SURVIVES)
            )
        return Transition.MATCHED, (
            gettext_noop(
                "It goes on as “{name}”, which it resembles most: of all customers in either, {similar:.0%} are in "
                "both; at least {least:.0%} make it the same."
            ).format(name=name, similar=self.similar[one, new], least=LEAST_JACCARD)
        )

    def _born(self, new: int) -> tuple[Transition, str]:
        parents = [one for one in range(len(self.share)) if self.is_split(one) and self.share[one, new] >= SPLIT_PART]
        if parents:
            one = max(parents, key=lambda parent: float(self.share[parent, new] * self.rows[parent]))
            return Transition.SPLIT, (
                gettext_noop(
                    "“{name}” has fallen apart and {share:.0%} of its customers are here; its id stays with another"
                    " part, so this one is new."
                ).format(name=self._name(one), share=self.share[one, new])
            )
        return Transition.BORN, (
            gettext_noop(
                "It is new: none of the segments in use goes on in it. That takes {survives:.0%} of a segment's "
                "customers, or {least:.0%} of all customers in either."
            ).format(survives=SURVIVES, least=LEAST_JACCARD)
        )

    def end_of(self, one: int) -> Transition:
        return Transition.MERGED if self.share[one].max() >= SURVIVES else Transition.ENDED

    def why_gone(self, one: int) -> str:
        name, most = self._name(one), float(self.share[one].max())
        if self.end_of(one) is Transition.MERGED:
            return gettext_noop(
                "“{name}” is retired: {most:.0%} of its customers are in a group that goes on as another segment."
            ).format(name=name, most=most)
        if not self.rows[one]:
            return gettext_noop("“{name}” has ended: nobody belongs to it any more.").format(name=name)
        return gettext_noop(
            "“{name}” has ended: its customers went different ways, {most:.0%} at most to the same group."
        ).format(name=name, most=most)

    def _name(self, one: int) -> str:
        return self.labels.get(self.ids[one], self.ids[one])
