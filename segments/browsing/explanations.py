"""Why a customer is in its segments: exact for K-means, in the units that people know."""

from dataclasses import dataclass
from datetime import datetime

import numpy as np
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from customers.columns import read_columns
from segmentation_site.language.saying import said
from segments import aging
from segments.browsing import words
from segments.browsing.features import Labels, known_labels
from segments.browsing.history import Step, path_of
from segments.browsing.profiles import profiles, read_profile
from segments.kmeans.explaining import Counterfactual, FitWord, counterfactual, explain, fit_word
from segments.kmeans.model import Model, apply_model
from segments.kmeans.shapes import Definition, Profile
from segments.models import Assignment, Run, Segment, Segmentation

NOT_IN_RUN = gettext_lazy(
    "This customer is in no segment: it does not fulfil the conditions, or came in a moment ago and is looked at next."
)


@dataclass(frozen=True, slots=True)
class Reason:
    """One feature's part in it.

    number, own, other   its own value, and what is typical of its segment and of the runner-up, in `unit`; of a
                         category the level, and the share of customers with this level there
    gap                  positive speaks for the own segment, negative for the runner-up
    percent              the gap against the largest one, 0 to 100, for drawing
    would_move           the smallest change of this feature alone that moves the customer to the runner-up; None where
                         none does
    """

    name: str
    label: str
    unit: str
    number: float | str | None
    own: float | None
    other: float | None
    gap: float
    percent: float
    would_move: Counterfactual | None = None
    is_category: bool = False

    @property
    def value(self) -> str:
        if isinstance(self.number, str):
            return said(self.number.capitalize())
        return words.in_units(self.number, self.unit)

    @property
    def typical(self) -> str:
        return self._there(self.own)

    @property
    def elsewhere(self) -> str:
        return self._there(self.other)

    @property
    def moves_at(self) -> str:
        """From which value on it would be in the runner-up, all else equal."""
        if self.would_move is None:
            return words.NOTHING
        return f"{'≥' if self.would_move.change > 0 else '≤'}\u00a0{words.in_units(self.would_move.value, self.unit)}"

    def _there(self, figure: float | None) -> str:
        if not self.is_category:
            return words.in_units(figure, self.unit)
        if figure is None:
            return words.NOTHING
        return _("{share} like this").format(share=words.percent(figure))

    @property
    def speaks_for(self) -> bool:
        """Whether this feature is a reason to be in the own segment."""
        return self.gap >= 0


@dataclass(frozen=True, slots=True)
class Explanation:
    """Where a customer is in one segmentation, and why; without a segment when the published run does not have it."""

    segmentation: Segmentation
    run: Run
    segment: Segment | None = None
    runner_up: Segment | None = None
    fit: FitWord | None = None
    distance: float | None = None
    joined_at: datetime | None = None
    path: tuple[Step, ...] = ()
    reasons: tuple[Reason, ...] = ()

    @property
    def before(self) -> Segment | None:
        """Where the customer was before, as far as that is kept."""
        return self.path[-2].segment if len(self.path) > 1 else None

    @property
    def sentence(self) -> str:
        """Why here, in one sentence."""
        if self.segment is None:
            return str(NOT_IN_RUN)
        if self.runner_up is None or not self.reasons:
            return _("There is no second segment to compare with.")
        strongest = next((reason for reason in self.reasons if reason.speaks_for), self.reasons[0])
        text = _("{label} speaks most for it: {value}; “{segment}” typically has {typical}, “{runner_up}” {elsewhere}.")
        return text.format(
            label=strongest.label,
            value=strongest.value,
            segment=self.segment.name,
            typical=strongest.typical,
            runner_up=self.runner_up.name,
            elsewhere=strongest.elsewhere,
        )

    @property
    def fit_sentence(self) -> str:
        """How firmly it belongs there, in plain words."""
        sentences = {
            FitWord.TYPICAL: _("Clearly nearer to this segment than to any other."),
            FitWord.CLOSE: _("Nearer to this segment, but the next one is not far."),
            FitWord.BORDERLINE: _("On the border: about as near to the next segment."),
        }
        return sentences[self.fit] if self.fit else ""


def explain_customer(pk: int) -> list[Explanation]:
    """Where the customer with this primary key is in every segmentation in use, and why."""
    labels = known_labels()
    segmentations = (
        Segmentation.objects.filter(published_run__isnull=False).select_related("published_run").order_by("name")
    )
    return [_explain(one, one.published_run, pk, labels) for one in segmentations if one.published_run is not None]


def _explain(segmentation: Segmentation, run: Run, pk: int, labels: Labels) -> Explanation:
    assignment = Assignment.objects.filter(run_id=run.pk, customer_id=pk).first()
    if assignment is None:
        return Explanation(segmentation, run)
    segments = Segment.objects.in_bulk([assignment.segment_id, assignment.runner_up_id or assignment.segment_id])
    own, runner_up = segments[assignment.segment_id], segments.get(assignment.runner_up_id or 0)
    joined = Run.objects.filter(pk=assignment.joined_run_id).only("published_at").first()
    return Explanation(
        segmentation=segmentation,
        run=run,
        segment=own,
        runner_up=runner_up,
        fit=fit_word(assignment.distance, assignment.runner_up_distance),
        distance=assignment.distance,
        joined_at=joined.published_at if joined else None,
        path=tuple(path_of(run, pk)),
        reasons=_reasons(run, pk, own, runner_up, labels) if runner_up else (),
    )


def _reasons(run: Run, pk: int, own: Segment, runner_up: Segment, labels: Labels) -> tuple[Reason, ...]:
    """The features, the strongest first; none for a customer, or a feature, that is gone since."""
    model = Model.from_json(run.model or {})
    try:
        read = read_columns(model.names, aging.day_of(run, Definition.from_json(run.definition)), only=[pk])
    except KeyError:
        return ()
    if not len(read.ids):
        return ()
    places = {segment.segment_id: index for index, segment in enumerate(model.segments)}
    gaps = explain(
        apply_model(model, model.names, read.values, levels=read.levels),
        np.array([places[own.public_id]]),
        np.array([places[runner_up.public_id]]),
        model.centroids,
        columns=model.columns,
    )[0]
    moves = counterfactual(model, read.values[0], levels=read.levels)
    stored = {row.segment_id: read_profile(row) for row in profiles([run.pk]).filter(segment__in=[own, runner_up])}
    largest = max(float(np.abs(gaps).max()), 1e-12)
    reasons = []
    for name, value, gap in zip(model.names, read.values[0], gaps, strict=True):
        known = None if np.isnan(value) else float(value)
        number = read.levels[name][int(known)] if name in read.levels and known is not None else known
        reasons.append(
            Reason(
                name=name,
                label=labels[name].label,
                unit=labels[name].unit,
                number=number,
                own=_typical(stored[own.pk], name, number),
                other=_typical(stored[runner_up.pk], name, number),
                gap=float(gap),
                percent=100 * abs(float(gap)) / largest,
                would_move=moves.get(name),
                is_category=name in read.levels,
            )
        )
    return tuple(sorted(reasons, key=lambda reason: -abs(reason.gap)))


def _typical(profile: Profile, name: str, value: float | str | None) -> float | None:
    """What is typical of a segment: the mean of a number, of a category the share of those with this level."""
    if name in profile.centroid:
        return profile.centroid[name]
    category = next((one for one in profile.categories if one.name == name), None)
    return category.share(value) if category is not None and isinstance(value, str) else None
