"""What the front page shows of segments: those in use, and the work done last."""

from dataclasses import dataclass

from django.db.models import F, JSONField
from django.db.models.fields.json import KeyTransform
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from customers.overview import UNKNOWN, Distribution
from segmentation_site.jobs.models import JobStatus
from segmentation_site.language.saying import said, spelled
from segments.browsing import stopping, words
from segments.browsing.history import Movement, movement_of
from segments.charts import Chart
from segments.models import Run, Segment, Segmentation, SegmentProfile


@dataclass(frozen=True, slots=True)
class Share:
    """A segment in use with its size; its share of all from 0 to 1, and percent of the largest for drawing.

    change   how many more, or fewer, there are than in the run before: "+34"; "" where that is not known
    is_new   it was not there before
    """

    segment: Segment
    size: int
    share: float
    percent_of_largest: float
    change: str = ""
    is_new: bool = False

    @property
    def share_words(self) -> str:
        """Its share in words."""
        return words.percent(self.share)


@dataclass(frozen=True, slots=True)
class InUse:
    """A segmentation that readers see, with its segments, the largest first; and a newer draft that waits."""

    segmentation: Segmentation
    run: Run
    shares: list[Share]
    movement: Movement | None
    draft: Run | None
    # What was removed since and without which nobody is put into its segments any more; empty where all is there.
    missing: str = ""

    @property
    def story(self) -> str:
        """What there is to say of it first, in three sentences at most."""
        largest, smallest = self.shares[0], self.shares[-1]
        told = _("“{largest}” is the largest of {count} segments with {most}, “{smallest}” the smallest with {least}.")
        told = told.format(
            largest=largest.segment.name,
            count=len(self.shares),
            most=largest.share_words,
            smallest=smallest.segment.name,
            least=smallest.share_words,
        )
        return f"{told} {self.moves}".strip()

    @property
    def moves(self) -> str:
        """Who moved when it was renewed last; "" for the first run in use."""
        if self.movement is None:
            return ""
        if not (self.movement.moved or self.movement.joined or self.movement.left):
            return _("Since the run before nobody moved.")
        return _("Since the run before {moved} moved to another segment, {joined} came in and {left} went out.").format(
            moved=f"{self.movement.moved:,}", joined=f"{self.movement.joined:,}", left=f"{self.movement.left:,}"
        )


def in_use() -> list[InUse]:
    """Every segmentation with a published run, the one published last first. A few queries for any number of them."""
    segmentations = list(
        Segmentation.objects.filter(published_run__isnull=False)
        .select_related("published_run")
        .only(
            *("name", "slug", "published_run"),
            *(f"published_run__{column}" for column in ("public_id", "published_at", "definition", "segmentation")),
        )
        .annotate(moves=KeyTransform("moves", "published_run__matching", output_field=JSONField()))
        .order_by("-published_run__published_at")
    )
    drafts = {
        draft.segmentation_id: draft
        for draft in Run.objects.filter(
            segmentation__in=segmentations,
            status=JobStatus.DONE,
            published_at=None,
            pk__gt=F("segmentation__published_run"),
        )
        .only("public_id", "segmentation", "created_at", "k")
        .order_by("pk")
    }
    runs = [(segmentation, run) for segmentation in segmentations if (run := segmentation.published_run)]
    profiles: dict[int, list[SegmentProfile]] = {run.pk: [] for _, run in runs}
    for profile in (
        SegmentProfile.objects.filter(run_id__in=profiles, segment__isnull=False)
        .select_related("segment")
        .only("run", "size", "share", *(f"segment__{column}" for column in ("public_id", "name", "colour")))
        .order_by("-size", "segment_id")
    ):
        profiles[profile.run_id].append(profile)
    found, known = [], stopping.known()
    for segmentation, run in runs:
        movement = movement_of(segmentation.moves)
        shares = _shares(profiles[run.pk], movement)
        missing = stopping.in_words(stopping.missing_attributes(run, known))
        found.append(InUse(segmentation, run, shares, movement, drafts.get(segmentation.pk), missing))
    return found


def _shares(profiles: list[SegmentProfile], movement: Movement | None) -> list[Share]:
    shares = []
    for profile in profiles:
        if profile.segment is None:
            continue
        before = movement.before.get(profile.segment.pk) if movement else None
        change = "" if before is None else f"{profile.size - before:+,}".replace("-", "\u2212")
        shares.append(
            Share(
                profile.segment,
                profile.size,
                profile.share,
                100 * profile.size / max(profiles[0].size, 1),
                change="±0" if change == "+0" else change,
                is_new=movement is not None and before is None,
            )
        )
    return shares


def recent_runs(limit: int) -> list[Run]:
    """The runs that were started last, newest first."""
    return list(
        Run.objects.select_related("segmentation")
        .only(
            *("public_id", "status", "published_at", "k", "created_at"),
            *("segmentation__name", "segmentation__published_run"),
        )
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
