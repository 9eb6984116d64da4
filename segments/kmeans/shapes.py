"""The frozen types that travel through a run, and their JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Self, TypeAlias

import numpy as np
import numpy.typing as npt

FloatMatrix: TypeAlias = npt.NDArray[np.float64]
FloatVector: TypeAlias = npt.NDArray[np.float64]
IntVector: TypeAlias = npt.NDArray[np.int64]

LARGEST_K = 30
MOST_FEATURES = 50
# Below this many customers there is nothing to divide; a feature that misses more than this share of values says too
# little.
FEWEST_ROWS = 50
MOST_MISSING = 0.20


class DefinitionError(ValueError):
    """A definition that cannot be: which field is at fault (a JSON pointer), a code and a sentence."""

    def __init__(self, pointer: str, code: str, detail: str) -> None:
        self.pointer, self.code, self.detail = pointer, code, detail
        super().__init__(f"{pointer}: {detail}")


class Scaling(StrEnum):
    """How features are made comparable."""

    STANDARD = "standard"
    ROBUST = "robust"
    MINMAX = "minmax"
    NONE = "none"


class Transform(StrEnum):
    """How a feature's values are bent before they are scaled."""

    AUTO = "auto"
    NONE = "none"
    LOG1P = "log1p"
    YEO_JOHNSON = "yeo_johnson"


@dataclass(frozen=True, slots=True)
class FeatureChoice:
    """One feature as a person asks for it: the key of an attribute, its transform and its weight."""

    name: str
    transform: Transform = Transform.AUTO
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Definition:
    """What a segmentation is: features, preparation, number of segments, seed."""

    features: tuple[FeatureChoice, ...]
    scaling: Scaling = Scaling.STANDARD
    # None: the best of k_range is chosen.
    k: int | None = None
    k_range: tuple[int, int] = (2, 10)
    seed: int = 0

    @property
    def feature_names(self) -> list[str]:
        return [feature.name for feature in self.features]

    @property
    def candidates(self) -> list[int]:
        """The values of k that a run tries, ascending."""
        return [self.k] if self.k is not None else list(range(self.k_range[0], self.k_range[1] + 1))

    def to_json(self) -> dict[str, Any]:
        """The definition as it is stored and as the API shows it."""
        return {
            "features": [{"name": f.name, "transform": f.transform.value, "weight": f.weight} for f in self.features],
            "scaling": self.scaling.value,
            "k": "auto" if self.k is None else self.k,
            "k_range": list(self.k_range),
            "seed": self.seed,
        }

    @classmethod
    def from_json(cls, value: Any, *, known_features: Sequence[str] | None = None) -> Self:
        """Read and check a definition; `known_features` are the keys that may be used.

        A feature may be given as its name alone. Raises DefinitionError, which names the field at fault.
        """
        if not isinstance(value, Mapping):
            raise DefinitionError("", "not_an_object", "The definition must be an object.")
        _refuse_unknown(value, {"features", "scaling", "k", "k_range", "seed"}, "")
        features = _features(value.get("features"), known_features)
        scaling = _one_of(Scaling, value.get("scaling", Scaling.STANDARD), "/scaling")
        k_range = _k_range(value.get("k_range", [2, 10]))
        k = value.get("k", "auto")
        number = None if k in ("auto", None) else _whole(k, "/k", 2, LARGEST_K)
        seed = _whole(value.get("seed", 0), "/seed", 0, 2**31 - 1)
        return cls(features=features, scaling=scaling, k=number, k_range=k_range, seed=seed)


def _refuse_unknown(value: Mapping[str, Any], known: set[str], pointer: str) -> None:
    for key in value:
        if key not in known:
            raise DefinitionError(
                f"{pointer}/{key}",
                "unknown_field",
                f"There is no field {key!r} here. Known: {', '.join(sorted(known))}.",
            )


def _features(value: Any, known: Sequence[str] | None) -> tuple[FeatureChoice, ...]:
    if not isinstance(value, Sequence) or isinstance(value, str) or not value:
        raise DefinitionError("/features", "required", "Choose at least one feature.")
    if len(value) > MOST_FEATURES:
        raise DefinitionError("/features", "too_many", f"At most {MOST_FEATURES} features can be used at once.")
    features: list[FeatureChoice] = []
    for number, given in enumerate(value):
        pointer = f"/features/{number}"
        item = {"name": given} if isinstance(given, str) else given
        if not isinstance(item, Mapping):
            raise DefinitionError(pointer, "not_an_object", "A feature is a name or an object with a name.")
        _refuse_unknown(item, {"name", "transform", "weight"}, pointer)
        name = item.get("name")
        if not isinstance(name, str) or not name:
            raise DefinitionError(f"{pointer}/name", "required", "A feature needs a name.")
        if known is not None and name not in known:
            raise DefinitionError(
                f"{pointer}/name",
                "unknown_feature",
                f"There is no feature {name!r}. Those that can be used: {', '.join(known)}.",
            )
        if any(name == other.name for other in features):
            raise DefinitionError(f"{pointer}/name", "duplicate", f"The feature {name!r} is named twice.")
        weight = item.get("weight", 1.0)
        if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 < weight <= 100:
            raise DefinitionError(f"{pointer}/weight", "out_of_range", "A weight is a number above 0 and at most 100.")
        transform = _one_of(Transform, item.get("transform", Transform.AUTO), f"{pointer}/transform")
        features.append(FeatureChoice(name=name, transform=transform, weight=float(weight)))
    return tuple(features)


def _one_of(kind: Any, value: Any, pointer: str) -> Any:
    try:
        return kind(value)
    except ValueError:
        known = ", ".join(kind)
        raise DefinitionError(pointer, "invalid_choice", f"{value!r} is none of: {known}.") from None


def _whole(value: Any, pointer: str, least: int, most: int) -> int:
    if isinstance(value, str) and value.strip().isascii() and value.strip().isdigit():
        value = int(value.strip()[:12])
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise DefinitionError(pointer, "out_of_range", f"This must be a whole number from {least} to {most}.")
    return value


def _k_range(value: Any) -> tuple[int, int]:
    if not isinstance(value, Sequence) or isinstance(value, str) or len(value) != 2:
        raise DefinitionError(
            "/k_range", "invalid", "Give the smallest and the largest number of segments, such as [2, 10]."
        )
    low = _whole(value[0], "/k_range/0", 2, LARGEST_K)
    high = _whole(value[1], "/k_range/1", 2, LARGEST_K)
    if low > high:
        raise DefinitionError("/k_range", "invalid", f"The smallest number ({low}) is above the largest ({high}).")
    return low, high


@dataclass(frozen=True, slots=True)
class FeatureSpec:
    """How one feature was prepared, fitted on the snapshot and frozen: impute → clip → transform → scale → weight.

    A raw value x becomes weight · (transform(min(max(x, low), high)) − center) / scale; a missing one is `impute`
    first.
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
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        clip = value["clip"]
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
        )


@dataclass(frozen=True, slots=True)
class Prepared:
    """Features in the space where distances are measured.

    ids       (n,)   int64, ascending customer ids
    z         (n, p) float64, prepared features
    raw       (n, p) float64, as they were read; NaN where missing
    specs     p      how each was prepared
    warnings  what people should know about the features, as sentences
    """

    ids: IntVector
    z: FloatMatrix
    raw: FloatMatrix
    specs: tuple[FeatureSpec, ...]
    warnings: tuple[str, ...] = ()


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


@dataclass(frozen=True, slots=True)
class Measured:
    """One value of k with its measures; None where a measure was not taken.

    silhouette and davies_bouldin and calinski_harabasz are scikit-learn's, on at most 10,000 rows; stability is the
    smallest bootstrap Jaccard of its groups.
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
            sample=tuple(tuple(point) for point in value["sample"]),
            typical=tuple(value["typical"]),
            silhouette=value["silhouette"],
            stability=value["stability"],
        )
