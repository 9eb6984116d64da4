"""The numbers of segments that a run tried, by their measures."""

from collections.abc import Sequence

from segments.charts.drawing import Chart, text
from segments.kmeans.shapes import Measured


def elbow(candidates: Sequence[Measured], chosen: int | None = None) -> Chart:
    """Spread inside segments (inertia) over the number of segments."""
    candidates = sorted(candidates, key=lambda one: one.k)
    return _over_k(
        candidates,
        [one.inertia for one in candidates],
        chosen,
        title="Spread inside segments",
        finding=_elbow_finding(candidates, chosen),
    )


def _elbow_finding(candidates: Sequence[Measured], chosen: int | None) -> str:
    spread = {one.k: one.inertia for one in candidates}
    at = chosen if chosen in spread else max(spread)
    words = []
    for before, after in ((at - 1, at), (at, at + 1)):
        if before in spread and after in spread and spread[before] > 0:
            words.append(f"from {before} to {after} segments it shrinks by {1 - spread[after] / spread[before]:.0%}")
    if not words:
        return "The spread inside segments for each number of segments tried so far."
    return f"More segments always lie closer together: {', '.join(words)}."


def separation(candidates: Sequence[Measured], chosen: int | None = None) -> Chart:
    """Separation (average silhouette) over the number of segments."""
    candidates = sorted((one for one in candidates if one.silhouette is not None), key=lambda one: one.k)
    values = [one.silhouette or 0.0 for one in candidates]
    if candidates:
        best = max(candidates, key=lambda one: one.silhouette or -1.0)
        finding = f"Segments are set apart best when there are {best.k} of them: {best.silhouette:.2f} of at most 1."
    else:
        finding = "Separation was not measured."
    return _over_k(candidates, values, chosen, title="Separation", finding=finding)


def _over_k(
    candidates: Sequence[Measured], values: Sequence[float], chosen: int | None, *, title: str, finding: str
) -> Chart:
    is_chosen = [one.k == chosen for one in candidates]
    config = {
        "type": "line",
        "data": {
            "labels": [one.k for one in candidates],
            "datasets": [
                {
                    "label": title,
                    "data": list(values),
                    "borderColor": "var(--accent)",
                    "backgroundColor": "var(--accent)",
                    "borderWidth": 2,
                    "pointRadius": [8 if mine else 4 for mine in is_chosen],
                    "pointHoverRadius": 9,
                    "pointBackgroundColor": ["var(--accent)" if mine else "var(--surface)" for mine in is_chosen],
                    "pointBorderWidth": 2,
                    "tension": 0.15,
                }
            ],
        },
        "options": {
            "interaction": {"mode": "index", "intersect": False},
            "plugins": {"legend": {"display": False}},
            "scales": {
                "x": {"title": {"display": True, "text": "Number of segments"}, "grid": {"display": False}},
                "y": {"beginAtZero": True, "format": "number"},
            },
        },
    }
    rows = tuple(
        (f"{one.k} (chosen)" if mine else str(one.k), text(value))
        for one, value, mine in zip(candidates, values, is_chosen, strict=True)
    )
    return Chart(config, finding, f"Line: {title.lower()} for each number of segments", ("Segments", title), rows)
