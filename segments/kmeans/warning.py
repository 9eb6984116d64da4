"""What people should know about features before they trust groups made of them, as sentences."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from segments.kmeans.model import bend
from segments.kmeans.shapes import (
    FeatureChoice,
    FeatureSpec,
    FloatMatrix,
    FloatVector,
    Missing,
    Prepared,
    Transform,
)
from segments.kmeans.wording import gettext_noop

SKEWED = 1.0
NEAR_DUPLICATE = 0.95
LARGELY_THE_SAME = 0.80
MANY_MISSING = 0.05
NEARLY_CONSTANT = 0.95
LARGE_PART = 0.25

# Words in the names of features by which people are not to be treated differently without a good reason.
SENSITIVE = {"gender", "sex", "race", "ethnicity", "religion", "nationality", "disability", "sexuality"}
STAND_INS = {
    Missing.MEDIAN: gettext_noop("the median"),
    Missing.MEAN: gettext_noop("the mean"),
    Missing.ZERO: gettext_noop("zero"),
}


def warnings_about(prepared: Prepared, choices: Sequence[FeatureChoice]) -> Prepared:
    """The prepared features with what speaks against each; `choices` are those of its numbers, in their order."""
    names = [spec.name for spec in prepared.specs]
    raw = prepared.raw
    warnings = [
        *_about_missing(choices, raw),
        *_about_missing_categories(prepared),
        *_about_numberings(names, raw),
        *_about_nearly_constant(names, raw),
        *_about_transforms(prepared),
        *_about_likeness(names, prepared.z[:, : len(names)]),
        *_about_categories(prepared),
        *_about_fairness([*names, *(spec.name for spec in prepared.categories)]),
    ]
    return replace(prepared, warnings=tuple(warnings))


def skewness(values: FloatVector) -> float:
    """The third standardized moment (Fisher's g1), 0 for values that are all the same."""
    centred = values - values.mean()
    # Within -1 and 1 no power overflows.
    centred /= np.abs(centred).max() or 1.0
    squares = centred * centred
    spread = float(squares.mean())
    return float(squares @ centred) / len(centred) / spread**1.5 if spread else 0.0


def _about_missing(choices: Sequence[FeatureChoice], raw: FloatMatrix) -> list[str]:
    missing = np.isnan(raw).sum(axis=0)
    return [
        _missing(choice.name, int(count), len(raw), _stand_in(choice.missing))
        for choice, count in zip(choices, missing, strict=True)
        if count
    ]


def _stand_in(missing: Missing | float) -> str:
    return STAND_INS[missing] if isinstance(missing, Missing) else f"{missing:g}"


def _missing(feature: str, count: int, customers: int, stand_in: str) -> str:
    if count / customers < MANY_MISSING:
        template = gettext_noop("{count} of {customers} customers have no {feature}; {stand_in} stands in for it.")
    else:
        template = gettext_noop(
            "{count} of {customers} customers have no {feature}; {stand_in} stands in for it. That is many "
            "({share:.0%}): import its values or leave it out."
        )
    return template.format(
        count=count, customers=customers, feature=feature, stand_in=stand_in, share=count / customers
    )


def _about_missing_categories(prepared: Prepared) -> list[str]:
    if prepared.codes is None:
        return []
    missing = np.isnan(prepared.codes).sum(axis=0)
    return [
        _missing(spec.name, int(count), len(prepared.codes), gettext_noop("a mixture of all by their shares"))
        for spec, count in zip(prepared.categories, missing, strict=True)
        if count
    ]


def _about_numberings(names: Sequence[str], raw: FloatMatrix) -> list[str]:
    return [
        gettext_noop(
            "{feature} is different for every customer, as if it numbered them; numbers do not make groups. Leave"
            " it out."
        ).format(feature=name)
        for column, name in enumerate(names)
        if _is_numbering(raw[:, column])
    ]


def _is_numbering(values: FloatVector) -> bool:
    """Whether whole numbers differ for everybody and either ascend with the customers or leave hardly a gap."""
    if np.isnan(values).any() or np.any(values != np.floor(values)):
        return False
    if np.all(np.diff(values) > 0):
        return True
    reach = values.max() - values.min()
    return len(values) - 1 <= reach < 2 * len(values) and len(np.unique(values)) == len(values)


def _about_nearly_constant(names: Sequence[str], raw: FloatMatrix) -> list[str]:
    warnings = []
    for column, name in enumerate(names):
        values = raw[~np.isnan(raw[:, column]), column]
        # What more than half of the customers have lies in the middle.
        usual = np.partition(values, len(values) // 2)[len(values) // 2]
        share = float((values == usual).mean())
        if share > NEARLY_CONSTANT:
            warnings.append(
                gettext_noop(
                    "{feature} is {value:g} for {share:.0%} of the customers, so it tells only a few apart. Leave"
                    " it out unless these few are what you look for."
                ).format(feature=name, value=usual, share=share)
            )
    return warnings


def _about_transforms(prepared: Prepared) -> list[str]:
    """A tail that is left as it is, and a logarithm of what has none."""
    warnings = []
    for column, spec in enumerate(prepared.specs):
        values = prepared.raw[:, column]
        present = values[~np.isnan(values)]
        clipped = np.clip(present, *spec.clip) if spec.clip else present
        tail = skewness(bend(spec.transform, spec.lambda_, clipped, spec.knots))
        if spec.transform is Transform.LOG1P and (negative := int((clipped < 0).sum())):
            warnings.append(
                gettext_noop(
                    "{feature} is below zero for {negative} customers, of which log1p makes zero. Choose "
                    "yeo_johnson for it."
                ).format(feature=spec.name, negative=negative)
            )
        if abs(tail) > SKEWED:
            warnings.append(_skewed(spec, tail))
    return warnings


def _skewed(spec: FeatureSpec, tail: float) -> str:
    if tail > 0:
        sentence = gettext_noop(
            "{feature} is skewed (skewness {skewness:.1f}): a few very high values pull groups towards themselves."
        )
    else:
        sentence = gettext_noop(
            "{feature} is skewed (skewness {skewness:.1f}): a few very low values pull groups towards themselves."
        )
    if spec.transform is Transform.NONE:
        remedy = gettext_noop("Choose the transform log1p or rank for it.")
    else:
        remedy = gettext_noop("Choose the transform rank for it.")
    return f"{sentence.format(feature=spec.name, skewness=tail)} {remedy}"


def _about_likeness(names: Sequence[str], z: FloatMatrix) -> list[str]:
    if z.shape[1] < 2:
        return []
    # What is clipped or constant after all has no correlation with anything.
    with np.errstate(divide="ignore", invalid="ignore"):
        correlations: FloatMatrix = np.asarray(np.nan_to_num(np.corrcoef(z, rowvar=False)))
    return [
        _alike(names[one], names[other], float(correlations[one, other]))
        for one in range(len(names))
        for other in range(one + 1, len(names))
        if abs(correlations[one, other]) > LARGELY_THE_SAME
    ]


def _alike(one: str, other: str, correlation: float) -> str:
    if abs(correlation) > NEAR_DUPLICATE:
        return gettext_noop(
            "{feature} and {other} say nearly the same (correlation {correlation:.2f}), so it counts twice. Leave"
            " one out."
        ).format(feature=one, other=other, correlation=correlation)
    return gettext_noop(
        "{feature} and {other} say largely the same (correlation {correlation:.2f}), so it counts nearly twice. "
        "Leave one out, or give each a smaller weight."
    ).format(feature=one, other=other, correlation=correlation)


def _about_categories(prepared: Prepared) -> list[str]:
    variances = prepared.z.var(axis=0)
    warnings = []
    start = len(prepared.specs)
    for spec in prepared.categories:
        part = float(variances[start : start + spec.width].sum() / variances.sum())
        start += spec.width
        if part > LARGE_PART:
            warnings.append(
                gettext_noop(
                    "{feature} makes up {portion:.0%} of all differences between customers, so groups may follow "
                    "little else. Give it a smaller weight, or look at it in the profiles instead."
                ).format(feature=spec.name, portion=part)
            )
        levels = len(spec.levels) + len(spec.rare)
        if levels > len(prepared.z) / 2:
            warnings.append(
                gettext_noop(
                    "{feature} has {levels} different values for {customers} customers, as if it named them; "
                    "names do not make groups. Leave it out."
                ).format(feature=spec.name, levels=levels, customers=len(prepared.z))
            )
    return warnings


def _about_fairness(names: Sequence[str]) -> list[str]:
    return [
        gettext_noop(
            "{feature} would decide who belongs where. To treat people differently by it may be unfair and "
            "against the law: leave it out, and look at it in the profiles instead."
        ).format(feature=name)
        for name in names
        if SENSITIVE & set(name.casefold().split("_"))
    ]
