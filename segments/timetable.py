"""When a segmentation is run again by itself, and when what such a run finds is put to use without anybody's word."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Self

from django.utils.translation import gettext_noop

from segments.kmeans.checking import DefinitionError, is_number, one_of, refuse_unknown, whole

# Every month has this day.
LAST_DAY = 28


class Every(StrEnum):
    """How often."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


class Weekday(StrEnum):
    """In the order of `datetime.weekday`."""

    MONDAY = "monday"
    TUESDAY = "tuesday"
    WEDNESDAY = "wednesday"
    THURSDAY = "thursday"
    FRIDAY = "friday"
    SATURDAY = "saturday"
    SUNDAY = "sunday"


@dataclass(frozen=True, slots=True)
class PublishRule:
    """What must hold for a run that nobody asked for to be used without anybody's word.

    most_moved       share of the customers, 0 to 1, who may move to another segment
    least_stability  smallest bootstrap Jaccard that its segments must reach, 0 to 1
    despite_drift    whether it may be used although customers have changed (a PSI of .25 or more)
    """

    most_moved: float = 0.2
    least_stability: float = 0.75
    despite_drift: bool = False

    @classmethod
    def from_json(cls, value: Any, pointer: str) -> Self:
        """Read and check a rule. Raises DefinitionError."""
        if not isinstance(value, Mapping):
            raise DefinitionError(
                pointer, "not_an_object", gettext_noop("A rule is an object, or null where people decide.")
            )
        refuse_unknown(value, {"most_moved", "least_stability", "despite_drift"}, pointer)
        usual = cls()
        return cls(
            most_moved=_share(value.get("most_moved", usual.most_moved), f"{pointer}/most_moved"),
            least_stability=_share(value.get("least_stability", usual.least_stability), f"{pointer}/least_stability"),
            despite_drift=_truth(value.get("despite_drift", usual.despite_drift), f"{pointer}/despite_drift"),
        )


@dataclass(frozen=True, slots=True)
class Timetable:
    """When runs start by themselves, in UTC.

    every           None: at no time, only when customers have changed
    weekday, day    of a week, of a month (1 to 28)
    hour            0 to 23
    refit_on_drift  whether one starts when an import has changed who the customers are
    publish         None: every run stays a draft until somebody uses it
    """

    every: Every | None = None
    weekday: Weekday = Weekday.MONDAY
    day: int = 1
    hour: int = 3
    refit_on_drift: bool = False
    publish: PublishRule | None = None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: Any) -> Self:
        """Read and check a timetable. Raises DefinitionError, which names the field at fault."""
        if not isinstance(value, Mapping):
            raise DefinitionError("", "not_an_object", gettext_noop("A schedule is an object, or null for none."))
        refuse_unknown(value, {"every", "weekday", "day", "hour", "refit_on_drift", "publish"}, "")
        every, rule = value.get("every"), value.get("publish")
        return cls(
            every=None if every is None else one_of(Every, every, "/every"),
            weekday=one_of(Weekday, value.get("weekday", Weekday.MONDAY), "/weekday"),
            day=whole(value.get("day", 1), "/day", 1, LAST_DAY),
            hour=whole(value.get("hour", 3), "/hour", 0, 23),
            refit_on_drift=_truth(value.get("refit_on_drift", False), "/refit_on_drift"),
            publish=None if rule is None else PublishRule.from_json(rule, "/publish"),
        )

    def next_after(self, now: datetime) -> datetime | None:
        """The first time after `now`, which is in UTC; None when it has no times."""
        if self.every is None:
            return None
        at = now.replace(hour=self.hour, minute=0, second=0, microsecond=0)
        while at <= now or not self._is_day(at):
            at += timedelta(days=1)
        return at

    def _is_day(self, at: datetime) -> bool:
        if self.every is Every.WEEK:
            return list(Weekday)[at.weekday()] is self.weekday
        return self.every is Every.DAY or at.day == self.day


def _share(value: Any, pointer: str) -> float:
    if not is_number(value) or not 0 <= value <= 1:
        raise DefinitionError(
            pointer, "out_of_range", gettext_noop("This is a share from 0 to 1, such as 0.2 for a fifth.")
        )
    return float(value)


def _truth(value: Any, pointer: str) -> bool:
    if not isinstance(value, bool):
        raise DefinitionError(pointer, "invalid", gettext_noop("Give true or false."))
    return value
