"""The model at rest, as JSON, and what it takes to score with it: numpy only, no pickle anywhere."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np

from segments.kmeans.shapes import (
    BoolMatrix,
    CategorySpec,
    FeatureSpec,
    FloatMatrix,
    FloatVector,
    IntVector,
    Transform,
)

SCHEMA = 1
# Rows whose distances are computed at once: they stay in the cache, which took a third off.
ROWS_AT_ONCE = 16_384


class ModelMismatch(ValueError):
    """Rows whose features are not those that the model was fitted on."""


@dataclass(frozen=True, slots=True)
class ModelSegment:
    """One segment of a model. `centroid` is in the prepared space.

    Beyond `far_distance` (the training p99) a customer is far.
    """

    segment_id: str
    centroid: tuple[float, ...]
    n: int
    far_distance: float


@dataclass(frozen=True, slots=True)
class Model:
    """Everything that is needed to score elsewhere; it round-trips through JSON bitwise."""

    features: tuple[FeatureSpec, ...]
    segments: tuple[ModelSegment, ...]
    fit: Mapping[str, Any] = field(default_factory=dict)
    reference: Mapping[str, Any] = field(default_factory=dict)
    categories: tuple[CategorySpec, ...] = ()

    @property
    def names(self) -> list[str]:
        """What it scores: the numbers, then the categories."""
        return [*(spec.name for spec in self.features), *(spec.name for spec in self.categories)]

    @property
    def columns(self) -> IntVector:
        """(c,) for each column of the prepared space the place of its feature among `names`."""
        widths = [1] * len(self.features) + [spec.width for spec in self.categories]
        return np.repeat(np.arange(len(widths)), widths)

    @property
    def k(self) -> int:
        return len(self.segments)

    @property
    def centroids(self) -> FloatMatrix:
        """(k, p) in the prepared space."""
        return np.array([segment.centroid for segment in self.segments], dtype=np.float64)

    def to_json(self) -> dict[str, Any]:
        return {
            "schema": SCHEMA,
            "algorithm": "kmeans",
            "k": self.k,
            "features": [spec.to_json() for spec in self.features],
            "categories": [spec.to_json() for spec in self.categories],
            "segments": [
                {
                    "segment_id": segment.segment_id,
                    "centroid": list(segment.centroid),
                    "n": segment.n,
                    "far_distance": segment.far_distance,
                }
                for segment in self.segments
            ],
            "fit": dict(self.fit),
            "reference": dict(self.reference),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Read a model. Raises ValueError when it is of another schema or algorithm."""
        if value.get("schema") != SCHEMA or value.get("algorithm") != "kmeans":
            raise ValueError(f"not a model of schema {SCHEMA}: {value.get('schema')!r}, {value.get('algorithm')!r}")
        return cls(
            features=tuple(FeatureSpec.from_json(spec) for spec in value["features"]),
            segments=tuple(
                ModelSegment(
                    segment_id=segment["segment_id"],
                    centroid=tuple(segment["centroid"]),
                    n=segment["n"],
                    far_distance=segment["far_distance"],
                )
                for segment in value["segments"]
            ),
            fit=value.get("fit", {}),
            reference=value.get("reference", {}),
            categories=tuple(CategorySpec.from_json(spec) for spec in value.get("categories", [])),
        )


@dataclass(frozen=True, slots=True)
class Scores:
    """For each row: its segment's index, the distance to it, and the same of the runner-up; arrays of length n."""

    nearest: IntVector
    distance: FloatVector
    runner_up: IntVector
    runner_up_distance: FloatVector


def score(
    model: Model, names: Sequence[str], raw: FloatMatrix, *, levels: Mapping[str, Sequence[str]] | None = None
) -> Scores:
    """Assign rows of raw values, (n, p) with NaN where missing, in the order of `model.names`.

    A category's column holds places among its `levels`, or among the model's own columns where these are not given.
    Raises ModelMismatch when `names` are not the model's in their order.
    """
    return nearest_two(apply_model(model, names, raw, levels=levels), model.centroids)


def apply_model(
    model: Model, names: Sequence[str], raw: FloatMatrix, *, levels: Mapping[str, Sequence[str]] | None = None
) -> FloatMatrix:
    """Prepare raw rows (n, p), given as to `score`, as the model says: (n, c). Raises ModelMismatch."""
    if list(names) != model.names:
        raise ModelMismatch(f"the model was fitted on {model.names}, not on {list(names)}")
    numbers = len(model.features)
    return np.column_stack(
        [
            apply_specs(model.features, raw[:, :numbers]),
            *(
                apply_category(spec, raw[:, column], (levels or {}).get(spec.name))
                for column, spec in enumerate(model.categories, numbers)
            ),
        ]
    )


def outside(
    model: Model, names: Sequence[str], raw: FloatMatrix, *, levels: Mapping[str, Sequence[str]] | None = None
) -> BoolMatrix:
    """(n, p) which values lie beyond what the model was fitted on: its clip, else its least and largest value.

    A category's is a level that the snapshot did not have. What is missing is not beyond anything. Raises
    ModelMismatch.
    """
    if list(names) != model.names:
        raise ModelMismatch(f"the model was fitted on {model.names}, not on {list(names)}")
    beyond = np.zeros(raw.shape, dtype=np.bool_)
    for column, spec in enumerate(model.features):
        if bounds := spec.clip or spec.seen:
            beyond[:, column] = (raw[:, column] < bounds[0]) | (raw[:, column] > bounds[1])
    for column, category in enumerate(model.categories, len(model.features)):
        given = (levels or {}).get(category.name)
        known = set(category.levels) | set(category.rare)
        is_new = [level not in known for level in given] if given is not None else [False] * category.width
        # One place more, for those without a level: -1 finds it at the end.
        places = _places(raw[:, column], len(is_new))
        beyond[:, column] = np.array([*is_new, False])[places]
    return beyond


def nearest_two(z: FloatMatrix, centroids: FloatMatrix) -> Scores:
    """The nearest and the second nearest of at least two centroids (k, p) for each prepared row (n, p).

    Squared differences are summed as they are, not expanded: exact ties and tiny distances stay exact.
    """
    n, k = len(z), len(centroids)
    if k < 2:
        raise ValueError("a runner-up needs at least two centroids")
    nearest, runner_up = np.empty(n, np.int64), np.empty(n, np.int64)
    distance, runner_up_distance = np.empty(n), np.empty(n)
    for start in range(0, n, ROWS_AT_ONCE):
        rows = slice(start, min(start + ROWS_AT_ONCE, n))
        squared = squared_distances(z[rows], centroids)
        order = np.arange(len(squared))
        first = squared.argmin(axis=1)
        nearest[rows], distance[rows] = first, np.sqrt(squared[order, first])
        squared[order, first] = np.inf
        second = squared.argmin(axis=1)
        runner_up[rows], runner_up_distance[rows] = second, np.sqrt(squared[order, second])
    return Scores(nearest, distance, runner_up, runner_up_distance)


def squared_distances(z: FloatMatrix, centroids: FloatMatrix) -> FloatMatrix:
    """(n, k) squared Euclidean distances of rows (n, p) to centroids (k, p)."""
    squared = np.empty((len(z), len(centroids)))
    for index, centroid in enumerate(centroids):
        difference = z - centroid
        np.einsum("ij,ij->i", difference, difference, out=squared[:, index])
    return squared


def apply_specs(specs: Sequence[FeatureSpec], raw: FloatMatrix) -> FloatMatrix:
    """Prepare raw values (n, p), NaN where missing, as the fitted specs say."""
    z = np.empty_like(raw, dtype=np.float64)
    for column, spec in enumerate(specs):
        z[:, column] = apply_spec(spec, raw[:, column])
    return z


def apply_spec(spec: FeatureSpec, values: FloatVector) -> FloatVector:
    """One feature, from its own units to the prepared space: impute → clip → transform → scale → weight."""
    filled = np.where(np.isnan(values), spec.impute, values)
    if spec.clip:
        filled = np.clip(filled, *spec.clip)
    return (bend(spec.transform, spec.lambda_, filled, spec.knots) - spec.center) / spec.scale * spec.weight


def apply_category(spec: CategorySpec, codes: FloatVector, levels: Sequence[str] | None = None) -> FloatMatrix:
    """One category as columns, (n, width): 1 for its level and 0 elsewhere, times weight / √2.

    `codes` (n,) are places among `levels`, or among the spec's columns; NaN where missing. A level that the snapshot
    did not have counts as rare where there were rare ones, else as missing. Raises ModelMismatch for a code that is
    no place.
    """
    # The last row stands for those without a level: -1 finds it.
    rows = np.vstack([np.eye(spec.width), spec.shares])
    if levels is not None:
        column = {level: place for place, level in enumerate(spec.levels)}
        other = len(spec.levels) if spec.rare else -1
        rows = rows[[*(column.get(level, other) for level in levels), -1]]
    encoded: FloatMatrix = rows[_places(codes, len(rows) - 1)] * (spec.weight / np.sqrt(2))
    return encoded


def _places(codes: FloatVector, known: int) -> IntVector:
    """Codes as places below `known`, -1 where missing."""
    places = np.where(np.isnan(codes), -1, codes).astype(np.int64)
    if np.any(places >= known) or np.any(places < -1):
        raise ModelMismatch(f"a category's code is none of the {known} places of its levels")
    return places


Knots = tuple[tuple[float, ...], tuple[float, ...]]


def bend(transform: Transform, lambda_: float | None, values: FloatVector, knots: Knots | None = None) -> FloatVector:
    """Apply a fitted transform. Yeo and Johnson 2000 for values of either sign; ranks lie between `knots`."""
    if transform is Transform.RANK and knots is not None:
        return np.interp(values, *knots)
    if transform is Transform.LOG1P:
        # Values below zero can only arrive after the fit; they count as zero there.
        return np.log1p(np.maximum(values, 0.0))
    if transform is Transform.YEO_JOHNSON and lambda_ is not None:
        bent = np.empty_like(values, dtype=np.float64)
        upper = values >= 0
        if abs(lambda_) > 1e-12:
            bent[upper] = ((values[upper] + 1) ** lambda_ - 1) / lambda_
        else:
            bent[upper] = np.log1p(values[upper])
        if abs(lambda_ - 2) > 1e-12:
            bent[~upper] = -((1 - values[~upper]) ** (2 - lambda_) - 1) / (2 - lambda_)
        else:
            bent[~upper] = -np.log1p(-values[~upper])
        return bent
    return values


def unbend(transform: Transform, lambda_: float | None, bent: float, knots: Knots | None = None) -> float | None:
    """The value that a fitted transform bends to `bent`; None where there is none."""
    if transform is Transform.RANK and knots is not None:
        values, quantiles = knots
        return float(np.interp(bent, quantiles, values)) if quantiles[0] <= bent <= quantiles[-1] else None
    with np.errstate(over="ignore"):
        if transform is Transform.LOG1P:
            return _finite(np.expm1(bent)) if bent >= 0 else None
        if transform is Transform.YEO_JOHNSON and lambda_ is not None:
            # Below zero it is its own mirror image with 2 - λ for λ.
            power, size = (lambda_, bent) if bent >= 0 else (2 - lambda_, -bent)
            base = np.float64(size * power + 1)
            if abs(power) <= 1e-12:
                found = _finite(np.expm1(size))
            else:
                found = _finite(base ** (1 / power) - 1) if base > 0 else None
            return -found if found is not None and bent < 0 else found
    return bent


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
