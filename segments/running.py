"""Carrying out a run, from reading to draft: the phases in the order in which they happen. Workers only."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from customers.attributes import feature_labels
from customers.columns import Columns, count_customers, last_change
from segmentation_site.jobs.leases import Lease
from segmentation_site.jobs.problems import Problem
from segments import judging, placing, publishing, reading, storing, trying, warming
from segments.browsing.moves import count_moves
from segments.charts import PALETTE
from segments.kmeans import choosing, drifting, fitting, matching, preparing, profiling
from segments.kmeans.engines import THREADS, TOLERANCE, Engine
from segments.kmeans.matches import Matching
from segments.kmeans.model import Model, ModelMismatch, ModelSegment
from segments.kmeans.naming import suggest_names
from segments.kmeans.shapes import Choice, Definition, Fit, Measured, Prepared, Profile
from segments.models import Origin, Run, Segment
from segments.timetable import Timetable
from segments.trying import CannotSegment, Tried

FAR_PERCENTILE = 99


def execute(run: Run, lease: Lease[Run]) -> None:
    """Carry out one run. Every phase may be cancelled.

    Readers see nothing before its end, and nothing but a draft then.
    """
    definition = Definition.from_json(run.definition)
    lease.phase(gettext_noop("reading"))
    place = placing.place(definition.engine, _values(definition))
    # Before reading: whoever changes meanwhile is looked at once more when the run is published.
    read_until = last_change()
    try:
        everything = reading.read_features(definition, also=_shown(definition))
    except KeyError as error:
        gone = gettext_noop("There is no attribute {key} any more. Choose other features or conditions.").format(
            key=error
        )
        raise CannotSegment(detail=gone) from error
    columns = everything.of(definition.feature_names)
    prepared = _prepare(columns, definition, lease)
    start = warming.before(run.segmentation.published_run) if run.origin != Origin.ASKED else None
    with placing.opened(place, prepared, run) as engine:
        tried = trying.try_each(run, prepared, definition.candidates, lease, start, engine)
        choice, measured = _choose(run, prepared, tried, lease)
        chosen = tried[choice.k]
        fit = fitting.partition(chosen.outline, engine)
    everybody, profiles = _profile(run, prepared, fit, chosen, everything, lease)
    lease.phase(gettext_noop("storing"))
    # While the database takes the assignments, this core has nothing to do.
    with ThreadPoolExecutor(1) as aside, lease.writing():
        looking = aside.submit(_look_at, columns, prepared, fit)
        baseline = run.segmentation.published_run
        matched = _match(baseline, prepared, fit)
        segments = _segments(run, matched, profiles)
        segment_ids = np.array([segment.pk for segment in segments], dtype=np.int64)
        joined = reading.read_places(baseline).joined(prepared.ids, segment_ids[fit.labels], now=run.pk)
        with publishing.telling_first_members(run, prepared.ids, segment_ids[fit.labels]) as ahead:
            storing.store_assignments(run, prepared.ids, fit, segment_ids, joined)
        storing.store_profiles(run, everybody, profiles, segments)
        moves = {"moves": count_moves(baseline.pk, run.pk)} if baseline else {}
        snapshot = looking.result()
        lease.finish(
            k=choice.k,
            customers=len(prepared.ids),
            inertia=fit.inertia,
            silhouette=measured.silhouette,
            verdict=choice.verdict.value,
            reason=choice.reason,
            warnings=[*prepared.warnings, *([_sentence(chosen.warning)] if chosen.warning else [])],
            measures={"null_silhouette": choice.null_silhouette},
            model=_model(run, prepared, fit, segments, snapshot, start, engine).to_json(),
            matching=(matched.to_json() if matched else {}) | moves,
            baseline=baseline,
            input_sha256=snapshot.sha256,
            read_until=read_until,
        )
        if run.publish_when_done:
            _publish(run, ahead)
        elif run.origin != Origin.ASKED:
            _publish_by_rule(run, chosen.warning)


def _values(definition: Definition) -> int:
    """How many are read: customers times features and what is shown beside them."""
    customers = count_customers(reading.conditions_of(definition))
    return customers * (len(definition.features) + len(_shown(definition)))


def _shown(definition: Definition) -> list[str]:
    """Categories that a run does not divide by: profiles show them."""
    labels = feature_labels()
    return [key for key, label in labels.items() if label.is_category and key not in definition.feature_names]


def _prepare(columns: Columns, definition: Definition, lease: Lease[Run]) -> Prepared:
    lease.phase(gettext_noop("preparing"))
    try:
        return preparing.prepare(columns.ids, columns.values, definition, levels=columns.levels)
    except preparing.UnusableFeatures as error:
        raise CannotSegment(detail=str(error)) from error


def _choose(run: Run, prepared: Prepared, tried: Mapping[int, Tried], lease: Lease[Run]) -> tuple[Choice, Measured]:
    lease.phase(gettext_noop("choosing"))
    candidates = choosing.with_eligibility([one.measured for one in tried.values()], len(prepared.ids))
    with lease.writing():
        for candidate in candidates:
            run.candidates.filter(k=candidate.k).update(is_eligible=candidate.is_eligible)
    choice = choosing.choose(prepared, candidates, seed=run.seed, check=lease.check)
    return choice, next(candidate for candidate in candidates if candidate.k == choice.k)


def _profile(
    run: Run, prepared: Prepared, fit: Fit, chosen: Tried, everything: Columns, lease: Lease[Run]
) -> tuple[Profile, list[Profile]]:
    lease.phase(gettext_noop("profiling"))
    places = chosen.places_of(fit)
    return profiling.profile(
        prepared,
        fit,
        salt=run.seed,
        silhouettes=[chosen.separation.by_group[place] for place in places],
        stabilities=[float(chosen.stability[place]) for place in places],
        categories=[
            profiling.Category(key, everything.values[:, everything.keys.index(key)], levels)
            for key, levels in everything.levels.items()
        ],
    )


def _match(baseline: Run | None, prepared: Prepared, fit: Fit) -> Matching | None:
    """The groups matched with the segments in use; None where there is nothing to match with."""
    if baseline is None or baseline.model is None:
        return None
    names = [spec.name for spec in prepared.specs]
    old, labels = Model.from_json(baseline.model), _names_of(baseline)
    try:
        return matching.match(old, names, prepared, fit, labels=labels)
    except ModelMismatch:
        # Told apart by other features, the groups are other groups: all are born anew.
        return matching.unmatched(old, fit.k, labels=labels)


def _names_of(baseline: Run) -> dict[str, str]:
    return dict(baseline.segmentation.segments.values_list("public_id", "name"))


def _segments(run: Run, matched: Matching | None, profiles: Sequence[Profile]) -> list[Segment]:
    """The segment of each group: one that lives on, or a new one with a name from the data and a free colour."""
    living = {segment.public_id: segment for segment in run.segmentation.segments.all()}
    kept = [living.get(match.keeps or "") for match in matched.groups] if matched else [None] * len(profiles)
    labels = {key: label.label for key, label in feature_labels().items()}
    new = [position for position, segment in enumerate(kept) if segment is None]
    names = suggest_names(
        [profiles[position] for position in new], labels, taken=[segment.name for segment in kept if segment]
    )
    used = {segment.colour for segment in kept if segment}
    segments: list[Segment | None] = list(kept)
    for position, name in zip(new, names, strict=True):
        colour = next((free for free in range(PALETTE) if free not in used), position % PALETTE)
        used.add(colour)
        segments[position] = Segment.objects.create(
            segmentation=run.segmentation, name=name, colour=colour, born_run=run
        )
    return [segment for segment in segments if segment is not None]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What is kept of the customers as they were read: their fingerprint, what drift is measured against, and for each
    group beyond which distance a customer is far, (k,).
    """

    sha256: str
    reference: Mapping[str, Any]
    far: list[float]


def _look_at(columns: Columns, prepared: Prepared, fit: Fit) -> Snapshot:
    return Snapshot(
        sha256=columns.sha256,
        reference=drifting.reference(prepared, fit),
        far=[float(np.percentile(fit.distance[fit.labels == group], FAR_PERCENTILE)) for group in range(fit.k)],
    )


def _model(
    run: Run,
    prepared: Prepared,
    fit: Fit,
    segments: Sequence[Segment],
    snapshot: Snapshot,
    start: warming.Before | None,
    engine: Engine,
) -> Model:
    return Model(
        features=prepared.specs,
        segments=tuple(
            ModelSegment(
                segment_id=segment.public_id,
                centroid=tuple(float(value) for value in fit.centroids[group]),
                n=int(fit.sizes[group]),
                far_distance=snapshot.far[group],
            )
            for group, segment in enumerate(segments)
        ),
        fit={
            "snapshot_sha256": snapshot.sha256,
            "sample": None if len(prepared.ids) <= fitting.SMALL else fitting.SAMPLE_FOR_STARTS,
            "init": "k-means++",
            "from": start.run_id if start else None,
            "seed": run.seed,
            "n_init": fit.n_init,
            "tol": TOLERANCE,
            "iterations": fit.iterations,
            "inertia": fit.inertia,
            "engine": engine.name,
            "versions": {name: version(name) for name in ("scikit-learn", "numpy", "scipy", "pandas")}
            | engine.versions,
            "threads": THREADS,
        },
        categories=prepared.categories,
        reference=snapshot.reference,
    )


def _publish_by_rule(run: Run, warning: str) -> None:
    """Nobody asked for this run: it is used when the segmentation's schedule allows that, and says else why not."""
    finished = Run.objects.select_related("segmentation").get(pk=run.pk)
    timetable = Timetable.from_json(finished.segmentation.schedule or {})
    if timetable.publish is None:
        return
    against = judging.objections(finished, timetable.publish) + ([warning] if warning else [])
    if not against:
        _publish(finished)
        return
    finished.warnings = [
        *finished.warnings,
        _("It was not put into use by itself: {reasons}.").format(reasons="; ".join(against)),
    ]
    finished.save(update_fields=["warnings"])


def _publish(run: Run, ahead: int = 0) -> None:
    """Publish in the transaction that ends the run; `ahead` of its members were told to have joined. What stands in the
    way leaves a draft that says so.
    """
    finished = Run.objects.get(pk=run.pk)
    try:
        with transaction.atomic():
            publishing.publish(finished, by=run.created_by, ahead=ahead)
    except Problem as problem:
        finished.warnings = [
            *finished.warnings,
            gettext_noop("It was not put into use: {detail}").format(detail=problem.detail),
        ]
        finished.save(update_fields=["warnings"])


def _sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}."
