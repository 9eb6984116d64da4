"""When runs start by themselves."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from segments.browsing.schedules import WEEKDAYS
from segments.timetable import LAST_DAY, Every, PublishRule, Timetable, Weekday


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
