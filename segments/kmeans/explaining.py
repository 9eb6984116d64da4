"""Why a customer is in its segment, and what would move it to the next: exact for K-means."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from segments.kmeans.model import Model, apply_model, score, unbend
from segments.kmeans.shapes import FeatureSpec, FloatMatrix, FloatVector, IntVector
from segments.kmeans.wording import gettext_noop

BORDERLINE_BELOW = 0.1
CLOSE_BELOW = 0.3
# How far beyond a border a customer is taken, so that rounding does not leave it on the border; the least that does.
STEPS_BEYOND = (1e-12, 1e-10, 1e-8, 1e-6)


class FitWord(StrEnum):
    """How firmly a customer belongs to its segment."""

    TYPICAL = gettext_noop("typical")
    CLOSE = gettext_noop("close")
    BORDERLINE = gettext_noop("borderline")


def margin(distance: FloatVector, runner_up_distance: FloatVector) -> FloatVector:
    """1 − d1/d2 for each row: 0 between two segments, 1 on a centroid. It is no probability."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(runner_up_distance > 0, distance / runner_up_distance, 1.0)
    return 1.0 - ratio


def fit_word(distance: float, runner_up_distance: float | None) -> FitWord:
    """`borderline` below a margin of .1, `close` below .3, otherwise `typical`."""
    if runner_up_distance is None:
        return FitWord.TYPICAL
    apart = 1.0 - distance / runner_up_distance if runner_up_distance > 0 else 0.0
    if apart < BORDERLINE_BELOW:
        return FitWord.BORDERLINE
    return FitWord.CLOSE if apart < CLOSE_BELOW else FitWord.TYPICAL


def explain(
    z: FloatMatrix,
    own: IntVector,
    runner_up: IntVector,
    centroids: FloatMatrix,
    *,
    columns: IntVector | None = None,
) -> FloatMatrix:
    """Each feature's part in why a customer is in its own segment and not in the runner-up.

    z          (n, c) prepared features
    own        (n,)   index of the nearest centroid
    runner_up  (n,)   index of the second nearest
    centroids  (k, c) in the same prepared space
    columns    (c,)   for each column the place of its feature, ascending from 0 (`Model.columns`): the columns of a
                      category are summed into one part; without it, each column is a feature

    Returns (n, p): positive speaks for the own segment; each row sums to d2² − d1² exactly (squared distances to
    runner-up and own). Raises ValueError when a row's own and runner-up are the same.
    """
    if np.any(own == runner_up):
        raise ValueError("a customer's runner-up cannot be its own segment")
    gaps: FloatMatrix = (z - centroids[runner_up]) ** 2 - (z - centroids[own]) ** 2
    if columns is None or not len(columns):
        return gaps
    parts: FloatMatrix = np.add.reduceat(gaps, np.flatnonzero(np.diff(columns, prepend=-1)), axis=1)
    return parts


@dataclass(frozen=True, slots=True)
class Counterfactual:
    """The smallest change of one feature alone that moves a customer to its runner-up, in the feature's own units.

    value    what the feature would have to be
    change   how far that is from what it is, or from what stands in for it where it is missing
    is_seen  whether the snapshot had values as far out as that; where not, it is arithmetic more than advice
    """

    name: str
    value: float
    change: float
    is_seen: bool


def counterfactual(
    model: Model,
    raw_row: Sequence[float] | FloatVector,
    *,
    levels: Mapping[str, Sequence[str]] | None = None,
) -> dict[str, Counterfactual | None]:
    """For each number of the model what it would take, of it alone, to move this customer to its runner-up.

    `raw_row` (p,) has the raw values in the order of `model.names`, NaN where missing; categories as for `score`. None
    where no value of the feature does it: it tells the two apart too little, another segment would come first, or its
    clip or ranks end before. The change to the value that is given moves the customer when the row is scored again.
    """
    row = np.asarray(raw_row, dtype=np.float64)[np.newaxis, :]
    z = apply_model(model, model.names, row, levels=levels)[0]
    now = score(model, model.names, row, levels=levels)
    runner_up = int(now.runner_up[0])
    found: dict[str, Counterfactual | None] = {}
    for column, spec in enumerate(model.features):
        found[spec.name] = None
        for moved in _beyond(_interval(z, model.centroids, runner_up, column)):
            value = _raw_value(spec, float(z[column]) + moved)
            if value is None:
                continue
            changed = row.copy()
            changed[0, column] = value
            if score(model, model.names, changed, levels=levels).nearest[0] == runner_up:
                current = spec.impute if np.isnan(row[0, column]) else float(row[0, column])
                is_seen = spec.seen is None or spec.seen[0] <= value <= spec.seen[1]
                found[spec.name] = Counterfactual(spec.name, value, value - current, is_seen)
                break
    return found


def _interval(z: FloatVector, centroids: FloatMatrix, wanted: int, column: int) -> tuple[float, float]:
    """Between which moves of `z` (c,) along one column the wanted centroid is the nearest; empty when low > high.

    The difference of squared distances to any other centroid is linear in the move t: A + 2 B t ≥ 0.
    """
    low, high = -np.inf, np.inf
    squared = ((centroids - z) ** 2).sum(axis=1)
    for other in range(len(centroids)):
        if other == wanted:
            continue
        lead = float(squared[other] - squared[wanted])
        slope = float(centroids[wanted, column] - centroids[other, column])
        if slope > 0:
            low = max(low, -lead / (2 * slope))
        elif slope < 0:
            high = min(high, -lead / (2 * slope))
        elif lead < 0:
            return np.inf, -np.inf
    return low, high


def _beyond(interval: tuple[float, float]) -> list[float]:
    """Moves just over the near border of the interval, the smallest first."""
    low, high = interval
    is_upward = low >= 0
    border = low if is_upward else high
    if low > high or not np.isfinite(border):
        return []
    steps = [step * max(1.0, abs(border)) for step in STEPS_BEYOND]
    return [border + step if is_upward else border - step for step in steps]


def _raw_value(spec: FeatureSpec, z: float) -> float | None:
    """The value that is prepared as `z`; None where none is."""
    value = unbend(spec.transform, spec.lambda_, z / spec.weight * spec.scale + spec.center, spec.knots)
    if value is None or (spec.clip and not spec.clip[0] <= value <= spec.clip[1]):
        return None
    return value
