"""What people fill in about segmentations, segments, and what a map shows."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from segmentation_site.jobs.problems import Problem
from segments.browsing.features import FeatureOption
from segments.browsing.schedules import WEEKDAYS
from segments.kmeans.shapes import FEWEST_ROWS, LARGEST_K, Definition, DefinitionError, FeatureChoice, Scaling
from segments.timetable import LAST_DAY, Every, PublishRule, Timetable, Weekday

BEST, FIXED = "best", "fixed"

# Which field of the form a definition's field is.
_FIELDS = {"features": "features", "scaling": "scaling", "k": "k", "k_range": "k_max", "seed": "seed"}


def put_problem(form: forms.Form, problem: Problem) -> None:
    """Show a problem at the field that it is about, or above the form."""
    first = problem.pointer.strip("/").split("/")[0]
    name = _FIELDS.get(first, first)
    form.add_error(name if name in form.fields else None, problem.detail)


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

    definition: Definition

    def __init__(
        self,
        *args: Any,
        options: Sequence[FeatureOption],
        customers: int,
        before: Definition | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.options = {option.key: option for option in options}
        self.customers = customers
        self._before = before
        self.fields["features"].choices = [(option.key, option.label) for option in options]  # type: ignore[attr-defined]

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
        }

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

    def _read_definition(self, cleaned: dict[str, Any]) -> None:
        fixed = cleaned["how"] == FIXED
        for name in ("k",) if fixed else ("k_min", "k_max"):
            if cleaned.get(name) is None:
                self.add_error(name, _("Give a whole number from 2 to %(most)s.") % {"most": LARGEST_K})
                return
        earlier = {feature.name: feature for feature in self._before.features} if self._before else {}
        wanted = Definition(
            # A transform or weight that was set over the API is kept: this form does not show it.
            features=tuple(earlier.get(key, FeatureChoice(key)) for key in cleaned["features"]),
            scaling=Scaling(cleaned["scaling"]),
            k=cleaned["k"] if fixed else None,
            seed=cleaned["seed"] or 0,
            as_of=self._before.as_of if self._before else None,
            filter=self._before.filter if self._before else (),
        )
        if cleaned.get("k_min") is not None and cleaned.get("k_max") is not None:
            wanted = replace(wanted, k_range=(cleaned["k_min"], cleaned["k_max"]))
        try:
            self.definition = Definition.from_json(wanted.to_json(), known_features=list(self.options))
        except DefinitionError as error:
            self.add_error(_FIELDS.get(error.pointer.strip("/").split("/")[0]), error.detail)


class ScheduleForm(forms.Form):
    """When runs start by themselves. `timetable` is there once the form is valid, None for at no time."""

    NEVER = "never"

    every = forms.ChoiceField(
        label=_("Run it again"),
        widget=forms.RadioSelect,
        choices=[
            (NEVER, _("Only when somebody asks for it")),
            (Every.DAY.value, _("Every day")),
            (Every.WEEK.value, _("Every week")),
            (Every.MONTH.value, _("Every month")),
        ],
    )
    weekday = forms.ChoiceField(label=_("On"), choices=[(day.value, words) for day, words in WEEKDAYS.items()])
    day = forms.IntegerField(label=_("On day"), min_value=1, max_value=LAST_DAY)
    hour = forms.IntegerField(label=_("Hour (UTC)"), min_value=0, max_value=23)
    refit_on_drift = forms.BooleanField(
        label=_("Also when an import has changed who the customers are"), required=False
    )
    publishes = forms.BooleanField(label=_("Use its segments without asking, within these limits"), required=False)
    most_moved = forms.FloatField(
        label=_("At most so many customers move, in %"), min_value=0, max_value=100, required=False
    )
    least_stability = forms.FloatField(
        label=_("Every segment is at least so stable, from 0 to 1"), min_value=0, max_value=1, required=False
    )
    despite_drift = forms.BooleanField(label=_("Even when customers have changed"), required=False)

    timetable: Timetable | None

    def __init__(self, *args: Any, before: Timetable | None, may_publish: bool, **kwargs: Any) -> None:
        shown = before or Timetable()
        rule = shown.publish or PublishRule()
        initial = {
            "every": shown.every or self.NEVER,
            "weekday": shown.weekday,
            "day": shown.day,
            "hour": shown.hour,
            "refit_on_drift": shown.refit_on_drift,
            "publishes": shown.publish is not None,
            "most_moved": round(100 * rule.most_moved, 2),
            "least_stability": rule.least_stability,
            "despite_drift": rule.despite_drift,
        }
        super().__init__(*args, **kwargs, initial=initial)  # type: ignore[misc]
        self.may_publish = may_publish
        if not may_publish:
            # Shown as it is; what is sent does not count.
            for name in ("publishes", "most_moved", "least_stability", "despite_drift"):
                self.fields[name].disabled = True

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if not self.errors:
            self.timetable = self._read(cleaned)
        return cleaned

    def _read(self, cleaned: dict[str, Any]) -> Timetable | None:
        every = None if cleaned["every"] == self.NEVER else Every(cleaned["every"])
        if every is None and not cleaned["refit_on_drift"]:
            return None
        rule, most, least = PublishRule(), cleaned["most_moved"], cleaned["least_stability"]
        return Timetable(
            every=every,
            weekday=Weekday(cleaned["weekday"]),
            day=cleaned["day"],
            hour=cleaned["hour"],
            refit_on_drift=cleaned["refit_on_drift"],
            publish=PublishRule(
                most_moved=rule.most_moved if most is None else most / 100,
                least_stability=rule.least_stability if least is None else least,
                despite_drift=cleaned["despite_drift"],
            )
            if cleaned["publishes"]
            else None,
        )


class SegmentForm(forms.Form):
    """What people say of a segment: it stays with the segment over refits."""

    name = forms.CharField(label=_("Name"), max_length=100)
    description = forms.CharField(
        label=_("Notes"), required=False, max_length=5000, widget=forms.Textarea(attrs={"rows": 4})
    )
    action = forms.CharField(
        label=_("Action"),
        required=False,
        max_length=200,
        help_text=_("What to do for these customers, such as “invite to the preview”."),
    )


class MapForm(forms.Form):
    """Which two features a map of customers shows; what cannot be understood becomes the first two."""

    x = forms.ChoiceField()
    y = forms.ChoiceField()

    def __init__(self, data: Any, *, choices: Sequence[tuple[str, str]]) -> None:
        keys = [key for key, _label in choices]
        first = {"x": keys[0], "y": keys[min(1, len(keys) - 1)]}
        super().__init__({axis: data.get(axis) if data.get(axis) in keys else first[axis] for axis in first})
        for axis in first:
            self.fields[axis].choices = list(choices)  # type: ignore[attr-defined]
        self.full_clean()

    @property
    def axes(self) -> tuple[str, str]:
        """The features across and up."""
        return self.cleaned_data["x"], self.cleaned_data["y"]
