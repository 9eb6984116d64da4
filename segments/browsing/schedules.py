"""A segmentation's schedule in words."""

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from segments.browsing import words
from segments.models import Segmentation
from segments.timetable import Every, Timetable, Weekday

WEEKDAYS = {
    Weekday.MONDAY: gettext_lazy("Monday"),
    Weekday.TUESDAY: gettext_lazy("Tuesday"),
    Weekday.WEDNESDAY: gettext_lazy("Wednesday"),
    Weekday.THURSDAY: gettext_lazy("Thursday"),
    Weekday.FRIDAY: gettext_lazy("Friday"),
    Weekday.SATURDAY: gettext_lazy("Saturday"),
    Weekday.SUNDAY: gettext_lazy("Sunday"),
}


def in_words(segmentation: Segmentation) -> list[str]:
    """When runs start by themselves and what becomes of them, a sentence each; none without a schedule."""
    if segmentation.schedule is None:
        return []
    timetable = Timetable.from_json(segmentation.schedule)
    at = {
        Every.DAY: _("A run starts every day at {hour}."),
        Every.WEEK: _("A run starts every {weekday} at {hour}."),
        Every.MONTH: _("A run starts on day {day} of each month at {hour}."),
    }
    said = []
    if timetable.every is not None:
        hour, weekday = f"{timetable.hour:02}:00 UTC", WEEKDAYS[timetable.weekday]
        said.append(at[timetable.every].format(hour=hour, weekday=weekday, day=timetable.day))
    if timetable.refit_on_drift:
        said.append(_("A run starts when an import has changed who the customers are."))
    rule = timetable.publish
    if rule is None:
        said.append(_("What it finds is a draft until somebody uses it."))
    else:
        text = _("Its segments are used without asking when at most {most} of the customers move and all are stable.")
        said.append(text.format(most=words.percent(rule.most_moved, decimals=1)))
    return said
