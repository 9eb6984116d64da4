"""Customers and typical customers on two features."""

from collections.abc import Mapping, Sequence
from typing import Any

from segments.charts.drawing import SHAPES, Chart, Series, colour_of, text
from segments.kmeans.shapes import Profile
from segments.kmeans.wording import gettext_noop

# More points than this cannot be told apart on a screen, and each costs the browser time.
MOST_POINTS = 3000
# Radii of typical customers: a triangle in a circle is smaller than the circle.
LARGE = {"circle": 12, "triangle": 17, "rectRot": 15}
# Pixels that marks on the edge may reach out of the plot.
EDGE = 8


def scatter(series: Sequence[Series], x: str, y: str, labels: Mapping[str, str]) -> Chart:
    """Customers on two features, coloured and shaped by segment; large marks are typical customers (centroids)."""
    most = max(1, MOST_POINTS // max(1, len(series)))
    datasets: list[dict[str, Any]] = [_centroids(series, x, y)]
    shown = 0
    for one in series:
        names = [feature.name for feature in one.profile.features]
        across, up = names.index(x), names.index(y)
        points = [
            {"x": point[across], "y": point[up]}
            for point in one.profile.sample[:most]
            if point[across] is not None and point[up] is not None
        ]
        shown += len(points)
        shape, rotation = SHAPES[one.colour % len(SHAPES)]
        datasets.append(
            {
                "label": one.name,
                # A name that somebody gave, which no language changes.
                "named": True,
                "data": points,
                "backgroundColor": colour_of(one.colour, 0.55),
                "borderColor": colour_of(one.colour),
                "borderWidth": 1.5 if shape in ("cross", "crossRot", "star") else 1,
                "pointStyle": shape,
                "rotation": rotation,
                "radius": 4,
                "clip": EDGE,
                "hoverRadius": 6,
                "order": 1,
            }
        )
    customers = sum(one.profile.size for one in series)
    if shown >= customers:
        finding = gettext_noop(
            "Each small mark is one of the customers and each large one the typical customer of a segment."
        )
    else:
        finding = gettext_noop(
            "{shown:,} of {customers:,} customers, drawn at random, as small marks, and the typical customer of each "
            "segment as a large one."
        ).format(shown=shown, customers=customers)
    config = {
        "type": "scatter",
        "data": {"datasets": datasets},
        "options": {
            "scales": {
                "x": {"title": {"display": True, "text": labels.get(x, x)}, "format": "number"},
                "y": {"title": {"display": True, "text": labels.get(y, y)}, "format": "number"},
            }
        },
    }
    return Chart(
        config,
        finding,
        gettext_noop("Scatter plot: {label} across, {other} up, by segment").format(
            label=labels.get(x, x), other=labels.get(y, y)
        ),
        (
            gettext_noop("Segment"),
            gettext_noop("Customers"),
            gettext_noop("Typical {label}").format(label=labels.get(x, x)),
            gettext_noop("Typical {label}").format(label=labels.get(y, y)),
        ),
        tuple(
            (
                one.name,
                f"{one.profile.size:,}",
                text(_typical(one.profile, x)),
                text(_typical(one.profile, y)),
            )
            for one in series
        ),
    )


def _typical(profile: Profile, name: str) -> float | None:
    """The centroid where the feature is part of the model, otherwise the mean."""
    return profile.centroid[name] if name in profile.centroid else profile.feature(name).mean


def _centroids(series: Sequence[Series], x: str, y: str) -> dict[str, Any]:
    shapes = [SHAPES[one.colour % len(SHAPES)] for one in series]
    return {
        "label": gettext_noop("Typical customer"),
        "data": [{"x": _typical(one.profile, x), "y": _typical(one.profile, y)} for one in series],
        "pointBackgroundColor": [colour_of(one.colour) for one in series],
        # Crosses and stars are lines only: they need a border in their own colour.
        "pointBorderColor": [
            colour_of(one.colour) if shape in ("cross", "crossRot", "star") else "var(--surface)"
            for one, (shape, _) in zip(series, shapes, strict=True)
        ],
        "pointBorderWidth": [4 if shape in ("cross", "crossRot", "star") else 3 for shape, _ in shapes],
        "pointStyle": [shape for shape, _ in shapes],
        "rotation": [rotation for _, rotation in shapes],
        "pointRadius": [LARGE.get(shape, 14) for shape, _ in shapes],
        "pointHoverRadius": 18,
        "clip": EDGE,
        "order": 0,
        "inLegend": False,
    }
