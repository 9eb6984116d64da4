"""What doors show of segments: cards of those in use, and one segment against everybody."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from math import isnan
from typing import cast

from django.db.models import Q

from customers import searching
from customers.columns import read_columns
from segmentation_site.language.saying import said, spelled
from segments import aging
from segments.browsing import history, words
from segments.browsing.assignments import members_of
from segments.browsing.features import Labels, known_labels
from segments.browsing.profiles import profiles, read_profile, stored, with_everybody
from segments.charts import Chart, Series, boxes, profile_bars
from segments.kmeans import naming
from segments.kmeans.explaining import FitWord, fit_word
from segments.kmeans.shapes import Definition, FeatureProfile, Profile
from segments.models import Assignment, Run, Segment, Segmentation, SegmentProfile

TRAITS = 3
MOST_BOXES = 6
MEMBERS_AT_ONCE = 25
# Models and matchings are larger than all the rest of a run, and nobody asks a portrait for them.
NOT_IN_PORTRAITS = ("model", "measures", "matching", "params", "warnings")


@dataclass(frozen=True, slots=True)
class Trait:
    """One thing that sets a segment apart: `direction` is above or below the average of everybody."""

    direction: str
    text: str
    value: str


@dataclass(frozen=True, slots=True)
class Card:
    """A segment of one run at a glance."""

    public_id: str
    name: str
    colour: int
    size: int
    share: float
    traits: tuple[Trait, ...]
    action: str
    profile: Profile
    suggestion: naming.Suggestion | None = None

    @property
    def share_words(self) -> str:
        return words.percent(self.share)

    @property
    def percent(self) -> str:
        """The share as a CSS length needs it."""
        return f"{100 * self.share:.2f}"

    @property
    def suggested(self) -> str:
        """What to do with it, where its profile says so."""
        return words.action(self.suggestion.action) if self.suggestion else ""

    @property
    def series(self) -> Series:
        """The segment as charts draw it."""
        return Series(self.name, self.colour, self.profile)


@dataclass(frozen=True, slots=True)
class Told:
    """What a run found: its segments, the largest first, all customers together, and how people know the features."""

    cards: list[Card]
    everybody: Profile
    labels: Labels


@dataclass(frozen=True, slots=True)
class Group:
    """A segmentation and its segments in use."""

    segmentation: Segmentation
    cards: list[Card]


@dataclass(frozen=True, slots=True)
class FeatureRow:
    """One line of the table of features: a segment's statistics beside everybody's, as text with units."""

    label: str
    mean: str
    everybody: str
    against: str
    direction: str
    lowest: str
    q1: str
    median: str
    q3: str
    highest: str
    missing: int


@dataclass(frozen=True, slots=True)
class Portrait:
    """One segment in one run: all that its page shows but its members."""

    segment: Segment
    run: Run
    # Of what it shows.
    labels: Labels
    card: Card
    bars: Chart
    # By an id for the page, the features that tell the segments apart best first.
    boxes: dict[str, Chart]
    features: list[FeatureRow]
    categories: list["CategoryTable"]
    # None before there are two published runs with it.
    history: Chart | None

    @property
    def is_in_use(self) -> bool:
        """Whether readers see this segment now."""
        return self.run.is_published


@dataclass(frozen=True, slots=True)
class LevelRow:
    """One level of a category: its share here and of everybody."""

    label: str
    share: str
    percent: float
    everybody: str
    direction: str


@dataclass(frozen=True, slots=True)
class CategoryTable:
    """A category in a segment beside everybody; `missing` in words where somebody has none."""

    label: str
    rows: list[LevelRow]
    missing: str


@dataclass(frozen=True, slots=True)
class Member:
    """A customer in a segment: label and value of the run's features as text, and how firmly it belongs there."""

    pk: int
    name: str
    external_id: str
    figures: list[tuple[str, str]]
    fit: FitWord


@dataclass(frozen=True, slots=True)
class Members:
    """One page of a segment's members; `after` asks for the next one and is "" on the last."""

    labels: list[str]
    rows: list[Member]
    after: str


def direction(z: float) -> str:
    """Whether a mean lies above or below everybody's, or too near to it to say."""
    if abs(z) < 0.05:
        return "near"
    return "above" if z > 0 else "below"


def series_of(row: SegmentProfile) -> Series:
    """A row of `profiles` as charts draw it."""
    segment = cast(Segment, row.segment)
    return Series(segment.name, segment.colour, read_profile(row))


def card(row: SegmentProfile, labels: Labels) -> Card:
    """A row of `profiles` (never that of everybody) as a card."""
    profile, segment = read_profile(row), cast(Segment, row.segment)
    traits = tuple(
        Trait(
            direction=direction(feature.z),
            text=naming.trait(feature, labels.names),
            value=words.in_units(feature.mean, labels[feature.name].unit),
        )
        for feature in naming.notable(profile)[:TRAITS]
    )
    return Card(
        public_id=segment.public_id,
        name=segment.name,
        colour=segment.colour,
        size=row.size,
        share=row.share,
        traits=traits,
        action=segment.action,
        profile=profile,
        suggestion=naming.suggest_action(profile, labels.names),
    )


def cards(run: Run, labels: Labels | None = None) -> list[Card]:
    """The segments of a run, the largest first; `labels` from who has asked for them already."""
    labels = known_labels() if labels is None else labels
    return [card(row, labels) for row in profiles([run.pk])]


def told_of(run: Run) -> Told:
    """What a done run found: its segments with their points, in one query."""
    everybody, rows = with_everybody(run.pk, with_sample=True)
    labels = _labels_of(run, everybody)
    return Told([card(row, labels) for row in rows], everybody, labels)


def _labels_of(run: Run, profile: Profile) -> Labels:
    """How people know what a run was asked to look at, and what any of its profiles tells."""
    asked = Definition.from_json(run.definition).feature_names
    told = (*(one.name for one in profile.features), *(one.name for one in profile.categories))
    return known_labels({*asked, *told})


def cards_in_use(segmentations: Sequence[Segmentation]) -> dict[int, list[Card]]:
    """For each segmentation's id the cards of its published run; two queries for any number of them."""
    labels = known_labels()
    of_run = {one.published_run_id: one.pk for one in segmentations if one.published_run_id is not None}
    found: dict[int, list[Card]] = {one.pk: [] for one in segmentations}
    for row in profiles(of_run):
        found[of_run[row.run_id]].append(card(row, labels))
    return found


def groups(*, query: str = "", slug: str = "", sort: str = "size") -> list[Group]:
    """The segments in use by segmentation, without empty groups; `query` is looked for in names, notes and actions."""
    segmentations = list(Segmentation.objects.filter(published_run__isnull=False).order_by("name"))
    if slug:
        segmentations = [one for one in segmentations if one.slug == slug]
    in_use = cards_in_use(segmentations)
    if query:
        matching = set(
            Segment.objects.filter(segmentation__in=segmentations)
            .filter(Q(name__icontains=query) | Q(description__icontains=query) | Q(action__icontains=query))
            .values_list("public_id", flat=True)
        )
        in_use = {pk: [one for one in found if one.public_id in matching] for pk, found in in_use.items()}
    if sort == "name":
        in_use = {pk: sorted(found, key=lambda one: one.name.casefold()) for pk, found in in_use.items()}
    return [Group(one, in_use[one.pk]) for one in segmentations if in_use[one.pk]]


def row_of(segment: Segment) -> SegmentProfile | None:
    """The segment in the published run, or in the last run that had it; None when no run kept its profile."""
    rows = stored(SegmentProfile.objects.filter(segment=segment)).select_related("run")
    rows = rows.defer(*(f"run__{column}" for column in NOT_IN_PORTRAITS))
    row = rows.filter(run=segment.segmentation.published_run_id).first() or rows.order_by("-run_id").first()
    if row is not None:
        row.run.segmentation = segment.segmentation
    return row


def portrait(segment: Segment) -> Portrait | None:
    """All that the page of a segment shows but its members; None when no run kept its profile.

    Asks for least where the segmentation came with its published run.
    """
    for run in _runs_with(segment):
        everybody, rows = with_everybody(run.pk)
        for own in rows:
            if own.segment_id == segment.pk:
                run.segmentation = segment.segmentation
                return _portrait(segment, run, everybody, rows, own)
    return None


def _runs_with(segment: Segment) -> Iterator[Run]:
    """Where a segment is looked for: the published run, and only then the last one that had it."""
    if published := segment.segmentation.published_run:
        yield published
    if last := row_of(segment):
        yield last.run


def _portrait(
    segment: Segment, run: Run, everybody: Profile, rows: Sequence[SegmentProfile], own: SegmentProfile
) -> Portrait:
    labels = _labels_of(run, everybody)
    one = card(own, labels)
    siblings = [series_of(sibling) for sibling in rows]
    telling = sorted(one.profile.features, key=lambda feature: -feature.eta_squared)[:MOST_BOXES]
    return Portrait(
        segment=segment,
        run=run,
        labels=labels,
        card=one,
        bars=profile_bars(one.series, everybody, labels.names),
        boxes={
            f"box-{feature.name}": boxes(siblings, everybody, feature.name, labels.with_units) for feature in telling
        },
        features=[_feature_row(feature, everybody.feature(feature.name), labels) for feature in one.profile.features],
        categories=_categories(one.profile, everybody, labels),
        history=history.sizes_of(segment),
    )


def _categories(profile: Profile, everybody: Profile, labels: Labels) -> list[CategoryTable]:
    """The categories that differ most between segments first; those without anybody are left out."""
    of_all = {one.name: one for one in everybody.categories}
    found = sorted((one for one in profile.categories if one.counts), key=lambda one: -one.cramers_v)
    return [
        CategoryTable(
            label=labels[one.name].label,
            rows=[
                LevelRow(
                    label=said(level.capitalize() if level.islower() else level),
                    share=words.percent(one.share(level)),
                    percent=100 * one.share(level),
                    everybody=words.percent(of_all[one.name].share(level)),
                    direction="above" if one.share(level) > of_all[one.name].share(level) else "below",
                )
                for level in one.counts
            ],
            missing=spelled(f"{one.missing:,}") if one.missing else "",
        )
        for one in found
    ]


def members(segment: Segment, run: Run, known: Labels, *, after: str = "") -> Members:
    """A page of the customers who are in `segment` in its published run, by key; `known` says what features are."""
    definition = Definition.from_json(run.definition)
    names = [name for name in definition.feature_names if name in known]
    found = searching.find(searching.Wanted(after=after), among=members_of(segment), size=MEMBERS_AT_ONCE)
    assigned = Assignment.objects.filter(run_id=run.pk, customer_id__in=[one.pk for one in found.customers])
    distances = {
        customer: (distance, second)
        for customer, distance, second in assigned.values_list("customer_id", "distance", "runner_up_distance")
    }
    figures = _figures(names, aging.day_of(run, definition), [one.pk for one in found.customers], known)
    return Members(
        labels=[known[name].with_unit for name in names],
        rows=[
            Member(
                pk=one.pk,
                name=one.full_name,
                external_id=one.external_id,
                figures=figures[one.pk],
                fit=fit_word(*distances[one.pk]),
            )
            for one in found.customers
        ],
        after=found.after,
    )


def _figures(
    names: Sequence[str], as_of: date | None, keys: Sequence[int], labels: Labels
) -> dict[int, list[tuple[str, str]]]:
    """Label and value of each feature, as text, by the customer's primary key."""
    if not keys or not names:
        return {key: [] for key in keys}
    read = read_columns(names, as_of, only=keys)
    found = {}
    for key, row in zip(read.ids.tolist(), read.values.tolist(), strict=True):
        texts = [
            (words.NOTHING if isnan(value) else said(read.levels[name][int(value)].capitalize()))
            if name in read.levels
            else words.number(None if isnan(value) else value)
            for name, value in zip(names, row, strict=True)
        ]
        found[int(key)] = [(labels[name].with_unit, text) for name, text in zip(names, texts, strict=True)]
    return found


def _feature_row(feature: FeatureProfile, everybody: FeatureProfile, labels: Labels) -> FeatureRow:
    label = labels[feature.name]
    return FeatureRow(
        label=label.label,
        mean=words.in_units(feature.mean, label.unit),
        everybody=words.in_units(everybody.mean, label.unit),
        against=words.against_average(feature.z),
        direction=direction(feature.z),
        lowest=words.number(feature.minimum),
        q1=words.number(feature.q1),
        median=words.number(feature.median),
        q3=words.number(feature.q3),
        highest=words.number(feature.maximum),
        missing=feature.missing,
    )
