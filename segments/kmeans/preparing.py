"""From columns to the space where distances are measured: impute → clip → transform → scale → weight, per feature."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from scipy import stats

from segments.kmeans.abreast import abreast
from segments.kmeans.model import Knots, apply_category, apply_spec, bend
from segments.kmeans.shapes import (
    FEWEST_ROWS,
    MOST_MISSING,
    CategorySpec,
    Definition,
    FeatureChoice,
    FeatureSpec,
    FloatMatrix,
    FloatVector,
    IntVector,
    Missing,
    Prepared,
    Scaling,
    Transform,
)
from segments.kmeans.warning import SKEWED, skewness, warnings_about
from segments.kmeans.wording import gettext_noop

CLIP_PERCENTILES = (0.5, 99.5)
# With fewer rows those percentiles lie among the last few customers, who are no outliers for being last.
FEWEST_ROWS_TO_CLIP = 1_000
MOST_KNOTS = 1_000
# The squares and cubes of what is larger overflow; differences that are smaller vanish.
LARGEST = 1e100
SMALLEST = 1e-100
MOST_COLUMNS_OF_A_CATEGORY = 10
MOST_LEVELS = 1_000

Levels = Mapping[str, Sequence[str]]
NO_LEVELS: Levels = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Unusable:
    """Why a feature, or the whole data, cannot be used; a code and a sentence."""

    feature: str | None
    code: str
    detail: str


class UnusableFeatures(ValueError):
    """The data cannot be prepared as asked; `reasons` has every reason, not only the first."""

    def __init__(self, reasons: Sequence[Unusable]) -> None:
        self.reasons = tuple(reasons)
        super().__init__(" ".join(reason.detail for reason in reasons))


def prepare(ids: IntVector, raw: FloatMatrix, definition: Definition, *, levels: Levels = NO_LEVELS) -> Prepared:
    """Fit a spec for each feature on everybody and apply it.

    ids     (n,)   int64 customer ids, ascending
    raw     (n, p) float64, NaN where missing, columns in the order of the definition's features
    levels  feature → levels: these are categories, and their columns hold places among the levels

    Raises UnusableFeatures when there are under 50 rows, no feature is a number, or a feature is constant, misses more
    than a fifth of its values, has infinite ones or too many levels.
    """
    reasons = _reasons_against(definition.feature_names, raw, levels)
    if reasons:
        raise UnusableFeatures(reasons)
    numbers = [at for at, name in enumerate(definition.feature_names) if name not in levels]
    others = [at for at, name in enumerate(definition.feature_names) if name in levels]
    choices = [definition.features[at] for at in numbers]

    def fitted(at: int) -> FeatureSpec:
        choice = definition.features[at]
        return _fit_spec(choice, raw[:, at], choice.scaling or definition.scaling)

    specs = tuple(abreast(fitted, numbers))
    categories = tuple(
        _fit_category(definition.features[at], raw[:, at], levels[definition.features[at].name]) for at in others
    )
    z = np.column_stack(
        abreast(lambda one: apply_spec(one[0], raw[:, one[1]]), zip(specs, numbers, strict=True))
        + [apply_category(spec, raw[:, at], levels[spec.name]) for spec, at in zip(categories, others, strict=True)]
    )
    prepared = Prepared(
        ids=ids,
        z=np.ascontiguousarray(z),
        # The very array where there is nothing to take out of it: it may be large.
        raw=raw[:, numbers] if others else raw,
        specs=specs,
        categories=categories,
        codes=raw[:, others] if others else None,
        levels=tuple(tuple(levels[spec.name]) for spec in categories),
    )
    return warnings_about(prepared, choices)


def _reasons_against(names: Sequence[str], raw: FloatMatrix, levels: Levels) -> list[Unusable]:
    if len(raw) < FEWEST_ROWS:
        return [
            Unusable(
                None,
                "too_few_customers",
                gettext_noop(
                    "There are only {count} customers; at least {fewest} are needed to find groups. Import more."
                ).format(count=len(raw), fewest=FEWEST_ROWS),
            )
        ]
    reasons = [
        reason
        for column, name in enumerate(names)
        if (reason := _reason_against(name, raw[:, column], is_category=name in levels))
    ]
    if all(name in levels for name in names):
        reasons.append(
            Unusable(
                None,
                "no_numbers",
                gettext_noop(
                    "Every feature is a category: customers of equal categories would only be counted. Add a number."
                ),
            )
        )
    return reasons


def _reason_against(name: str, values: FloatVector, *, is_category: bool) -> Unusable | None:
    missing = float(np.isnan(values).mean())
    if missing > MOST_MISSING:
        return Unusable(
            name,
            "too_many_missing",
            gettext_noop(
                "{missing:.0%} of the customers have no {feature}; at most {most:.0%} may be missing. Leave it "
                "out or import its values."
            ).format(missing=missing, feature=name, most=MOST_MISSING),
        )
    if np.isinf(values).any():
        return Unusable(
            name,
            "infinite",
            gettext_noop("{feature} is infinite for some customers. Import their values anew or leave it out.").format(
                feature=name
            ),
        )
    if np.nanmax(np.abs(values)) > LARGEST:
        return Unusable(
            name,
            "too_large",
            gettext_noop(
                "{feature} is above {largest:g} for some customers, more than distances can be computed with. "
                "Import their values anew or leave it out."
            ).format(feature=name, largest=LARGEST),
        )
    if np.nanmax(values) - np.nanmin(values) <= SMALLEST:
        return Unusable(
            name,
            "constant",
            gettext_noop("{feature} is the same for everybody, so it cannot tell groups apart. Leave it out.").format(
                feature=name
            ),
        )
    different = len(np.unique(values[~np.isnan(values)])) if is_category else 0
    if different > MOST_LEVELS:
        return Unusable(
            name,
            "too_many_levels",
            gettext_noop(
                "{feature} has {different} different values; a category may have {most}. Leave it out."
            ).format(feature=name, different=different, most=MOST_LEVELS),
        )
    return None


def _fit_spec(choice: FeatureChoice, values: FloatVector, scaling: Scaling) -> FeatureSpec:
    present = values[~np.isnan(values)]
    clip = _clip(choice, present, scaling)
    clipped = np.clip(present, *clip) if clip else present
    transform = _transform(choice.transform, clipped, scaling)
    lambda_ = float(stats.yeojohnson_normmax(clipped)) if transform is Transform.YEO_JOHNSON else None
    knots = _knots(clipped) if transform is Transform.RANK else None
    center, scale = _center_and_scale(bend(transform, lambda_, clipped, knots), scaling)
    return FeatureSpec(
        name=choice.name,
        source="attribute",
        impute=_impute(choice.missing, present),
        clip=clip,
        transform=transform,
        lambda_=lambda_,
        center=center,
        scale=scale,
        weight=choice.weight,
        knots=knots,
        seen=(float(present.min()), float(present.max())),
    )


def _impute(missing: Missing | float, present: FloatVector) -> float:
    if missing is Missing.MEDIAN:
        return float(np.median(present))
    if missing is Missing.MEAN:
        return float(present.mean())
    return 0.0 if isinstance(missing, Missing) else missing


def _clip(choice: FeatureChoice, present: FloatVector, scaling: Scaling) -> tuple[float, float] | None:
    """Between which values to keep it; None for no such bounds."""
    # With scaling "none" people want their own numbers: nothing is clipped or bent unless they ask.
    is_usual = scaling is not Scaling.NONE and len(present) >= FEWEST_ROWS_TO_CLIP
    if choice.clip is False or (choice.clip is None and not is_usual):
        return None
    percentiles = choice.clip if isinstance(choice.clip, tuple) else CLIP_PERCENTILES
    low, high = (float(bound) for bound in np.percentile(present, percentiles))
    # Between equal bounds nothing would be left of it.
    return (low, high) if low < high else None


def _transform(asked: Transform, values: FloatVector, scaling: Scaling) -> Transform:
    if asked is not Transform.AUTO:
        return asked
    if scaling is Scaling.NONE or abs(skewness(values)) <= SKEWED:
        return Transform.NONE
    return Transform.LOG1P if values.min() >= 0 else Transform.YEO_JOHNSON


def _knots(values: FloatVector) -> Knots:
    """Values and what share of the customers lies below each (of its equals: half), both strictly ascending."""
    distinct, counts = np.unique(values, return_counts=True)
    below = (np.cumsum(counts) - counts / 2) / len(values)
    if len(distinct) > MOST_KNOTS:
        # Those nearest to evenly spread quantiles, and both ends.
        even = np.searchsorted(below, np.linspace(below[0], below[-1], MOST_KNOTS)).clip(max=len(below) - 1)
        kept = np.unique(np.concatenate([[0], even[1:-1], [len(below) - 1]]))
        distinct, below = distinct[kept], below[kept]
    return tuple(distinct.tolist()), tuple(below.tolist())


def _center_and_scale(values: FloatVector, scaling: Scaling) -> tuple[float, float]:
    """What to subtract and to divide by; standard deviations divide by n (ddof 0)."""
    if scaling is Scaling.NONE:
        return 0.0, 1.0
    if scaling is Scaling.STANDARD:
        center, scale = float(values.mean()), float(values.std())
    elif scaling is Scaling.MINMAX:
        center, scale = float(values.min()), float(values.max() - values.min())
    else:
        q1, center, q3 = (float(quartile) for quartile in np.percentile(values, [25, 50, 75]))
        scale = q3 - q1
    # Half of the customers may share one value: the spread of the rest still scales it.
    return center, scale or float(values.std()) or 1.0


def _fit_category(choice: FeatureChoice, codes: FloatVector, levels: Sequence[str]) -> CategorySpec:
    """A column for each of at most ten levels, the most frequent ones; with more, the last column is for the rest."""
    counts = np.bincount(codes[~np.isnan(codes)].astype(np.int64), minlength=len(levels))
    known = [int(place) for place in np.argsort(-counts, kind="stable") if counts[place]]
    most = MOST_COLUMNS_OF_A_CATEGORY if len(known) <= MOST_COLUMNS_OF_A_CATEGORY else MOST_COLUMNS_OF_A_CATEGORY - 1
    kept, rare = known[:most], known[most:]
    sizes = [counts[place] for place in kept] + ([counts[rare].sum()] if rare else [])
    return CategorySpec(
        name=choice.name,
        source="attribute",
        levels=tuple(levels[place] for place in kept),
        rare=tuple(levels[place] for place in rare),
        shares=tuple(float(size / counts.sum()) for size in sizes),
        weight=choice.weight,
    )
