"""Choosing the number of segments, honestly.

Several measures, one rule, and the word "none" where the data has no groups.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from segments.kmeans.engines import Check
from segments.kmeans.engines.local import limited
from segments.kmeans.measuring import VALID_STABILITY, silhouettes
from segments.kmeans.model import nearest_two
from segments.kmeans.shapes import Choice, FloatMatrix, Measured, Prepared, Verdict
from segments.kmeans.sidebyside import SideBySide
from segments.kmeans.wording import gettext_noop

SMALLEST_SHARE = 0.02
SMALLEST_SIZE = 30
SMALLEST_SIZE_SHARE = 0.05
CLEAR = 0.50
OVERLAPPING = 0.25
NULL_SETS_OF_EACH_KIND = 20
SAMPLE_FOR_NULL = 1_500
FEWEST_NULL_SETS = 6
STARTS_PER_NULL, PASSES_PER_START = 12, 8
FAR_ABOVE = 0.02
DEVIATIONS_WITHIN_REACH = 5


def with_eligibility(candidates: Sequence[Measured], customers: int) -> list[Measured]:
    """Each candidate with whether it may be recommended: stable enough, and no segment too small to act upon."""
    least = min(SMALLEST_SIZE, SMALLEST_SIZE_SHARE * customers)
    return [
        replace(
            candidate,
            is_eligible=(
                (candidate.stability or 0.0) >= VALID_STABILITY
                and candidate.smallest_share >= SMALLEST_SHARE
                and candidate.smallest_size >= least
            ),
        )
        for candidate in candidates
    ]


def recommend(candidates: Sequence[Measured]) -> tuple[Measured, str]:
    """The candidate to use and why: the highest silhouette among the eligible, else the least bad, said as such.

    The elbow is drawn on the page and never decides (Schubert 2023).
    """
    eligible = [candidate for candidate in candidates if candidate.is_eligible]
    if len(candidates) == 1:
        only = candidates[0]
        return only, gettext_noop("{k} segments, as you chose. {figures}").format(k=only.k, figures=_figures(only))
    if eligible:
        best = max(eligible, key=lambda candidate: (candidate.silhouette or -1.0, -candidate.k))
        rivals = [candidate for candidate in candidates if candidate is not best]
        higher = [rival.k for rival in rivals if (rival.silhouette or -1) > (best.silhouette or -1)]
        why = gettext_noop(
            "{k} segments are best separated among the numbers whose segments are stable and large enough."
        ).format(k=best.k)
        if higher:
            aside = gettext_noop(
                "Higher separation at {higher} was set aside: those segments are unstable or too small."
            ).format(higher=", ".join(str(number) for number in higher))
            why = f"{why} {aside}"
        return best, f"{why} {_figures(best)}"
    best = max(candidates, key=lambda candidate: (candidate.stability or 0.0, candidate.silhouette or -1.0))
    return best, (
        gettext_noop(
            "No number of segments is both stable under resampling and without tiny segments. {k} is the least bad. "
            "{figures}"
        ).format(k=best.k, figures=_figures(best))
    )


def _figures(candidate: Measured) -> str:
    if candidate.silhouette is None:
        template = gettext_noop("Smallest segment {share:.0%}.")
    elif candidate.stability is None:
        template = gettext_noop("Separation {separation:.2f}, smallest segment {share:.0%}.")
    else:
        template = gettext_noop("Separation {separation:.2f}, stability {stability:.2f}, smallest segment {share:.0%}.")
    return template.format(
        separation=candidate.silhouette, stability=candidate.stability, share=candidate.smallest_share
    )


def choose(prepared: Prepared, candidates: Sequence[Measured], *, seed: int, check: Check) -> Choice:
    """The recommended k with its verdict; the candidates carry their eligibility."""
    best, reason = recommend(candidates)
    observed = -1.0 if best.silhouette is None else best.silhouette
    reached = null_silhouette(prepared, best.k, observed, seed=seed, check=check)
    if observed <= reached:
        return Choice(
            k=best.k,
            verdict=Verdict.NO_CLEAR_GROUPS,
            reason=gettext_noop(
                "No clear groups: data of the same spread without any groups can separate just as well "
                "(up to {reached:.2f}, here {observed:.2f}). These segments are a convenient grid, not natural groups. "
                "{reason}"
            ).format(reached=reached, observed=observed, reason=reason),
            null_silhouette=reached,
        )
    return Choice(k=best.k, verdict=_verdict(observed), reason=reason, null_silhouette=reached)


def _verdict(silhouette: float) -> Verdict:
    if silhouette >= CLEAR:
        return Verdict.CLEAR
    return Verdict.OVERLAPPING if silhouette >= OVERLAPPING else Verdict.WEAK


def null_silhouette(prepared: Prepared, k: int, observed: float, *, seed: int, check: Check) -> float:
    """The silhouette that data of the same spread without groups may well reach at k.

    The larger of what uniform boxes and Gaussians of the same covariance suggest, each kind by its maximum or its
    mean plus five standard deviations, on at most 1,500 rows. After the reference distributions of the gap statistic
    (Tibshirani, Walther and Hastie 2001). The maximum alone called one uniform noise in seven groups, because k was
    picked for its silhouette; this called none of 360.

    Twenty sets of each kind, or six when these leave no doubt: one reached what was observed, which more sets cannot
    take back, or what they suggest stays .02 below it, about four standard deviations more.
    """
    z = prepared.z[prepared.sample(SAMPLE_FOR_NULL, seed)]
    random = np.random.default_rng([seed, k])
    low, high = z.min(axis=0), z.max(axis=0)
    mean, covariance = z.mean(axis=0), np.atleast_2d(np.cov(z, rowvar=False))
    boxes: list[float] = []
    bells: list[float] = []
    reached = -1.0
    for number in range(1, NULL_SETS_OF_EACH_KIND + 1):
        check()
        boxes.append(_silhouette_of_fit(random.uniform(low, high, size=z.shape), k, random))
        bell = random.multivariate_normal(mean, covariance, size=len(z), method="eigh")
        bells.append(_silhouette_of_fit(bell, k, random))
        reached = max(_within_reach(boxes), _within_reach(bells))
        if number >= FEWEST_NULL_SETS and (max(*boxes, *bells) >= observed or reached < observed - FAR_ABOVE):
            break
    return reached


def _within_reach(values: Sequence[float]) -> float:
    return max(float(np.mean(values) + DEVIATIONS_WITHIN_REACH * np.std(values)), *values)


def _silhouette_of_fit(z: FloatMatrix, k: int, random: np.random.Generator) -> float:
    with limited():
        labels = nearest_two(z, SideBySide(z).best(k, random, starts=STARTS_PER_NULL, passes=PASSES_PER_START)).nearest
    return float(silhouettes(z, labels).mean()) if len(np.unique(labels)) > 1 else -1.0
