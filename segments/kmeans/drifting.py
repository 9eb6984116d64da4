"""How far customers have moved from those that a model was fitted on."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

import numpy as np

from segments.kmeans.model import Model, score
from segments.kmeans.shapes import Fit, FloatVector, IntVector, Prepared

# Thresholds that credit scoring has long used (Siddiqi 2006).
WATCH_FROM = 0.10
ACT_FROM = 0.25
# A bin that is empty on one side counts as if half a customer in a thousand were there: PSI is infinite otherwise.
LEAST_SHARE = 0.0005
DECILES = np.arange(10, 100, 10)


class DriftWord(StrEnum):
    """What to do about drift."""

    STABLE = "stable"
    WATCH = "watch"
    ACT = "act"


@dataclass(frozen=True, slots=True)
class Moved:
    """How far one feature, or the mix of segments, is from where it was.

    `by_chance` is the PSI that so few customers reach now and then without any drift (95th percentile, Yurdakul 2018).
    """

    psi: float
    by_chance: float
    word: DriftWord


@dataclass(frozen=True, slots=True)
class Drift:
    """A snapshot against the model's own.

    word            the worst of the features' and the mix's
    far_share       of the customers lie beyond their segment's far distance; 1 % did by construction
    distance_ratio  mean distance to the own centroid against that of the training; None for models stored before
    features, mix   population stability index; without those that the model kept no reference of
    """

    word: DriftWord
    features: Mapping[str, Moved]
    mix: Moved | None
    far_share: float
    distance_ratio: float | None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def reference(prepared: Prepared, fit: Fit) -> dict[str, Any]:
    """What a model keeps of its snapshot to recognize drift (the `reference` of its JSON).

    psi_bins        for each number its deciles (without repetitions) and the shares of customers between them, the last
                    share being of those without a value; for each category the levels and their shares, likewise
    segment_shares  in the order of the fit          mean_distance   to the own centroid
    customers       how many there were
    """
    bins: dict[str, Any] = {}
    for column, spec in enumerate(prepared.specs):
        values = prepared.raw[:, column]
        edges = np.unique(np.percentile(values[~np.isnan(values)], DECILES))
        bins[spec.name] = {"edges": edges.tolist(), "shares": _shares(_counts(values, edges))}
    for place, category in enumerate(prepared.categories):
        codes = np.zeros(0) if prepared.codes is None else prepared.codes[:, place]
        levels = [*category.levels, *category.rare]
        counts = _level_counts(codes, prepared.levels[place], levels)
        bins[category.name] = {"levels": levels, "shares": _shares(counts)}
    return {
        "psi_bins": bins,
        "segment_shares": _shares(fit.sizes),
        "mean_distance": float(fit.distance.mean()),
        "customers": len(prepared.ids),
    }


def drift(
    model: Model, names: Sequence[str], raw: FloatVector, *, levels: Mapping[str, Sequence[str]] | None = None
) -> Drift:
    """How far rows (n, p), given as to `score`, are from those that the model was fitted on.

    Give `levels` for categories: their rare levels can be told apart by name only.
    Raises ValueError without rows, ModelMismatch when `names` are not the model's.
    """
    if not len(raw):
        raise ValueError("without customers nothing can be said of them")
    scores = score(model, names, raw, levels=levels)
    known = model.reference
    customers = known.get("customers")
    bins = known.get("psi_bins", {})
    features = {
        name: _moved(bins[name]["shares"], _now(bins[name], raw[:, column], (levels or {}).get(name)), customers)
        for column, name in enumerate(names)
        if name in bins
    }
    mix = None
    if "segment_shares" in known:
        mix = _moved(known["segment_shares"], np.bincount(scores.nearest, minlength=model.k), customers)
    far = np.array([segment.far_distance for segment in model.segments])[scores.nearest]
    mean_before = known.get("mean_distance")
    words = [moved.word for moved in (*features.values(), *([mix] if mix else []))]
    return Drift(
        word=max(words, key=list(DriftWord).index, default=DriftWord.STABLE),
        features=features,
        mix=mix,
        far_share=float((scores.distance > far).mean()),
        distance_ratio=float(scores.distance.mean() / mean_before) if mean_before else None,
    )


def psi(before: Sequence[float] | FloatVector, now: Sequence[float] | FloatVector) -> float:
    """Population stability index of two distributions over the same bins: Σ (now − before) · ln(now / before)."""
    one, other = (np.maximum(np.asarray(shares, dtype=np.float64), LEAST_SHARE) for shares in (before, now))
    return float(((other - one) * np.log(other / one)).sum())


def word_for(index: float) -> DriftWord:
    """`stable` below .1, `act` from .25 on, `watch` between."""
    if index >= ACT_FROM:
        return DriftWord.ACT
    return DriftWord.WATCH if index >= WATCH_FROM else DriftWord.STABLE


def _moved(before: Sequence[float], counts: IntVector, customers: int | None) -> Moved:
    index = psi(before, _shares(counts))
    # Bins that were empty and are have no part in it.
    bins = sum(1 for share, count in zip(before, counts.tolist(), strict=True) if share or count)
    chance = _chi_squared_95(bins - 1) * (1 / max(int(counts.sum()), 1) + (1 / customers if customers else 0.0))
    return Moved(psi=index, by_chance=chance, word=word_for(index))


def _chi_squared_95(freedom: int) -> float:
    """The 95th percentile of χ² (Wilson and Hilferty 1931, within 3 %): scipy is too heavy for who only reads."""
    if freedom < 1:
        return 0.0
    part = 2 / (9 * freedom)
    return float(freedom * (1 - part + 1.6449 * np.sqrt(part)) ** 3)


def _now(bins: Mapping[str, Any], values: FloatVector, levels: Sequence[str] | None) -> IntVector:
    if "edges" in bins:
        return _counts(values, np.array(bins["edges"]))
    return _level_counts(values, bins["levels"] if levels is None else levels, bins["levels"])


def _counts(values: FloatVector, edges: FloatVector) -> IntVector:
    """How many values lie up to each edge, above the last, and are missing: len(edges) + 2 counts."""
    present = values[~np.isnan(values)]
    counts = np.bincount(np.searchsorted(edges, present, side="left"), minlength=len(edges) + 1)
    return np.append(counts, len(values) - len(present))


def _level_counts(codes: FloatVector, levels: Sequence[str], known: Sequence[str]) -> IntVector:
    """How many customers have each known level, and how many another or none: len(known) + 1 counts."""
    place = {level: at for at, level in enumerate(known)}
    places = np.array([*(place.get(level, len(known)) for level in levels), len(known)])
    return np.bincount(places[np.where(np.isnan(codes), -1, codes).astype(np.int64)], minlength=len(known) + 1)


def _shares(counts: IntVector) -> list[float]:
    return [float(count / counts.sum()) for count in counts]
