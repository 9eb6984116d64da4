"""What segments look like: per segment and feature the figures that people read, and a sample of points to draw."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from segments.kmeans.sampling import hashed_order
from segments.kmeans.shapes import FeatureProfile, Fit, FloatMatrix, FloatVector, IntVector, Prepared, Profile

BINS = 20
POINTS = 1_500
FEWEST_POINTS_OF_A_SEGMENT = 30
TYPICAL_CUSTOMERS = 5
FIGURES = ("count", "mean", "sd", "minimum", "q1", "median", "q3", "maximum")


def profile(
    prepared: Prepared,
    fit: Fit,
    *,
    salt: int,
    silhouettes: Sequence[float | None],
    stabilities: Sequence[float | None],
) -> tuple[Profile, list[Profile]]:
    """The profile of everybody, and that of each group in the order of the fit.

    Figures are of the values as they were read, in their own units; missing ones are counted and left out. Standard
    deviations divide by n.
    """
    names = [spec.name for spec in prepared.specs]
    edges = [_edges(prepared.raw[:, column]) for column in range(len(names))]
    table = pd.DataFrame(prepared.raw, columns=names)
    everybody = _figures(table, np.zeros(len(table), dtype=np.int64))[0]
    by_group = _figures(table, fit.labels)
    eta = [_eta_squared(everybody[name], [group[name] for group in by_group]) for name in names]
    filled = np.where(np.isnan(prepared.raw), [spec.impute for spec in prepared.specs], prepared.raw)
    order = hashed_order(prepared.ids, salt)

    def features(rows: IntVector, figures: dict[str, dict[str, float]]) -> tuple[FeatureProfile, ...]:
        return tuple(
            _feature(name, figures[name], everybody[name], prepared.raw[rows, column], edges[column], eta[column])
            for column, name in enumerate(names)
        )

    whole = Profile(
        size=len(prepared.ids),
        share=1.0,
        features=features(np.arange(len(prepared.ids)), everybody),
        centroid=_means(names, filled),
    )
    profiles = []
    for group in range(fit.k):
        rows = np.flatnonzero(fit.labels == group)
        profiles.append(
            Profile(
                size=len(rows),
                share=len(rows) / len(prepared.ids),
                features=features(rows, by_group[group]),
                centroid=_means(names, filled[rows]),
                sample=_sample(filled, rows, order, len(prepared.ids)),
                typical=_typical(prepared.ids, fit.distance, rows),
                silhouette=silhouettes[group],
                stability=stabilities[group],
            )
        )
    return whole, profiles


def _figures(table: pd.DataFrame, labels: IntVector) -> list[dict[str, dict[str, float]]]:
    """For each group: feature → figure → value (NaN where a group has no value of the feature)."""
    grouped = table.groupby(labels, sort=True)
    frames: dict[str, pd.DataFrame] = {
        "count": grouped.count(),
        "mean": grouped.mean(),
        "sd": grouped.std(ddof=0),
        "minimum": grouped.min(),
        "q1": grouped.quantile(0.25),
        "median": grouped.median(),
        "q3": grouped.quantile(0.75),
        "maximum": grouped.max(),
    }
    return [
        {
            str(name): {figure: float(frames[figure][name].to_numpy()[group]) for figure in FIGURES}
            for name in table.columns
        }
        for group in range(len(frames["count"]))
    ]


def _eta_squared(everybody: dict[str, float], groups: Sequence[dict[str, float]]) -> float:
    """The part of a feature's variance that lies between groups, 0 to 1 (η², Pearson 1905)."""
    total = everybody["sd"] ** 2 * everybody["count"]
    between = sum(
        group["count"] * (group["mean"] - everybody["mean"]) ** 2 for group in groups if group["count"] and total
    )
    return float(between / total) if total else 0.0


def _feature(
    name: str,
    figures: dict[str, float],
    everybody: dict[str, float],
    values: FloatVector,
    edges: FloatVector,
    eta_squared: float,
) -> FeatureProfile:
    z = (figures["mean"] - everybody["mean"]) / everybody["sd"] if everybody["sd"] else 0.0
    present = values[~np.isnan(values)]
    # What lies beyond the outer edges is counted in the outer bins.
    bins = np.histogram(np.clip(present, edges[0], edges[-1]), bins=edges)[0]
    return FeatureProfile(
        name=name,
        count=len(present),
        missing=len(values) - len(present),
        **{figure: _or_none(figures[figure]) for figure in FIGURES if figure != "count"},
        z=0.0 if np.isnan(z) else float(z),
        eta_squared=eta_squared,
        bins=tuple(int(count) for count in bins),
        edges=tuple(float(edge) for edge in edges),
    )


def _or_none(value: float) -> float | None:
    return None if np.isnan(value) else value


def _edges(values: FloatVector) -> FloatVector:
    """Edges of equal bins between the outer half percents, so that one odd value does not flatten the picture."""
    present = values[~np.isnan(values)]
    low, high = np.percentile(present, [0.5, 99.5]) if len(present) > 200 else (present.min(), present.max())
    if low == high:
        low, high = low - 0.5, high + 0.5
    return np.linspace(low, high, BINS + 1)


def _means(names: Sequence[str], values: FloatMatrix) -> dict[str, float]:
    return {name: float(mean) for name, mean in zip(names, values.mean(axis=0), strict=True)}


def _sample(filled: FloatMatrix, rows: IntVector, order: np.ndarray, customers: int) -> tuple[tuple[float, ...], ...]:
    """A group's part of the points to draw: those whose ids hash lowest, everybody where there are few."""
    wanted = max(FEWEST_POINTS_OF_A_SEGMENT, round(POINTS * len(rows) / customers))
    chosen = rows[np.argsort(order[rows], kind="stable")[:wanted]]
    return tuple(tuple(float(value) for value in point) for point in filled[chosen])


def _typical(ids: IntVector, distance: FloatVector, rows: IntVector) -> tuple[int, ...]:
    nearest = rows[np.lexsort((ids[rows], distance[rows]))[:TYPICAL_CUSTOMERS]]
    return tuple(int(customer) for customer in ids[nearest])
