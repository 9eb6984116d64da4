"""From profiles and candidates to charts: Chart.js configurations, each with its finding in a sentence and its table.

Colours are names of CSS variables, so that a chart follows the theme; a segment's index gives colour and point shape.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from segments.kmeans.shapes import FeatureProfile, Measured, Profile

# The point shape, and its rotation in degrees, of each colour; the style sheet draws the same.
SHAPES: tuple[tuple[str, int], ...] = (
    ("circle", 0),
    ("triangle", 0),
    ("rect", 0),
    ("rectRot", 0),
    ("triangle", 180),
    ("cross", 0),
    ("star", 0),
    ("rectRounded", 0),
    ("triangle", 90),
    ("crossRot", 0),
)
# More points than this cannot be told apart on a screen, and each costs the browser time.
MOST_POINTS = 3000


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart for every kind of reader.

    config   what Chart.js draws, data only
    finding  what it shows, in one sentence
    label    what kind of picture it is, for those who cannot see it
    head, rows   the same as a table of text
    """

    config: dict[str, Any]
    finding: str
    label: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Series:
    """A segment as charts draw it."""

    name: str
    colour: int
    profile: Profile


def colour_of(index: int, alpha: float | None = None) -> str:
    """The colour of a segment's index as the theme has it, if wanted translucent."""
    name = f"var(--segment-{index % len(SHAPES)})"
    return name if alpha is None else f"{name}/{alpha}"


def _text(value: float | None) -> str:
    return "–" if value is None else f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.0f}"


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
        (f"{one.k} (chosen)" if mine else str(one.k), _text(value))
        for one, value, mine in zip(candidates, values, is_chosen, strict=True)
    )
    return Chart(config, finding, f"Line: {title.lower()} for each number of segments", ("Segments", title), rows)


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
                "data": points,
                "backgroundColor": colour_of(one.colour, 0.55),
                "borderColor": colour_of(one.colour),
                "borderWidth": 1.5 if shape in ("cross", "crossRot", "star") else 1,
                "pointStyle": shape,
                "rotation": rotation,
                "radius": 4,
                "hoverRadius": 6,
                "order": 1,
            }
        )
    customers = sum(one.profile.size for one in series)
    which = "customers" if shown >= customers else f"{shown:,} of {customers:,} customers, drawn at random,"
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
        f"Each small mark is one of the {which} and each large one the typical customer of a segment."
        if shown >= customers
        else f"{which} as small marks, and the typical customer of each segment as a large one.",
        f"Scatter plot: {labels.get(x, x)} across, {labels.get(y, y)} up, by segment",
        ("Segment", "Customers", f"Typical {labels.get(x, x)}", f"Typical {labels.get(y, y)}"),
        tuple(
            (
                one.name,
                f"{one.profile.size:,}",
                _text(_typical(one.profile, x)),
                _text(_typical(one.profile, y)),
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
        "label": "Typical customer",
        "data": [{"x": _typical(one.profile, x), "y": _typical(one.profile, y)} for one in series],
        "pointBackgroundColor": [colour_of(one.colour) for one in series],
        # Crosses and stars are lines only: they need a border in their own colour.
        "pointBorderColor": [
            colour_of(one.colour) if shape in ("cross", "crossRot", "star") else "var(--surface)"
            for one, (shape, _) in zip(series, shapes, strict=True)
        ],
        "pointBorderWidth": [4 if shape in ("cross", "crossRot", "star") else 2.5 for shape, _ in shapes],
        "pointStyle": [shape for shape, _ in shapes],
        "rotation": [rotation for _, rotation in shapes],
        "pointRadius": 12,
        "pointHoverRadius": 14,
        "order": 0,
        "inLegend": False,
    }


def boxes(series: Sequence[Series], everybody: Profile, name: str, labels: Mapping[str, str]) -> Chart:
    """One feature over the segments: the middle half as a box, the median in it, lowest to highest as whiskers."""
    label = labels.get(name, name)
    rows = [(one, one.profile.feature(name)) for one in series]
    known = [(one, feature) for one, feature in rows if feature.median is not None]
    config = {
        "type": "bar",
        "data": {
            "labels": [one.name for one, _ in known],
            "datasets": [
                {
                    "label": label,
                    "data": [[feature.q1, feature.q3] for _, feature in known],
                    "boxes": [
                        {"median": feature.median, "low": feature.minimum, "high": feature.maximum}
                        for _, feature in known
                    ],
                    "backgroundColor": [colour_of(one.colour, 0.35) for one, _ in known],
                    "borderColor": [colour_of(one.colour) for one, _ in known],
                    "borderWidth": 1.5,
                    "borderSkipped": False,
                    "maxBarThickness": 26,
                }
            ],
        },
        "options": {
            "indexAxis": "y",
            "plugins": {"legend": {"display": False}},
            "scales": {
                "x": {
                    "format": "number",
                    "suggestedMin": everybody.feature(name).minimum,
                    "suggestedMax": everybody.feature(name).maximum,
                    "title": {"display": True, "text": label},
                },
                "y": {"grid": {"display": False}},
            },
        },
    }
    if known:
        high = max(known, key=lambda row: row[1].median or 0.0)
        low = min(known, key=lambda row: row[1].median or 0.0)
        finding = (
            f"{label}: highest in {high[0].name} (half of them above {_text(high[1].median)}), "
            f"lowest in {low[0].name} (half of them below {_text(low[1].median)})."
        )
    else:
        finding = f"{label} is not known of anybody."
    return Chart(
        config,
        finding,
        f"Box plot: {label} in each segment",
        ("Segment", "Lowest", "First quarter", "Median", "Third quarter", "Highest"),
        tuple(
            (
                one.name,
                *(_text(value) for value in (feature.minimum, feature.q1, feature.median, feature.q3, feature.maximum)),
            )
            for one, feature in rows
        ),
    )


def quality(series: Sequence[Series]) -> Chart | None:
    """Separation and stability of each segment; None when neither was measured."""
    measured = [one for one in series if one.profile.silhouette is not None or one.profile.stability is not None]
    if not measured:
        return None
    datasets: list[dict[str, Any]] = []
    if any(one.profile.silhouette is not None for one in measured):
        datasets.append(
            {
                "label": "Separation",
                "data": [one.profile.silhouette for one in measured],
                "backgroundColor": [colour_of(one.colour) for one in measured],
                "borderRadius": 4,
                "maxBarThickness": 18,
            }
        )
    if any(one.profile.stability is not None for one in measured):
        datasets.append(
            {
                "label": "Stability",
                "data": [one.profile.stability for one in measured],
                "backgroundColor": [colour_of(one.colour, 0.2) for one in measured],
                "borderColor": [colour_of(one.colour) for one in measured],
                "borderWidth": 1.5,
                "borderRadius": 4,
                "maxBarThickness": 18,
            }
        )
    config = {
        "type": "bar",
        "data": {"labels": [one.name for one in measured], "datasets": datasets},
        "options": {
            "indexAxis": "y",
            "plugins": {"legend": {"display": False}},
            "scales": {
                "x": {"suggestedMin": 0, "max": 1, "format": "number"},
                "y": {"grid": {"display": False}},
            },
        },
    }
    return Chart(
        config,
        _quality_finding(measured),
        "Bars: separation and stability of each segment",
        ("Segment", "Separation", "Stability"),
        tuple((one.name, _text(one.profile.silhouette), _text(one.profile.stability)) for one in measured),
    )


def _quality_finding(measured: Sequence[Series]) -> str:
    separated = [(one.profile.silhouette, one.name) for one in measured if one.profile.silhouette is not None]
    stable = [(one.profile.stability, one.name) for one in measured if one.profile.stability is not None]
    words = []
    if separated:
        words.append(f"{max(separated)[1]} stands apart most clearly and {min(separated)[1]} least")
    if stable:
        words.append(f"{min(stable)[1]} is the least stable ({min(stable)[0]:.2f})")
    return f"{'; '.join(words)}. Filled bars are separation, outlined ones stability."


def profile_bars(one: Series, everybody: Profile, labels: Mapping[str, str]) -> Chart:
    """A segment's means against everybody's, in everybody's standard deviations, the largest difference first."""
    features = sorted(one.profile.features, key=lambda feature: -abs(feature.z))
    config = {
        "type": "bar",
        "data": {
            "labels": [labels.get(feature.name, feature.name) for feature in features],
            "datasets": [
                {
                    "label": "Against the average of everybody",
                    "data": [round(feature.z, 4) for feature in features],
                    "backgroundColor": ["var(--above)" if feature.z >= 0 else "var(--below)" for feature in features],
                    "borderRadius": 4,
                    "maxBarThickness": 24,
                }
            ],
        },
        "options": {
            "indexAxis": "y",
            "plugins": {"legend": {"display": False}},
            "scales": {
                "x": {
                    "format": "signed",
                    "suggestedMin": -2,
                    "suggestedMax": 2,
                    "title": {"display": True, "text": "standard deviations from the average"},
                },
                "y": {"grid": {"display": False}},
            },
        },
    }
    return Chart(
        config,
        _bars_finding(features, everybody, labels),
        f"Bars: how far {one.name} lies above or below the average of everybody",
        ("Feature", "Segment", "Everybody", "Standard deviations"),
        tuple(
            (
                labels.get(feature.name, feature.name),
                _text(feature.mean),
                _text(everybody.feature(feature.name).mean),
                f"{feature.z:+.2f}",
            )
            for feature in features
        ),
    )


def _bars_finding(features: Sequence[FeatureProfile], everybody: Profile, labels: Mapping[str, str]) -> str:
    strongest = features[0]
    if abs(strongest.z) < 0.5:
        return "These customers are close to the average in everything that was looked at."
    return (
        f"What stands out most is {labels.get(strongest.name, strongest.name).lower()}: "
        f"{_text(strongest.mean)} on average, against {_text(everybody.feature(strongest.name).mean)} for everybody."
    )
