"""Runs that nobody asked for go on from the segments in use: chance does not deal customers anew overnight."""

from dataclasses import dataclass

from django.utils.translation import gettext as _

from segments.browsing import words
from segments.kmeans import fitting, matching
from segments.kmeans.engines import Engine
from segments.kmeans.model import Model, ModelMismatch
from segments.kmeans.shapes import Outline, Prepared
from segments.models import Run

# A start from nowhere that is better by more than this is told of.
MUCH_BETTER = 0.01


@dataclass(frozen=True, slots=True)
class Before:
    """The model that a fit goes on from, and the run that found it."""

    run_id: str
    model: Model


def before(run: Run | None) -> Before | None:
    """The model of a run; None without one."""
    return Before(run.public_id, Model.from_json(run.model)) if run is not None and run.model else None


def gone_on(start: Before | None, prepared: Prepared, cold: Outline, *, engine: Engine) -> tuple[Outline, str]:
    """The fit that goes on from the segments of before, and a sentence where one from nowhere is much better.

    The cold fit itself where there is nothing to go on from: no model, other features, or another number of segments.
    """
    if start is None or start.model.k != cold.k:
        return cold, ""
    names = [spec.name for spec in prepared.specs]
    try:
        centres = matching.goes_on_from(start.model, names, prepared)
    except ModelMismatch:
        return cold, ""
    warm = fitting.go_on(prepared, centres, engine=engine)
    if warm.inertia <= cold.inertia:
        return warm, ""
    better = 1 - cold.inertia / warm.inertia
    if better <= MUCH_BETTER:
        return warm, ""
    return warm, _("a run that starts afresh finds segments that are {share} tighter").format(
        share=words.percent(better)
    )
