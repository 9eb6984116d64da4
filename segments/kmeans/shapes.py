"""The frozen types that travel through a run, and their JSON."""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Self, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from segments.kmeans.checking import DefinitionError
from segments.kmeans.definition import (
    LARGEST_K,
    Definition,
    EngineChoice,
    FeatureChoice,
    Missing,
    Scaling,
    Transform,
)
from segments.kmeans.sampling import hashed_sample

# What people ask for has a module of its own and is found here, too.
__all__ = [
    "LARGEST_K",
    "Definition",
    "DefinitionError",
    "EngineChoice",
    "FeatureChoice",
    "Missing",
    "Scaling",
    "Transform",
]

T = TypeVar("T")
FloatMatrix: TypeAlias = npt.NDArray[np.float64]
FloatVector: TypeAlias = npt.NDArray[np.float64]
IntVector: TypeAlias = npt.NDArray[np.int64]
BoolMatrix: TypeAlias = npt.NDArray[np.bool_]

# Below this many customers there is nothing to divide; a feature that misses more than this share of values says too
# little.
FEWEST_ROWS = 50
MOST_MISSING = 0.20


@dataclass(frozen=True, slots=True)
class FeatureSpec:
    """How one number was prepared, fitted on the snapshot and frozen: impute → clip → transform → scale → weight.

    A raw value x becomes weight · (transform(min(max(x, low), high)) − center) / scale; a missing one is `impute`
    first. `knots` are the values and the quantiles that `rank` interpolates between, both ascending; `seen` is the
    least and the largest value of the snapshot, None in models stored before it was kept.
    """

    name: str
    source: str
    impute: float
    clip: tuple[float, float] | None
    transform: Transform
    lambda_: float | None
    center: float
    scale: float
    weight: float
    knots: tuple[tuple[float, ...], tuple[float, ...]] | None = None
    seen: tuple[float, float] | None = None

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "source": self.source,
            "impute": self.impute,
            "clip": list(self.clip) if self.clip else None,
            "transform": self.transform.value,
            "lambda": self.lambda_,
            "center": self.center,
            "scale": self.scale,
            "weight": self.weight,
            "knots": [list(side) for side in self.knots] if self.knots else None,
            "seen": list(self.seen) if self.seen else None,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        clip, knots, seen = value["clip"], value.get("knots"), value.get("seen")
        return cls(
            name=value["name"],
            source=value["source"],
            impute=value["impute"],
            clip=(clip[0], clip[1]) if clip else None,
            transform=Transform(value["transform"]),
            lambda_=value["lambda"],
            center=value["center"],
            scale=value["scale"],
            weight=value["weight"],
            knots=(tuple(knots[0]), tuple(knots[1])) if knots else None,
            seen=(seen[0], seen[1]) if seen else None,
        )


@dataclass(frozen=True, slots=True)
class CategorySpec:
    """How one category was prepared: a column for each level, 1 in its own and 0 elsewhere, times weight / √2.

    Two customers of different levels are thus `weight` apart. Where there are `rare` levels, the last column stands
    for all of them. `shares` has each column's share of the customers whose level is known: what a customer without
    one has in each column.
    """

    name: str
    source: str
    levels: tuple[str, ...]
    rare: tuple[str, ...]
    shares: tuple[float, ...]
    weight: float

    @property
    def width(self) -> int:
        """How many columns it has in the prepared space."""
        return len(self.shares)

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "source": self.source,
            "levels": list(self.levels),
            "rare": list(self.rare),
            "shares": list(self.shares),
            "weight": self.weight,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        return cls(
            name=value["name"],
            source=value["source"],
            levels=tuple(value["levels"]),
            rare=tuple(value["rare"]),
            shares=tuple(value["shares"]),
            weight=value["weight"],
        )


@dataclass(frozen=True, slots=True)
class Prepared:
    """Features in the space where distances are measured.

    ids         (n,)   int64, ascending customer ids
    z           (n, c) float64, prepared: a column for each number, then those of each category
    raw         (n, p) float64, the numbers as they were read; NaN where missing
    specs       p      how each number was prepared
    categories  q      how each category was prepared
    codes       (n, q) float64, each customer's place among `levels`; NaN where missing
    levels      q      the levels of each category as they were read
    warnings    what people should know about the features, as sentences
    """

    ids: IntVector
    z: FloatMatrix
    raw: FloatMatrix
    specs: tuple[FeatureSpec, ...]
    warnings: tuple[str, ...] = ()
    categories: tuple[CategorySpec, ...] = ()
    codes: FloatMatrix | None = None
    levels: tuple[tuple[str, ...], ...] = ()
    _made: dict[Hashable, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def sample(self, size: int, salt: int) -> IntVector:
        """`hashed_sample` of its customers: every number of segments is tried on the same ones."""
        return self.once(("sample", size, salt), lambda: hashed_sample(self.ids, size, salt))

    def once(self, name: Hashable, make: Callable[[], T]) -> T:
        """What somebody makes of its customers under this name, made once for every number of segments."""
        if name not in self._made:
            self._made[name] = make()
        made: T = self._made[name]
        return made


@dataclass(frozen=True, slots=True)
class Fit:
    """One partition of everybody into k groups, the groups in a stable order (largest first).

    centroids  (k, p) float64, prepared space       labels     (n,) int64, index of the nearest centroid
    distance   (n,) float64, to it                  runner_up  (n,) int64, index of the second nearest
    runner_up_distance  (n,) float64                inertia    sum of squared distances
    """

    centroids: FloatMatrix
    labels: IntVector
    distance: FloatVector
    runner_up: IntVector
    runner_up_distance: FloatVector
    inertia: float
    iterations: int
    n_init: int

    @property
    def k(self) -> int:
        return len(self.centroids)

    @property
    def sizes(self) -> IntVector:
        return np.bincount(self.labels, minlength=self.k)

    @property
    def simplified_silhouette(self) -> float:
        """The mean of 1 − d1/d2 of everybody, from the two nearest centroids: cheap, and not the silhouette."""
        apart = np.divide(
            self.distance, self.runner_up_distance, out=np.ones(len(self.distance)), where=self.runner_up_distance > 0
        )
        return float(1 - apart.mean())


@dataclass(frozen=True, slots=True)
class Outline:
    """A partition of everybody without who is where: what is kept of every number of groups that is tried.

    centroids  (k, p) float64, prepared space, in the stable order      sizes  (k,) int64
    inertia and simplified_silhouette are of everybody; of many rows in single precision
    """

    centroids: FloatMatrix
    sizes: IntVector
    inertia: float
    simplified_silhouette: float
    iterations: int
    n_init: int

    @classmethod
    def of(cls, fit: Fit) -> Self:
        """That of a fit."""
        return cls(fit.centroids, fit.sizes, fit.inertia, fit.simplified_silhouette, fit.iterations, fit.n_init)

    @property
    def k(self) -> int:
        return len(self.centroids)


@dataclass(frozen=True, slots=True)
class Measured:
    """One value of k with its measures; None where a measure was not taken.

    silhouette and davies_bouldin and calinski_harabasz are scikit-learn's, on at most 10,000 rows; stability is the
    smallest bootstrap Jaccard of its groups; simplified_silhouette is of everybody, and another number than the
    silhouette.
    """

    k: int
    inertia: float
    silhouette: float | None
    davies_bouldin: float | None
    calinski_harabasz: float | None
    smallest_share: float
    smallest_size: int
    stability: float | None = None
    is_eligible: bool | None = None
    seconds: float = 0.0
    prediction_strength: float | None = None
    simplified_silhouette: float | None = None


class Verdict(StrEnum):
    """What the data says about having groups at all."""

    CLEAR = "clear"
    OVERLAPPING = "overlapping"
    WEAK = "weak"
    NO_CLEAR_GROUPS = "no_clear_groups"


@dataclass(frozen=True, slots=True)
class Choice:
    """The recommended k, the verdict, and why in a sentence."""

    k: int
    verdict: Verdict
    reason: str
    # The largest silhouette that data of the same spread but without groups reached at this k.
    null_silhouette: float | None = None


@dataclass(frozen=True, slots=True)
class FeatureProfile:
    """One feature within one segment (or everybody), in its own units.

    z is the segment's mean against everybody in everybody's standard deviations; bins are counts between `edges`.
    """

    name: str
    count: int
    missing: int
    mean: float | None
    sd: float | None
    minimum: float | None
    q1: float | None
    median: float | None
    q3: float | None
    maximum: float | None
    z: float
    eta_squared: float
    bins: tuple[int, ...] = ()
    edges: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class CategoryProfile:
    """One category within one segment (or everybody): the most frequent levels with how many have each.

    `rest` counts those of other levels, `missing` those without one; `cramers_v` is how much the segments differ in it
    (Cramér 1946), 0 to 1.
    """

    name: str
    counts: Mapping[str, int]
    rest: int
    missing: int
    cramers_v: float

    def share(self, level: str) -> float:
        """Of those whose level is known."""
        known = sum(self.counts.values()) + self.rest
        return self.counts.get(level, 0) / known if known else 0.0


@dataclass(frozen=True, slots=True)
class Profile:
    """What a segment looks like: the one type from the worker to the chart and the JSON.

    `centroid` is the typical customer in the features' own units; `sample` holds points (one value per feature) for
    scatter plots; `typical` the ids of the customers nearest to the centroid.
    """

    size: int
    share: float
    features: tuple[FeatureProfile, ...]
    centroid: Mapping[str, float]
    sample: tuple[tuple[float, ...], ...] = ()
    typical: tuple[int, ...] = ()
    silhouette: float | None = None
    stability: float | None = None
    categories: tuple[CategoryProfile, ...] = ()

    def feature(self, name: str) -> FeatureProfile:
        """The feature of that name. Raises KeyError."""
        for feature in self.features:
            if feature.name == name:
                return feature
        raise KeyError(name)

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"centroid": dict(self.centroid)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        features = tuple(
            FeatureProfile(**(feature | {"bins": tuple(feature["bins"]), "edges": tuple(feature["edges"])}))
            for feature in value["features"]
        )
        return cls(
            size=value["size"],
            share=value["share"],
            features=features,
            centroid=dict(value["centroid"]),
            sample=tuple(map(tuple, value["sample"])),
            typical=tuple(value["typical"]),
            silhouette=value["silhouette"],
            stability=value["stability"],
            categories=tuple(CategoryProfile(**one) for one in value.get("categories", ())),
        )
