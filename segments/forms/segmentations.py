"""A segmentation's name and definition."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from segmentation_site.jobs.problems import Problem
from segments import defining
from segments.browsing.features import AttributeOption, FeatureOption
from segments.forms.conditions import ConditionRows
from segments.forms.preparations import Preparation, Preparations
from segments.forms.problems import put_problem
from segments.kmeans.shapes import FEWEST_ROWS, LARGEST_K, Definition, EngineChoice, Scaling

BEST, FIXED = "best", "fixed"


class SegmentationForm(forms.Form):
    """A segmentation's name and definition. `definition` is there once the form is valid."""

    name = forms.CharField(label=_("Name"), max_length=100, help_text=_("What your team will call it."))
    description = forms.CharField(
        label=_("What it is for"), required=False, widget=forms.Textarea(attrs={"rows": 2}), max_length=2000
    )
    features = forms.MultipleChoiceField(
        label=_("Features"),
        widget=forms.CheckboxSelectMultiple,
        error_messages={
            "required": _("Choose at least one feature."),
            "invalid_choice": _("“%(value)s” is not a feature that can be used."),
        },
    )
    scaling = forms.ChoiceField(
        label=_("How features are weighed against each other"),
        widget=forms.RadioSelect,
        choices=[
            (Scaling.STANDARD.value, _("Equally: each by its own spread (recommended)")),
            (Scaling.ROBUST.value, _("Equally, ignoring extreme values")),
            (Scaling.MINMAX.value, _("Equally, from its lowest to its highest value")),
            (Scaling.NONE.value, _("As they are: larger numbers count more")),
        ],
        initial=Scaling.STANDARD.value,
    )
    how = forms.ChoiceField(
        label=_("Number of segments"),
        widget=forms.RadioSelect,
        choices=[(BEST, _("Find the best number")), (FIXED, _("I choose"))],
        initial=BEST,
    )
    k_min = forms.IntegerField(label=_("From"), min_value=2, max_value=LARGEST_K, initial=2, required=False)
    k_max = forms.IntegerField(label=_("To"), min_value=2, max_value=LARGEST_K, initial=10, required=False)
    k = forms.IntegerField(label=_("Exactly"), min_value=2, max_value=LARGEST_K, initial=5, required=False)
    seed = forms.IntegerField(
        label=_("Seed"),
        min_value=0,
        max_value=2**31 - 1,
        initial=0,
        required=False,
        help_text=_("The same seed, settings and customers give the same segments."),
    )
    engine = forms.ChoiceField(
        label=_("Where it is computed"),
        widget=forms.RadioSelect,
        choices=[
            (EngineChoice.AUTO.value, _("Here, or on Spark if it is too large for one machine (recommended)")),
            (EngineChoice.LOCAL.value, _("On the machine of the worker")),
            (EngineChoice.SPARK.value, _("On Spark")),
        ],
        initial=EngineChoice.AUTO.value,
    )

    definition: Definition

    def __init__(
        self,
        *args: Any,
        options: Sequence[FeatureOption],
        customers: int,
        attributes: Sequence[AttributeOption],
        before: Definition | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.options = {option.key: option for option in options}
        self.customers = customers
        self._before = before
        self.fields["features"].choices = [(option.key, option.label) for option in options]  # type: ignore[attr-defined]
        if not self.offers_spark:
            del self.fields["engine"]
        self._preparations = Preparations(self, options, before)
        self.conditions = ConditionRows(
            self.data if self.is_bound else None, before=before.filter if before else (), attributes=attributes
        )

    @staticmethod
    def initial_of(name: str, description: str, definition: Definition) -> dict[str, Any]:
        """What the form shows of a segmentation that is there already."""
        low, high = definition.k_range
        return {
            "name": name,
            "description": description,
            "features": definition.feature_names,
            "scaling": definition.scaling.value,
            "how": BEST if definition.k is None else FIXED,
            "k_min": low,
            "k_max": high,
            "k": definition.k or 5,
            "seed": definition.seed,
            "engine": definition.engine.value,
        }

    @property
    def offers_spark(self) -> bool:
        """Whether there is a choice of where to compute."""
        return bool(settings.SPARK_MASTER)

    @property
    def preparations(self) -> list[Preparation]:
        """How each feature is prepared: its option with the fields of the form."""
        return self._preparations.rows

    @property
    def is_prepared_otherwise(self) -> bool:
        """Whether something beyond the usual is asked for, so that it should be seen."""
        is_elsewhere = self.offers_spark and self["engine"].value() != EngineChoice.AUTO
        return bool(self.errors) or is_elsewhere or self._preparations.is_unusual or bool(self.conditions.rows_filled)

    @property
    def blocked(self) -> str:
        """Why no segmentation can be run at all yet, or nothing."""
        if self.customers >= FEWEST_ROWS:
            return ""
        return str(
            _("There are %(customers)s customers; at least %(fewest)s are needed to find segments. Import more first.")
            % {"customers": self.customers, "fewest": FEWEST_ROWS}
        )

    @property
    def chosen(self) -> list[str]:
        """The features that are ticked, as typed."""
        return list(self["features"].value() or [])

    def clean_features(self) -> list[str]:
        """Refuse features that cannot tell customers apart, each with its reason."""
        keys: list[str] = self.cleaned_data["features"]
        reasons = [
            forms.ValidationError(f"{self.options[key].label}: {self.options[key].blocked}")
            for key in keys
            if self.options[key].blocked
        ]
        if reasons:
            raise forms.ValidationError(reasons)
        return keys

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if self.blocked:
            raise forms.ValidationError(self.blocked)
        if not self.errors:
            self._read_definition(cleaned)
        return cleaned

    def _engine(self, cleaned: dict[str, Any]) -> EngineChoice:
        """What is ticked; where there is no choice what was before, but for a Spark that is gone."""
        if self.offers_spark:
            return EngineChoice(cleaned["engine"])
        before = self._before.engine if self._before else EngineChoice.AUTO
        return EngineChoice.AUTO if before is EngineChoice.SPARK else before

    def _read_definition(self, cleaned: dict[str, Any]) -> None:
        fixed = cleaned["how"] == FIXED
        for name in ("k",) if fixed else ("k_min", "k_max"):
            if cleaned.get(name) is None:
                self.add_error(name, _("Give a whole number from 2 to %(most)s.") % {"most": LARGEST_K})
                return
        wanted = Definition(
            features=tuple(self._preparations.choice(key, cleaned) for key in cleaned["features"]),
            scaling=Scaling(cleaned["scaling"]),
            k=cleaned["k"] if fixed else None,
            seed=cleaned["seed"] or 0,
            as_of=self._before.as_of if self._before else None,
            filter=self.conditions.read(),
            engine=self._engine(cleaned),
        )
        if cleaned.get("k_min") is not None and cleaned.get("k_max") is not None:
            wanted = replace(wanted, k_range=(cleaned["k_min"], cleaned["k_max"]))
        try:
            self.definition = defining.read_definition(wanted.to_json())
        except Problem as problem:
            if not self.conditions.put_problem(problem):
                put_problem(self, problem)
            if self.conditions.problems:
                self.add_error(None, _("A condition on who takes part cannot be asked: see there."))
