"""The model at rest, as JSON, and what it takes to score with it: numpy only, no pickle anywhere."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np

from segments.kmeans.shapes import FeatureSpec, FloatMatrix, FloatVector, IntVector, Transform

SCHEMA = 1
# Rows whose distances are computed at once: 64k × 30 segments × 8 bytes stay below 16 MB.
ROWS_AT_ONCE = 65_536


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
            "categories": [],
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
            fit=value["fit"],
            reference=value["reference"],
        )


@dataclass(frozen=True, slots=True)
class Scores:
    """For each row: its segment's index, the distance to it, and the same of the runner-up; arrays of length n."""

    nearest: IntVector
    distance: FloatVector
    runner_up: IntVector
    runner_up_distance: FloatVector


def score(model: Model, names: Sequence[str], raw: FloatMatrix) -> Scores:
    """Assign rows of raw feature values, (n, p) with NaN where missing, in the model's own order of features.

    Raises ModelMismatch when `names` are not the model's features in their order.
    """
    expected = [spec.name for spec in model.features]
    if list(names) != expected:
        raise ModelMismatch(f"the model was fitted on {expected}, not on {list(names)}")
    return nearest_two(apply_specs(model.features, raw), model.centroids)


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
    return (bend(spec.transform, spec.lambda_, filled) - spec.center) / spec.scale * spec.weight


def bend(transform: Transform, lambda_: float | None, values: FloatVector) -> FloatVector:
    """Apply a fitted transform. Yeo and Johnson 2000 for values of either sign."""
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
