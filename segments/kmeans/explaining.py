"""Why a customer is in its segment: exact for K-means."""

from enum import StrEnum

import numpy as np

from segments.kmeans.shapes import FloatMatrix, FloatVector, IntVector

BORDERLINE_BELOW = 0.1
CLOSE_BELOW = 0.3


class FitWord(StrEnum):
    """How firmly a customer belongs to its segment."""

    TYPICAL = "typical"
    CLOSE = "close"
    BORDERLINE = "borderline"


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


def explain(z: FloatMatrix, own: IntVector, runner_up: IntVector, centroids: FloatMatrix) -> FloatMatrix:
    """Each feature's part in why a customer is in its own segment and not in the runner-up.

    z          (n, p) prepared features
    own        (n,)   index of the nearest centroid
    runner_up  (n,)   index of the second nearest
    centroids  (k, p) in the same prepared space

    Returns (n, p): positive speaks for the own segment; each row sums to d2² − d1² exactly (squared distances to
    runner-up and own). Raises ValueError when a row's own and runner-up are the same.
    """
    if np.any(own == runner_up):
        raise ValueError("a customer's runner-up cannot be its own segment")
    gaps: FloatMatrix = (z - centroids[runner_up]) ** 2 - (z - centroids[own]) ** 2
    return gaps
