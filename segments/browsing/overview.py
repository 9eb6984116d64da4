"""What the front page shows of segments: those in use, and the work done last."""

from dataclasses import dataclass

from django.utils.translation import gettext_noop

from customers.overview import UNKNOWN, Distribution
from segmentation_site.language.saying import said, spelled
from segments.charts import Chart
from segments.models import Run, Segment, Segmentation, SegmentProfile


@dataclass(frozen=True, slots=True)
class Share:
    """A segment in use with its size; percent of all, and of the largest for drawing."""

    segment: Segment
    size: int
    percent: float
    percent_of_largest: float


@dataclass(frozen=True, slots=True)
class InUse:
    """A segmentation that readers see, with its segments, the largest first."""

    segmentation: Segmentation
    run: Run
    shares: list[Share]


def in_use() -> list[InUse]:
    """Every segmentation with a published run, the one published last first. Two queries for any number of them."""
    segmentations = list(
        Segmentation.objects.filter(published_run__isnull=False)
        .select_related("published_run")
        .defer(*(f"published_run__{column}" for column in ("model", "definition", "measures", "matching")))
        .order_by("-published_run__published_at")
    )
    runs = [(segmentation, run) for segmentation in segmentations if (run := segmentation.published_run)]
    profiles: dict[int, list[SegmentProfile]] = {run.pk: [] for _, run in runs}
    for profile in (
        SegmentProfile.objects.filter(run_id__in=profiles, segment__isnull=False)
        .select_related("segment")
        .defer("content")
        .order_by("-size", "segment_id")
    ):
        profiles[profile.run_id].append(profile)
    return [InUse(segmentation, run, _shares(profiles[run.pk])) for segmentation, run in runs]


def _shares(profiles: list[SegmentProfile]) -> list[Share]:
    return [
        Share(profile.segment, profile.size, 100 * profile.share, 100 * profile.size / max(profiles[0].size, 1))
        for profile in profiles
        if profile.segment is not None
    ]


def recent_runs(limit: int) -> list[Run]:
    """The runs that were started last, newest first."""
    return list(
        Run.objects.select_related("segmentation", "created_by")
        .defer("definition", "params", "measures", "model", "matching", "warnings")
        .order_by("-id")[:limit]
    )


def bar_chart(distribution: Distribution) -> Chart:
    """How one fact is distributed over all customers, as a chart."""
    names = [spelled(said(one.label)) for one in distribution.bins]
    rows = [(name, f"{one.count:,}") for name, one in zip(names, distribution.bins, strict=True)]
    if distribution.unknown:
        rows.append((said(UNKNOWN), f"{distribution.unknown:,}"))
    return Chart(
        config={
            "type": "bar",
            "data": {
                "labels": names,
                "datasets": [
                    {
                        "data": [one.count for one in distribution.bins],
                        "backgroundColor": "var(--accent)/0.8",
                        "hoverBackgroundColor": "var(--accent)",
                        "borderRadius": 4,
                        "maxBarThickness": 72,
                    }
                ],
            },
            "options": {
                "scales": {
                    "x": {"grid": {"display": False}},
                    "y": {"beginAtZero": True, "ticks": {"precision": 0, "maxTicksLimit": 5}, "format": "number"},
                }
            },
        },
        finding=distribution.finding,
        label=gettext_noop("Bars: customers by {label}").format(
            label=f"{distribution.label[:1].lower()}{distribution.label[1:]}"
        ),
        head=(distribution.label, gettext_noop("Customers")),
        rows=tuple(rows),
    )
