"""Where the published model would put rows that nobody saves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np

from segments.kmeans.explaining import FitWord, fit_word
from segments.kmeans.model import Model, outside, score
from segments.models import Run, Segment


@dataclass(frozen=True, slots=True)
class Scored:
    """One row: its segment and the second nearest, with the distances; what of it lies beyond what the model knew.

    is_far      farther from its segment than 99 of 100 customers that the model was fitted on
    """

    segment: Segment
    distance: float
    runner_up: Segment
    runner_up_distance: float
    fit: FitWord
    is_far: bool
    out_of_range: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Why a row was not scored: the feature, a code and a sentence each."""

    reasons: tuple[tuple[str, str, str], ...]


def score_rows(run: Run, rows: Sequence[Mapping[str, Any]]) -> list[Scored | Unreadable]:
    """Each row, feature to value, as the model of this run sees it; a value that is missing or None is filled in.

    Yes is 1 and no is 0; a category is a text.
    """
    model = Model.from_json(run.model or {})
    texts = [spec.name for spec in model.categories]
    reasons = [_wrong(row, model.names, texts) for row in rows]
    good = [place for place, wrong in enumerate(reasons) if not wrong]
    found: dict[int, Scored] = {}
    if good:
        levels = {name: sorted({rows[place][name] for place in good if rows[place].get(name)}) for name in texts}
        raw = np.array([[_number(rows[place].get(name), levels.get(name)) for name in model.names] for place in good])
        scores = score(model, model.names, raw, levels=levels)
        beyond = outside(model, model.names, raw, levels=levels)
        segments = {one.public_id: one for one in Segment.objects.filter(segmentation=run.segmentation_id)}
        for at, place in enumerate(good):
            own = model.segments[int(scores.nearest[at])]
            other = model.segments[int(scores.runner_up[at])]
            distance, further = float(scores.distance[at]), float(scores.runner_up_distance[at])
            found[place] = Scored(
                segment=segments[own.segment_id],
                distance=distance,
                runner_up=segments[other.segment_id],
                runner_up_distance=further,
                fit=fit_word(distance, further),
                is_far=distance > own.far_distance,
                out_of_range=tuple(name for name, is_out in zip(model.names, beyond[at], strict=True) if is_out),
            )
    return [found[place] if place in found else Unreadable(tuple(reasons[place])) for place in range(len(rows))]


def _wrong(row: Mapping[str, Any], names: Sequence[str], texts: Sequence[str]) -> list[tuple[str, str, str]]:
    wrong = [
        (name, "unknown_feature", f"The model does not look at {name!r}. It looks at: {', '.join(names)}.")
        for name in row
        if name not in names
    ]
    for name in names:
        value = row.get(name)
        if name in texts:
            if not isinstance(value, str | None):
                wrong.append((name, "not_a_text", "Give a text or null."))
        elif value is not None and not (isinstance(value, int | float) and abs(value) < 1e300 and isfinite(value)):
            wrong.append((name, "not_a_number", "Give a number, true, false or null."))
    return wrong


def _number(value: float | str | None, levels: Sequence[str] | None) -> float:
    if value is None or value == "":
        return np.nan
    return float(value) if levels is None else float(levels.index(str(value)))
