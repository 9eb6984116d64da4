"""From columns to the space where distances are measured: impute → clip → transform → scale → weight, per feature."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from segments.kmeans.model import apply_spec, bend
from segments.kmeans.shapes import (
    FEWEST_ROWS,
    MOST_MISSING,
    Definition,
    FeatureChoice,
    FeatureSpec,
    FloatMatrix,
    FloatVector,
    IntVector,
    Prepared,
    Scaling,
    Transform,
)

CLIP_PERCENTILES = (0.5, 99.5)
# With fewer rows those percentiles lie among the last few customers, who are no outliers for being last.
FEWEST_ROWS_TO_CLIP = 1_000
SKEWED = 1.0
NEAR_DUPLICATE = 0.95


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


def prepare(ids: IntVector, raw: FloatMatrix, definition: Definition) -> Prepared:
    """Fit a spec for each feature on everybody and apply it.

    ids  (n,)   int64 customer ids, ascending
    raw  (n, p) float64, NaN where missing, columns in the order of the definition's features

    Raises UnusableFeatures when there are under 50 rows, or a feature is constant, misses more than a fifth of its
    values or has infinite ones.
    """
    names = definition.feature_names
    reasons = _reasons_against(names, raw)
    if reasons:
        raise UnusableFeatures(reasons)
    specs = tuple(
        _fit_spec(choice, raw[:, column], definition.scaling) for column, choice in enumerate(definition.features)
    )
    z = np.column_stack([apply_spec(spec, raw[:, column]) for column, spec in enumerate(specs)])
    warnings = [*_about_missing(names, raw), *_about_numberings(names, raw), *_about_near_duplicates(names, z)]
    return Prepared(ids=ids, z=np.ascontiguousarray(z), raw=raw, specs=specs, warnings=tuple(warnings))


def _reasons_against(names: Sequence[str], raw: FloatMatrix) -> list[Unusable]:
    if len(raw) < FEWEST_ROWS:
        return [
            Unusable(
                None,
                "too_few_customers",
                f"There are only {len(raw)} customers; at least {FEWEST_ROWS} are needed to find groups. Import more.",
            )
        ]
    reasons = []
    for column, name in enumerate(names):
        values = raw[:, column]
        missing = float(np.isnan(values).mean())
        if missing > MOST_MISSING:
            reasons.append(
                Unusable(
                    name,
                    "too_many_missing",
                    f"{missing:.0%} of the customers have no {name}; at most {MOST_MISSING:.0%} may be missing. "
                    "Leave it out or import its values.",
                )
            )
        elif np.isinf(values).any():
            reasons.append(
                Unusable(
                    name,
                    "infinite",
                    f"{name} is infinite for some customers. Import their values anew or leave it out.",
                )
            )
        elif np.nanmin(values) == np.nanmax(values):
            reasons.append(
                Unusable(
                    name, "constant", f"{name} is the same for everybody, so it cannot tell groups apart. Leave it out."
                )
            )
    return reasons


def _fit_spec(choice: FeatureChoice, values: FloatVector, scaling: Scaling) -> FeatureSpec:
    present = values[~np.isnan(values)]
    low, high = np.percentile(present, CLIP_PERCENTILES)
    # With scaling "none" people want their own numbers: nothing is clipped or bent unless they ask.
    is_clipped = scaling is not Scaling.NONE and len(present) >= FEWEST_ROWS_TO_CLIP and low < high
    clip = (float(low), float(high)) if is_clipped else None
    clipped = np.clip(present, *clip) if clip else present
    transform = _transform(choice.transform, clipped, scaling)
    lambda_ = float(stats.yeojohnson_normmax(clipped)) if transform is Transform.YEO_JOHNSON else None
    bent = bend(transform, lambda_, clipped)
    center, scale = _center_and_scale(bent, scaling)
    return FeatureSpec(
        name=choice.name,
        source="attribute",
        impute=float(np.median(present)),
        clip=clip,
        transform=transform,
        lambda_=lambda_,
        center=center,
        scale=scale,
        weight=choice.weight,
    )


def _transform(asked: Transform, values: FloatVector, scaling: Scaling) -> Transform:
    if asked is not Transform.AUTO:
        return asked
    if scaling is Scaling.NONE or abs(float(stats.skew(values))) <= SKEWED:
        return Transform.NONE
    return Transform.LOG1P if values.min() >= 0 else Transform.YEO_JOHNSON


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


def _about_missing(names: Sequence[str], raw: FloatMatrix) -> list[str]:
    missing = np.isnan(raw).sum(axis=0)
    return [
        f"{int(count)} of {len(raw)} customers have no {name}; the median stands in for it."
        for name, count in zip(names, missing, strict=True)
        if count
    ]


def _about_numberings(names: Sequence[str], raw: FloatMatrix) -> list[str]:
    return [
        f"{name} is different for every customer, as if it numbered them; numbers do not make groups. Leave it out."
        for column, name in enumerate(names)
        if _is_numbering(raw[:, column])
    ]


def _is_numbering(values: FloatVector) -> bool:
    """Whether whole numbers differ for everybody and either ascend with the customers or leave hardly a gap."""
    if np.isnan(values).any() or np.any(values != np.floor(values)):
        return False
    if np.all(np.diff(values) > 0):
        return True
    return values.max() - values.min() < 2 * len(values) and len(np.unique(values)) == len(values)


def _about_near_duplicates(names: Sequence[str], z: FloatMatrix) -> list[str]:
    if z.shape[1] < 2:
        return []
    correlations: FloatMatrix = np.atleast_2d(np.corrcoef(z, rowvar=False))
    return [
        f"{names[one]} and {names[other]} say nearly the same (correlation {correlations[one, other]:.2f}), "
        "so it counts twice. Leave one out."
        for one in range(len(names))
        for other in range(one + 1, len(names))
        if abs(correlations[one, other]) > NEAR_DUPLICATE
    ]
