"""What became of segments and customers from one published run to the next, out of what the runs have stored."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import JSONField, QuerySet
from django.db.models.fields.json import KeyTransform
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from segments.charts import Chart
from segments.charts.history import Point, Words, sizes
from segments.models import Assignment, Run, Segment, SegmentProfile

# Enough to see where it goes; older runs are in the list of the segmentation.
MOST_RUNS = 24


@dataclass(frozen=True, slots=True)
class Movement:
    """What using a run moved against the run before: how many went elsewhere, came in, went out; and sizes before."""

    moved: int
    joined: int
    left: int
    before: Mapping[int, int]


@dataclass(frozen=True, slots=True)
class Step:
    """A customer came into a segment with a run: when that was first in use."""

    at: datetime
    segment: Segment


def published(runs: QuerySet[Run]) -> QuerySet[Run]:
    """Those that readers saw at some time, in the order in which they came, without their bulky columns."""
    return runs.filter(published_at__isnull=False).only("public_id", "published_at", "segmentation").order_by("pk")


def movement_of(counts: Sequence[Sequence[Any]] | None) -> Movement | None:
    """Out of what a run has counted (`Run.matching["moves"]`); None where there was no run before."""
    if not counts:
        return None
    before: dict[int, int] = {}
    moved = joined = left = 0
    for was, is_now, count in counts:
        if was is not None:
            before[was] = before.get(was, 0) + count
        if was is None:
            joined += count
        elif is_now is None:
            left += count
        elif was != is_now:
            moved += count
    return Movement(moved, joined, left, before)


def sizes_of(segment: Segment) -> Chart | None:
    """The size of a segment over the published runs, with who joined and left; None before there are two."""
    rows = list(
        SegmentProfile.objects.filter(segment=segment, run__published_at__isnull=False)
        .annotate(moves=KeyTransform("moves", "run__matching", output_field=JSONField()))
        .order_by("-run_id")
        .values_list("run__published_at", "size", "moves")[:MOST_RUNS]
    )[::-1]
    if len(rows) < 2:
        return None
    points = [_point(segment.pk, *row) for row in rows]
    return sizes(points, segment.colour, _words(segment, points))


def _point(segment: int, at: datetime | None, size: int, counts: Sequence[Sequence[Any]] | None) -> Point:
    joined = left = None
    if counts:
        joined = sum(count for was, is_now, count in counts if is_now == segment != was)
        left = sum(count for was, is_now, count in counts if was == segment != is_now)
    return Point("" if at is None else date_format(at, "DATETIME_FORMAT"), size, joined, left)


def _words(segment: Segment, points: Sequence[Point]) -> Words:
    before, last = points[-2:]
    change = last.size - before.size
    if change > 0:
        finding = _("{size} customers, {change} more than in the run before.")
    elif change < 0:
        finding = _("{size} customers, {change} fewer than in the run before.")
    else:
        finding = _("{size} customers, as many as in the run before.")
    finding = finding.format(size=f"{last.size:,}", change=f"{abs(change):,}")
    if last.joined is not None and last.left is not None:
        told = _("{joined} joined and {left} left.").format(joined=f"{last.joined:,}", left=f"{last.left:,}")
        finding = f"{finding} {told}"
    return Words(
        finding=finding,
        label=_("Line and bars: the size of {name} in each run that was in use").format(name=segment.name),
        when=_("In use since"),
        size=_("Customers"),
        joined=_("Joined"),
        left=_("Left"),
    )


def path_of(run: Run, pk: int) -> list[Step]:
    """The segments in which a customer was, the first first, by the published runs whose assignments are kept."""
    earlier = Run.objects.filter(segmentation=run.segmentation_id, pk__lte=run.pk, pruned_at=None)
    known = {one.pk: one for one in published(earlier)}
    rows = Assignment.objects.filter(run_id__in=known, customer_id=pk).order_by("run_id")
    found = [(known[run_id], segment) for run_id, segment in rows.values_list("run_id", "segment_id")]
    segments = Segment.objects.in_bulk({segment for _run, segment in found})
    steps: list[Step] = []
    for one, segment in found:
        if one.published_at is not None and (not steps or steps[-1].segment.pk != segment):
            steps.append(Step(one.published_at, segments[segment]))
    return steps
