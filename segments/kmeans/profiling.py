"""What segments look like: per segment and feature the figures that people read, and a sample of points to draw."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from segments.kmeans.abreast import abreast
from segments.kmeans.sampling import hashed_order
from segments.kmeans.shapes import CategoryProfile, FeatureProfile, Fit, FloatVector, IntVector, Prepared, Profile

BINS = 20
POINTS = 1_500
FEWEST_POINTS_OF_A_SEGMENT = 30
TYPICAL_CUSTOMERS = 5
MOST_LEVELS_SHOWN = 10


def profile(
    prepared: Prepared,
    fit: Fit,
    *,
    salt: int,
    silhouettes: Sequence[float | None],
    stabilities: Sequence[float | None],
    categories: Sequence["Category"] = (),
) -> tuple[Profile, list[Profile]]:
    """The profile of everybody, and that of each group in the order of the fit.

    Figures are of the values as they were read, in their own units; missing ones are counted and left out. Standard
    deviations divide by n. `categories` are shown whether or not customers were divided by them.
    """
    # Small numbers sort in linear time.
    by_group = np.split(np.argsort(fit.labels.astype(np.uint8), kind="stable"), fit.sizes.cumsum()[:-1])
    columns = abreast(
        lambda one: _describe(one[1].name, np.ascontiguousarray(prepared.raw[:, one[0]]), one[1].impute, by_group),
        enumerate(prepared.specs),
    )
    order = hashed_order(prepared.ids, salt)
    of_everybody, of_groups = _count_levels(categories, fit)
    whole = Profile(
        size=len(prepared.ids),
        share=1.0,
        features=tuple(column.everybody for column in columns),
        centroid={column.everybody.name: column.middle for column in columns},
        categories=of_everybody,
    )
    return whole, [
        Profile(
            size=len(rows),
            share=len(rows) / len(prepared.ids),
            features=tuple(column.groups[group] for column in columns),
            centroid={column.everybody.name: column.middles[group] for column in columns},
            sample=_sample(prepared, rows, order[rows]),
            typical=_typical(prepared.ids[rows], fit.distance[rows]),
            silhouette=silhouettes[group],
            stability=stabilities[group],
            categories=of_groups[group],
        )
        for group, rows in enumerate(by_group)
    ]


@dataclass(frozen=True, slots=True)
class Category:
    """A category of everybody: (n,) places among its levels, NaN where missing."""

    name: str
    codes: FloatVector
    levels: Sequence[str]


def _count_levels(
    categories: Sequence[Category], fit: Fit
) -> tuple[tuple[CategoryProfile, ...], list[tuple[CategoryProfile, ...]]]:
    """The profiles of everybody, and of each group, with the levels that are the most frequent of all."""
    of_everybody: list[CategoryProfile] = []
    of_groups: list[list[CategoryProfile]] = [[] for _ in range(fit.k)]
    for category in categories:
        width = len(category.levels) + 1
        places = np.where(np.isnan(category.codes), width - 1, category.codes).astype(np.int64)
        table = np.bincount(fit.labels * width + places, minlength=fit.k * width).reshape(fit.k, width)
        known = table[:, :-1]
        if not known.any():
            continue
        kept = np.argsort(-known.sum(axis=0), kind="stable")[:MOST_LEVELS_SHOWN]
        kept = kept[known.sum(axis=0)[kept] > 0]
        strength = _cramers_v(known)
        of_everybody.append(_levels_of(category, table.sum(axis=0), kept, strength))
        for group, counts in enumerate(table):
            of_groups[group].append(_levels_of(category, counts, kept, strength))
    return tuple(of_everybody), [tuple(one) for one in of_groups]


def _levels_of(category: Category, counts: IntVector, kept: IntVector, strength: float) -> CategoryProfile:
    shown = {category.levels[place]: int(counts[place]) for place in kept}
    missing = int(counts[-1])
    return CategoryProfile(
        name=category.name,
        counts=shown,
        rest=int(counts.sum()) - missing - sum(shown.values()),
        missing=missing,
        cramers_v=strength,
    )


def _cramers_v(table: IntVector) -> float:
    """How strongly rows and columns of a contingency table hang together, 0 to 1 (Cramér 1946)."""
    table = table[table.sum(axis=1) > 0][:, table.sum(axis=0) > 0]
    freedom = min(table.shape) - 1
    if freedom < 1:
        return 0.0
    total = table.sum()
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0, keepdims=True) / total
    return float(np.sqrt((np.square(table - expected) / expected).sum() / total / freedom))


@dataclass(frozen=True, slots=True)
class Column:
    """One feature of everybody and of each group; the middles are means with missing values filled in."""

    everybody: FeatureProfile
    groups: list[FeatureProfile]
    middle: float
    middles: list[float]


def _describe(name: str, values: FloatVector, impute: float, by_group: Sequence[IntVector]) -> Column:
    whole, parts = Ascending(values), [Ascending(values[rows]) for rows in by_group]
    edges, eta_squared = _edges(whole.present), _eta_squared(whole, parts)
    everybody, *groups = [_feature(name, one, whole, edges, eta_squared) for one in [whole, *parts]]
    return Column(everybody, groups, whole.filled_mean(impute), [part.filled_mean(impute) for part in parts])


class Ascending:
    """Values in ascending order, from which quartiles, extremes and bins can be read off; missing ones are counted."""

    def __init__(self, values: FloatVector) -> None:
        self.missing = int(np.isnan(values).sum())
        # Missing ones come last.
        self.present = np.sort(values)[: len(values) - self.missing]
        self.mean = float(self.present.mean()) if len(self.present) else 0.0
        self.sd = float(self.present.std()) if len(self.present) else 0.0

    def filled_mean(self, impute: float) -> float:
        return (self.mean * len(self.present) + impute * self.missing) / (len(self.present) + self.missing)

    def quantile(self, part: float) -> float:
        """Between the two nearest values in proportion, as numpy and pandas do by default."""
        position = part * (len(self.present) - 1)
        low = int(position)
        high = min(low + 1, len(self.present) - 1)
        return float(self.present[low] + (position - low) * (self.present[high] - self.present[low]))

    def figures(self) -> dict[str, float]:
        if not len(self.present):
            return {}
        return {
            "mean": self.mean,
            "sd": self.sd,
            "minimum": float(self.present[0]),
            "q1": self.quantile(0.25),
            "median": self.quantile(0.5),
            "q3": self.quantile(0.75),
            "maximum": float(self.present[-1]),
        }


def _eta_squared(everybody: Ascending, groups: Sequence[Ascending]) -> float:
    """The part of a feature's variance that lies between groups, 0 to 1 (η², Pearson 1905)."""
    total = everybody.sd**2 * len(everybody.present)
    between = sum(len(group.present) * (group.mean - everybody.mean) ** 2 for group in groups)
    return float(between / total) if total else 0.0


def _feature(
    name: str, values: Ascending, everybody: Ascending, edges: FloatVector, eta_squared: float
) -> FeatureProfile:
    nothing: dict[str, float | None] = dict.fromkeys(("mean", "sd", "minimum", "q1", "median", "q3", "maximum"))
    has_z = everybody.sd > 0 and len(values.present) > 0
    # What lies beyond the outer edges is counted in the outer bins.
    inner = np.searchsorted(values.present, edges[1:-1])
    bins = np.diff(np.concatenate([[0], inner, [len(values.present)]]))
    return FeatureProfile(
        name=name,
        count=len(values.present),
        missing=values.missing,
        **(nothing | values.figures()),
        z=(values.mean - everybody.mean) / everybody.sd if has_z else 0.0,
        eta_squared=eta_squared,
        bins=tuple(int(count) for count in bins),
        edges=tuple(float(edge) for edge in edges),
    )


def _edges(ascending: FloatVector) -> FloatVector:
    """Edges of equal bins between the outer half percents, so that one odd value does not flatten the picture."""
    low, high = ascending[0], ascending[-1]
    if len(ascending) > 200:
        low, high = np.percentile(ascending, [0.5, 99.5])
    if low == high:
        low, high = low - 0.5, high + 0.5
    return np.linspace(low, high, BINS + 1)


def _sample(prepared: Prepared, rows: IntVector, order: np.ndarray) -> tuple[tuple[float, ...], ...]:
    """A group's part of the points to draw: those whose ids hash lowest, everybody where there are few."""
    wanted = max(FEWEST_POINTS_OF_A_SEGMENT, round(POINTS * len(rows) / len(prepared.ids)))
    points = prepared.raw[rows[_lowest(order, wanted)]]
    filled = np.where(np.isnan(points), [spec.impute for spec in prepared.specs], points)
    return tuple(tuple(float(value) for value in point) for point in filled)


def _typical(ids: IntVector, distance: FloatVector) -> tuple[int, ...]:
    # Of equally near customers, the one who came first.
    near = np.flatnonzero(distance <= distance[_lowest(distance, TYPICAL_CUSTOMERS)].max(initial=-1.0))
    nearest = near[np.lexsort((ids[near], distance[near]))[:TYPICAL_CUSTOMERS]]
    return tuple(int(customer) for customer in ids[nearest])


def _lowest(values: np.ndarray, count: int) -> IntVector:
    """Positions of the `count` lowest values, ascending by value."""
    lowest = np.argpartition(values, count)[:count] if count < len(values) else np.arange(len(values))
    return lowest[np.argsort(values[lowest], kind="stable")]
