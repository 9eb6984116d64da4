"""How each feature is prepared: three small fields for each."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from django import forms
from django.forms import BoundField
from django.utils.translation import gettext_lazy as _

from segmentation_site.language.saying import spelled
from segments.browsing.features import FeatureOption
from segments.kmeans.shapes import Definition, FeatureChoice, Missing, Transform

TRANSFORMS = [
    (Transform.AUTO.value, _("By its distribution")),
    (Transform.NONE.value, _("As it is")),
    (Transform.LOG1P.value, _("Logarithm")),
    (Transform.YEO_JOHNSON.value, _("Yeo-Johnson")),
    (Transform.RANK.value, _("Rank")),
]
MISSING = [(Missing.MEDIAN.value, _("Median")), (Missing.MEAN.value, _("Mean")), (Missing.ZERO.value, _("Zero"))]
HEAVIEST = 100


@dataclass(frozen=True, slots=True)
class Preparation:
    """One feature with its fields; a category has a weight only."""

    option: FeatureOption
    weight: BoundField
    transform: BoundField | None
    missing: BoundField | None


class Preparations:
    """Adds the fields to a form, and reads them."""

    def __init__(self, form: forms.Form, options: Sequence[FeatureOption], before: Definition | None) -> None:
        self._form, self._options = form, options
        self._before = {feature.name: feature for feature in before.features} if before else {}
        for option in options:
            self._add(option, self._before.get(option.key, FeatureChoice(option.key)))

    def _add(self, option: FeatureOption, choice: FeatureChoice) -> None:
        fields, of = self._form.fields, {"feature": option.label}
        fields[f"weight-{option.key}"] = forms.FloatField(
            label=_("Weight of %(feature)s") % of,
            min_value=0.01,
            max_value=HEAVIEST,
            initial=choice.weight,
            required=False,
        )
        if option.is_category:
            return
        fields[f"transform-{option.key}"] = forms.ChoiceField(
            label=_("What is done about a long tail of %(feature)s") % of,
            choices=TRANSFORMS,
            initial=choice.transform.value,
            required=False,
        )
        stand_in = choice.missing
        # A number that was set over the API can be kept, and only that one.
        own = [] if isinstance(stand_in, Missing) else [(repr(stand_in), spelled(f"{stand_in:g}"))]
        fields[f"missing-{option.key}"] = forms.ChoiceField(
            label=_("What stands in for an unknown %(feature)s") % of,
            choices=[*MISSING, *own],
            initial=stand_in.value if isinstance(stand_in, Missing) else repr(stand_in),
            required=False,
        )

    @property
    def rows(self) -> list[Preparation]:
        """All features, in their order."""
        form = self._form
        return [
            Preparation(
                option,
                form[f"weight-{option.key}"],
                None if option.is_category else form[f"transform-{option.key}"],
                None if option.is_category else form[f"missing-{option.key}"],
            )
            for option in self._options
        ]

    @property
    def is_unusual(self) -> bool:
        """Whether a feature was prepared otherwise than usual before."""
        return any(replace(one, name="") != FeatureChoice("") for one in self._before.values())

    def choice(self, key: str, cleaned: dict[str, Any]) -> FeatureChoice:
        """The feature as it is asked for; what the form does not show stays as it was."""
        before = self._before.get(key, FeatureChoice(key))
        missing = cleaned.get(f"missing-{key}") or ""
        return replace(
            before,
            weight=cleaned.get(f"weight-{key}") or before.weight,
            transform=Transform(cleaned.get(f"transform-{key}") or before.transform),
            missing=Missing(missing) if missing in list(Missing) else before.missing,
        )
