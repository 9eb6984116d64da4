"""What doors show of runs: the curve while one works, and all that a finished one found."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import QuerySet
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from segmentation_site.language.saying import spelled
from segments.browsing import conditions, words
from segments.browsing.features import Labels
from segments.browsing.segments import Card, Told, direction
from segments.charts import Chart, elbow, quality, separation
from segments.kmeans.model import Model
from segments.kmeans.pmml import to_pmml
from segments.kmeans.shapes import Definition, Measured, Missing, Profile, Scaling
from segments.models import Candidate, Run, Segmentation

# Beyond this many standard deviations a cell of the heat table does not get any stronger.
STRONGEST_Z = 2.0
STRONGEST_TINT = 62


@dataclass(frozen=True, slots=True)
class Measure:
    """A measure in plain words; `term` is the field's own word, `position` its place on a scale from 0 to 100."""

    label: str
    value: str
    term: str
    meaning: str = ""
    position: int | None = None


@dataclass(frozen=True, slots=True)
class Fact:
    """A setting and its value in words."""

    label: str
    value: str


@dataclass(frozen=True, slots=True)
class Cell:
    """One segment's mean of one feature in its unit and as a z-score, and how far it lies from everybody's in words;
    `strength` is the tint in percent."""

    value: str
    z: str
    against: str
    direction: str
    strength: int


@dataclass(frozen=True, slots=True)
class DifferenceRow:
    """A segment's line of the heat table."""

    card: Card
    cells: list[Cell]


@dataclass(frozen=True, slots=True)
class Differences:
    """The heat table: segments down, features across."""

    finding: str
    features: list[str]
    rows: list[DifferenceRow]
    everybody: list[str]


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the table of candidates, with the field's own word for it."""

    label: str
    term: str


@dataclass(frozen=True, slots=True)
class CandidateRow:
    """One number of segments that was tried."""

    cells: list[str]
    is_chosen: bool
    verdict: str


@dataclass(frozen=True, slots=True)
class Candidates:
    """The table of all that was tried."""

    columns: list[Column]
    rows: list[CandidateRow]


@dataclass(frozen=True, slots=True)
class Results:
    """All that a finished run's page shows."""

    cards: list[Card]
    measures: list[Measure]
    verdict: str
    doubt: str
    warnings: list[str]
    differences: Differences
    elbow: Chart | None
    separation: Chart | None
    candidates: Candidates | None
    quality: Chart | None
    settings: list[Fact]


def light(runs: QuerySet[Run]) -> QuerySet[Run]:
    """Runs without what only their own page needs."""
    return runs.select_related("segmentation", "created_by").defer(
        "definition", "params", "measures", "model", "matching", "warnings"
    )


def last_runs(segmentations: Sequence[Segmentation]) -> dict[int, Run]:
    """The newest run of each segmentation, by the segmentation's id, in one query."""
    newest = light(Run.objects.filter(segmentation__in=segmentations)).order_by("segmentation_id", "-id")
    return {run.segmentation_id: run for run in newest.distinct("segmentation_id")}


def measured(run: Run) -> list[Measured]:
    """The candidates that are known so far, by ascending k."""
    return [
        Measured(
            k=one.k,
            inertia=one.inertia,
            silhouette=one.silhouette,
            davies_bouldin=one.davies_bouldin,
            calinski_harabasz=one.calinski_harabasz,
            smallest_share=one.smallest_share or 0.0,
            smallest_size=0,
            stability=one.stability,
            is_eligible=one.is_eligible,
            seconds=one.seconds,
            prediction_strength=one.prediction_strength,
            simplified_silhouette=one.simplified_silhouette,
        )
        for one in Candidate.objects.filter(run=run).order_by("k")
    ]


def elbow_so_far(candidates: Sequence[Measured]) -> Chart | None:
    """The curve of a run that still works; nothing before two numbers of segments were tried."""
    return elbow(candidates) if len(candidates) > 1 else None


def results(run: Run, told: Told) -> Results:
    """All that a finished run found, out of what it has stored: the cost does not grow with the customers."""
    found, everybody, labels = told.cards, told.everybody, told.labels
    tried = measured(run)
    has_choice = len(tried) > 1
    return Results(
        cards=found,
        measures=_measures(run, found, tried),
        verdict=words.verdict(run.verdict),
        doubt=words.doubt(run.verdict),
        warnings=[str(warning) for warning in run.warnings],
        differences=differences(found, everybody, labels),
        elbow=elbow(tried, run.k) if has_choice else None,
        separation=separation(tried, run.k) if has_choice else None,
        candidates=_candidates(tried, run.k) if tried else None,
        quality=quality([card.series for card in found]),
        settings=[*facts(Definition.from_json(run.definition), labels), *_run_facts(run)],
    )


def pmml_of(run: Run) -> bytes:
    """The model of a run that is done as PMML, its segments by the names that they have now."""
    model = Model.from_json(run.model or {})
    names = run.segmentation.segments.filter(public_id__in=[one.segment_id for one in model.segments])
    return to_pmml(model, dict(names.values_list("public_id", "name")), title=run.segmentation.name)


def facts(definition: Definition, labels: Labels) -> list[Fact]:
    """A definition in plain words."""
    scalings = {
        Scaling.STANDARD: _("Equally, each by its own spread"),
        Scaling.ROBUST: _("Equally, ignoring extreme values"),
        Scaling.MINMAX: _("Equally, from lowest to highest"),
        Scaling.NONE: _("As they are"),
    }
    if definition.k is None:
        number = _("The best of {low} to {high}").format(low=definition.k_range[0], high=definition.k_range[1])
    else:
        number = _("{k}, as chosen").format(k=definition.k)
    weighed = [
        _("{label} × {weight}").format(label=labels[feature.name].label, weight=words.number(feature.weight))
        if feature.weight != 1
        else labels[feature.name].label
        for feature in definition.features
    ]
    as_of = [Fact(_("Purchases count up to"), date_format(definition.as_of))] if definition.as_of else []
    return [
        Fact(_("Features"), ", ".join(weighed)),
        Fact(_("Weighed"), scalings[definition.scaling]),
        Fact(_("Number of segments"), number),
        Fact(_("Who takes part"), conditions.in_words(definition)),
        Fact(_("Missing values"), _missing(definition, labels)),
        *as_of,
        Fact(_("Seed"), str(definition.seed)),
    ]


def _missing(definition: Definition, labels: Labels) -> str:
    """What stands in for unknown values; the exceptions by name."""
    usual, words_of = Missing.MEDIAN, {Missing.MEDIAN: _("median"), Missing.MEAN: _("mean"), Missing.ZERO: _("zero")}
    others = [
        f"{labels[one.name].label}: {words_of[missing] if isinstance(missing, Missing) else spelled(f'{missing:g}')}"
        for one in definition.features
        if (missing := one.missing) != usual
    ]
    return "; ".join([_("Filled with the median"), *others])


def _run_facts(run: Run) -> list[Fact]:
    fit = (run.model or {}).get("fit", {})
    spread = words.NOTHING if run.inertia is None else spelled(f"{run.inertia:,.4f}")
    rows = [
        Fact(_("Spread inside segments (inertia)"), spread),
        Fact(_("Fingerprint of the customers read"), run.input_sha256[:16] or words.NOTHING),
    ]
    engines = {"local": _("On the machine of the worker"), "spark": _("On Spark")}
    if fit.get("engine"):
        rows.append(Fact(_("Where it was computed"), engines.get(fit["engine"], fit["engine"])))
    versions = fit.get("versions")
    if versions:
        rows.append(Fact(_("Computed with"), ", ".join(f"{name} {version}" for name, version in versions.items())))
    return rows


def _measures(run: Run, found: Sequence[Card], tried: Sequence[Measured]) -> list[Measure]:
    chosen = next((one for one in tried if one.k == run.k), None)
    rows = [
        Measure(_("Customers"), spelled(f"{run.customers or 0:,}"), _("All that were read and assigned to a segment")),
        Measure(
            _("Number of segments"),
            str(run.k),
            _("k, the number of clusters"),
            ngettext("One number was tried", "{tried} numbers were tried", len(tried)).format(tried=len(tried)),
        ),
        Measure(
            _("Separation"),
            words.number(run.silhouette),
            _("Average silhouette, from −1 to 1"),
            words.separation(run.silhouette),
            None if run.silhouette is None else round(100 * min(1.0, max(0.0, run.silhouette))),
        ),
    ]
    if chosen and chosen.stability is not None:
        rows.append(
            Measure(
                _("Stability"),
                words.number(chosen.stability),
                _("Smallest bootstrap Jaccard of its segments, from 0 to 1"),
                words.stability(chosen.stability),
            )
        )
    if found:
        smallest = min(found, key=lambda card: card.size)
        rows.append(
            Measure(_("Smallest segment"), smallest.share_words, _("Share of the smallest cluster"), smallest.name)
        )
    return rows


def differences(found: Sequence[Card], everybody: Profile, labels: Labels) -> Differences:
    """Every segment's means against everybody's."""
    features = everybody.features
    rows = []
    for card in found:
        cells = []
        for feature in features:
            mine = card.profile.feature(feature.name)
            cells.append(
                Cell(
                    value=words.in_units(mine.mean, labels[feature.name].unit),
                    z=words.standard_deviations(mine.z),
                    against=words.against_average(mine.z),
                    direction=direction(mine.z),
                    strength=round(STRONGEST_TINT * min(1.0, abs(mine.z) / STRONGEST_Z)),
                )
            )
        rows.append(DifferenceRow(card, cells))
    telling = max(features, key=lambda feature: feature.eta_squared)
    return Differences(
        finding=_("{label} tells the segments apart best: {share} of its variation lies between them.").format(
            label=labels[telling.name].label, share=words.percent(telling.eta_squared)
        ),
        features=[labels[feature.name].label for feature in features],
        rows=rows,
        everybody=[words.in_units(feature.mean, labels[feature.name].unit) for feature in features],
    )


def _candidates(tried: Sequence[Measured], chosen: int | None) -> Candidates:
    columns = [
        Column(_("Segments"), _("k, the number of clusters")),
        Column(_("Separation"), _("Average silhouette; higher is better")),
        Column(_("Stability"), _("Smallest bootstrap Jaccard; at least 0.75 is stable")),
        Column(
            _("Prediction"),
            _("Prediction strength: whether half of the customers say who is together in the other half; at least 0.8"),
        ),
        Column(_("Smallest"), _("Share of the smallest cluster")),
        Column(_("Spread inside"), _("Inertia, the sum of squared distances; always falls with more segments")),
        Column(
            _("Nearness"),
            _("Simplified silhouette of everybody, from distances to centres: another number than the separation"),
        ),
        Column(_("Overlap"), _("Davies-Bouldin index; lower is better")),
        Column(_("Contrast"), _("Calinski-Harabasz index; higher is better")),
    ]
    rows = [
        CandidateRow(
            cells=[
                str(one.k),
                _decimals(one.silhouette),
                _decimals(one.stability),
                _decimals(one.prediction_strength),
                words.percent(one.smallest_share),
                words.number(one.inertia),
                _decimals(one.simplified_silhouette),
                _decimals(one.davies_bouldin),
                words.number(one.calinski_harabasz),
            ],
            is_chosen=one.k == chosen,
            verdict=_verdict_on(one, chosen),
        )
        for one in tried
    ]
    return Candidates(columns, rows)


def _decimals(value: float | None) -> str:
    return words.NOTHING if value is None else spelled(f"{value:.3f}")


def _verdict_on(one: Measured, chosen: int | None) -> str:
    if one.k == chosen:
        return _("Chosen")
    if one.is_eligible is None:
        return words.NOTHING
    return _("Possible") if one.is_eligible else _("Unstable or too small")
