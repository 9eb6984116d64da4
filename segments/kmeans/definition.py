"""What a person asks for: features and how each is prepared, who is looked at, how many segments; and its JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any, Self

from segments.kmeans.checking import (
    DefinitionError,
    Single,
    is_list,
    is_number,
    is_single,
    one_of,
    refuse_unknown,
    whole,
)
from segments.kmeans.wording import gettext_noop

LARGEST_K = 30
MOST_FEATURES = 50
MOST_CONDITIONS = 20
MOST_CHOICES = 1_000


class Scaling(StrEnum):
    """How features are made comparable."""

    STANDARD = "standard"
    ROBUST = "robust"
    MINMAX = "minmax"
    NONE = "none"


class EngineChoice(StrEnum):
    """Where everybody is passed over; `auto` is this machine, or Spark for what is too large for it."""

    AUTO = "auto"
    LOCAL = "local"
    SPARK = "spark"


class Transform(StrEnum):
    """How a feature's values are bent before they are scaled; `rank` puts in its place what share lies below."""

    AUTO = "auto"
    NONE = "none"
    LOG1P = "log1p"
    YEO_JOHNSON = "yeo_johnson"
    RANK = "rank"


class Missing(StrEnum):
    """What stands in for a value that is not known; a number may stand there instead."""

    MEDIAN = "median"
    MEAN = "mean"
    ZERO = "zero"


# None: the usual percentiles where that helps; True: the usual ones in any case; False: never; or percentiles of one's
# own.
Clip = bool | tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class FeatureChoice:
    """One feature as a person asks for it: the key of an attribute and how it is prepared.

    A scaling of None is the definition's. A category knows a weight only.
    """

    name: str
    transform: Transform = Transform.AUTO
    weight: float = 1.0
    missing: Missing | float = Missing.MEDIAN
    clip: Clip = None
    scaling: Scaling | None = None

    def to_json(self) -> dict[str, Any]:
        """What was asked for beyond the usual is left out where it was not."""
        value: dict[str, Any] = {"name": self.name, "transform": self.transform.value, "weight": self.weight}
        if self.missing != Missing.MEDIAN:
            value["missing"] = self.missing.value if isinstance(self.missing, Missing) else self.missing
        if self.clip is not None:
            value["clip"] = list(self.clip) if isinstance(self.clip, tuple) else self.clip
        if self.scaling is not None:
            value["scaling"] = self.scaling.value
        return value


class Operator(StrEnum):
    """How a condition compares."""

    EQ = "eq"
    NE = "ne"
    LT = "lt"
    LE = "le"
    GT = "gt"
    GE = "ge"
    IN = "in"
    IS_MISSING = "is_missing"
    CONTAINS = "contains"


@dataclass(frozen=True, slots=True)
class Condition:
    """Who is looked at: an attribute, how it compares, with what. All conditions of a definition hold together."""

    attribute: str
    operator: Operator
    value: Single | tuple[Single, ...]

    def to_json(self) -> dict[str, Any]:
        value = list(self.value) if isinstance(self.value, tuple) else self.value
        return {"attribute": self.attribute, "operator": self.operator.value, "value": value}


@dataclass(frozen=True, slots=True)
class Definition:
    """What a segmentation is: features, preparation, number of segments, seed, and who is looked at."""

    features: tuple[FeatureChoice, ...]
    scaling: Scaling = Scaling.STANDARD
    # None: the best of k_range is chosen.
    k: int | None = None
    k_range: tuple[int, int] = (2, 10)
    seed: int = 0
    # The day from which purchases are looked back upon; None: the day of the run.
    as_of: date | None = None
    filter: tuple[Condition, ...] = ()
    engine: EngineChoice = EngineChoice.AUTO

    @property
    def feature_names(self) -> list[str]:
        return [feature.name for feature in self.features]

    @property
    def candidates(self) -> list[int]:
        """The values of k that a run tries, ascending."""
        return [self.k] if self.k is not None else list(range(self.k_range[0], self.k_range[1] + 1))

    def to_json(self) -> dict[str, Any]:
        """The definition as it is stored and as the API shows it."""
        value: dict[str, Any] = {
            "features": [feature.to_json() for feature in self.features],
            "scaling": self.scaling.value,
            "k": "auto" if self.k is None else self.k,
            "k_range": list(self.k_range),
            "seed": self.seed,
        }
        if self.as_of is not None:
            value["as_of"] = self.as_of.isoformat()
        if self.filter:
            value["filter"] = [condition.to_json() for condition in self.filter]
        if self.engine is not EngineChoice.AUTO:
            value["engine"] = self.engine.value
        return value

    @classmethod
    def from_json(
        cls, value: Any, *, known_features: Sequence[str] | None = None, known_attributes: Sequence[str] | None = None
    ) -> Self:
        """Read and check a definition.

        `known_features` are the keys that may be used, `known_attributes` those that a filter may name. A feature may
        be given as its name alone. Raises DefinitionError, which names the field at fault.
        """
        if not isinstance(value, Mapping):
            raise DefinitionError("", "not_an_object", gettext_noop("The definition must be an object."))
        refuse_unknown(value, {"features", "scaling", "k", "k_range", "seed", "as_of", "filter", "engine"}, "")
        k = value.get("k", "auto")
        return cls(
            features=_features(value.get("features"), known_features),
            scaling=one_of(Scaling, value.get("scaling", Scaling.STANDARD), "/scaling"),
            k_range=_k_range(value.get("k_range", [2, 10])),
            k=None if k in ("auto", None) else whole(k, "/k", 2, LARGEST_K),
            seed=whole(value.get("seed", 0), "/seed", 0, 2**31 - 1),
            as_of=_as_of(value.get("as_of")),
            filter=_filter(value.get("filter"), known_attributes),
            engine=one_of(EngineChoice, value.get("engine", EngineChoice.AUTO), "/engine"),
        )


def _features(value: Any, known: Sequence[str] | None) -> tuple[FeatureChoice, ...]:
    if not is_list(value) or not value:
        raise DefinitionError("/features", "required", gettext_noop("Choose at least one feature."))
    if len(value) > MOST_FEATURES:
        raise DefinitionError(
            "/features",
            "too_many",
            gettext_noop("At most {most} features can be used at once.").format(most=MOST_FEATURES),
        )
    features: list[FeatureChoice] = []
    for number, given in enumerate(value):
        pointer = f"/features/{number}"
        feature = _feature({"name": given} if isinstance(given, str) else given, known, pointer)
        if any(feature.name == other.name for other in features):
            raise DefinitionError(
                f"{pointer}/name",
                "duplicate",
                gettext_noop("The feature {name!r} is named twice.").format(name=feature.name),
            )
        features.append(feature)
    return tuple(features)


def _feature(item: Any, known: Sequence[str] | None, pointer: str) -> FeatureChoice:
    if not isinstance(item, Mapping):
        raise DefinitionError(pointer, "not_an_object", gettext_noop("A feature is a name or an object with a name."))
    refuse_unknown(item, {"name", "transform", "weight", "missing", "clip", "scaling"}, pointer)
    name = item.get("name")
    if not isinstance(name, str) or not name:
        raise DefinitionError(f"{pointer}/name", "required", gettext_noop("A feature needs a name."))
    if known is not None and name not in known:
        raise DefinitionError(
            f"{pointer}/name",
            "unknown_feature",
            gettext_noop("There is no feature {name!r}. Those that can be used: {known}.").format(
                name=name, known=", ".join(known)
            ),
        )
    weight = item.get("weight", 1.0)
    if not is_number(weight) or not 0 < weight <= 100:
        raise DefinitionError(
            f"{pointer}/weight",
            "out_of_range",
            gettext_noop("A weight is a number above 0 and at most 100."),
        )
    scaling = item.get("scaling")
    return FeatureChoice(
        name=name,
        transform=one_of(Transform, item.get("transform", Transform.AUTO), f"{pointer}/transform"),
        weight=float(weight),
        missing=_missing(item.get("missing", Missing.MEDIAN), f"{pointer}/missing"),
        clip=_clip(item.get("clip"), f"{pointer}/clip"),
        scaling=None if scaling is None else one_of(Scaling, scaling, f"{pointer}/scaling"),
    )


def _missing(value: Any, pointer: str) -> Missing | float:
    return float(value) if is_number(value) else Missing(one_of(Missing, value, pointer, or_else_a_number=True))


def _clip(value: Any, pointer: str) -> Clip:
    if value is None or isinstance(value, bool):
        return value
    detail = gettext_noop("This is true, false, or two percentiles from 0 to 100, the lower first, such as [1, 99].")
    if not is_list(value) or len(value) != 2:
        raise DefinitionError(pointer, "invalid", detail)
    for number, percentile in enumerate(value):
        if not is_number(percentile) or not 0 <= percentile <= 100:
            raise DefinitionError(f"{pointer}/{number}", "out_of_range", detail)
    if value[0] >= value[1]:
        raise DefinitionError(pointer, "invalid", detail)
    return float(value[0]), float(value[1])


def _as_of(value: Any) -> date | None:
    if value is None:
        return None
    try:
        return date.fromisoformat(value)
    except (TypeError, ValueError):
        raise DefinitionError(
            "/as_of", "invalid", gettext_noop("{value!r} is no date such as 2026-01-31.").format(value=value)
        ) from None


def _filter(value: Any, known: Sequence[str] | None) -> tuple[Condition, ...]:
    if value is None:
        return ()
    if not is_list(value):
        raise DefinitionError("/filter", "invalid", gettext_noop("A filter is a list of conditions."))
    if len(value) > MOST_CONDITIONS:
        raise DefinitionError(
            "/filter",
            "too_many",
            gettext_noop("At most {most} conditions can be given at once.").format(most=MOST_CONDITIONS),
        )
    return tuple(_condition(item, known, f"/filter/{number}") for number, item in enumerate(value))


def _condition(item: Any, known: Sequence[str] | None, pointer: str) -> Condition:
    if not isinstance(item, Mapping):
        raise DefinitionError(
            pointer,
            "not_an_object",
            gettext_noop("A condition is an object with an attribute, an operator and a value."),
        )
    refuse_unknown(item, {"attribute", "operator", "value"}, pointer)
    attribute = item.get("attribute")
    if not isinstance(attribute, str) or not attribute:
        raise DefinitionError(
            f"{pointer}/attribute",
            "required",
            gettext_noop("A condition needs an attribute."),
        )
    if known is not None and attribute not in known:
        raise DefinitionError(
            f"{pointer}/attribute",
            "unknown_attribute",
            gettext_noop("There is no attribute {attribute!r}. Those that can be used: {known}.").format(
                attribute=attribute, known=", ".join(known)
            ),
        )
    operator = Operator(one_of(Operator, item.get("operator"), f"{pointer}/operator"))
    return Condition(attribute, operator, _operand(operator, item.get("value"), f"{pointer}/value"))


def _operand(operator: Operator, value: Any, pointer: str) -> Single | tuple[Single, ...]:
    """What a condition compares with; `is_missing` alone means true."""
    if operator is Operator.IN:
        if not is_list(value) or not 0 < len(value) <= MOST_CHOICES or not all(map(is_single, value)):
            raise DefinitionError(
                pointer,
                "invalid",
                gettext_noop("Give a list of 1 to {most} values, each a text, a number, true or false.").format(
                    most=MOST_CHOICES
                ),
            )
        return tuple(value)
    if operator is Operator.IS_MISSING:
        if value is None or isinstance(value, bool):
            return value is not False
        raise DefinitionError(pointer, "invalid", gettext_noop("Give true (it is missing) or false (it is known)."))
    if operator is Operator.CONTAINS:
        if isinstance(value, str) and value:
            return value
        raise DefinitionError(pointer, "invalid", gettext_noop("Give the text that it must contain."))
    if operator in (Operator.EQ, Operator.NE):
        if is_single(value):
            return value
        raise DefinitionError(pointer, "invalid", gettext_noop("Give a text, a number, true or false."))
    if is_number(value) or (isinstance(value, str) and value):
        return value
    raise DefinitionError(pointer, "invalid", gettext_noop("Give a number, or a date such as 2026-01-31."))


def _k_range(value: Any) -> tuple[int, int]:
    if not is_list(value) or len(value) != 2:
        raise DefinitionError(
            "/k_range",
            "invalid",
            gettext_noop("Give the smallest and the largest number of segments, such as [2, 10]."),
        )
    low = whole(value[0], "/k_range/0", 2, LARGEST_K)
    high = whole(value[1], "/k_range/1", 2, LARGEST_K)
    if low > high:
        raise DefinitionError(
            "/k_range",
            "invalid",
            gettext_noop("The smallest number ({low}) is above the largest ({high}).").format(low=low, high=high),
        )
    return low, high


@dataclass(frozen=True, slots=True)
class Preset:
    """A set of features that often works; `key` is stable, its words are for whoever shows it."""

    key: str
    features: tuple[str, ...]


MALL = ("annual_income", "spending_score")
RFM = ("recency", "frequency", "monetary")


def presets(usable: Sequence[str]) -> tuple[Preset, ...]:
    """The sets of features that the usable ones allow.

    The mall's income × spending, RFM of purchases, and everything numeric where that is not one of these.
    """
    known = [
        Preset(key, names) for key, names in (("income-spending", MALL), ("rfm", RFM)) if set(names) <= set(usable)
    ]
    everything = tuple(usable)[:MOST_FEATURES]
    if everything and all(set(everything) != set(preset.features) for preset in known):
        known.append(Preset("everything", everything))
    return tuple(known)
