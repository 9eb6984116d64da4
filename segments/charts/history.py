"""How the size of a segment went from one published run to the next."""

from collections.abc import Sequence
from dataclasses import dataclass

from segments.charts.drawing import Chart, colour_of


@dataclass(frozen=True, slots=True)
class Point:
    """A segment in one run: when that was published, its size, who joined and left since the run before (or None)."""

    when: str
    size: int
    joined: int | None
    left: int | None


@dataclass(frozen=True, slots=True)
class Words:
    """What the chart says, in the reader's language."""

    finding: str
    label: str
    when: str
    size: str
    joined: str
    left: str


def sizes(points: Sequence[Point], colour: int, words: Words) -> Chart:
    """Sizes as a line over the runs; joined upwards and left downwards as bars in the same unit."""
    bars = [
        {
            "type": "bar",
            "label": label,
            "data": values,
            "backgroundColor": f"{shade}/0.75",
            "borderRadius": 3,
            "maxBarThickness": 28,
            "order": 1,
        }
        for label, values, shade in (
            (words.joined, [one.joined for one in points], "var(--above)"),
            (words.left, [None if one.left is None else -one.left for one in points], "var(--below)"),
        )
    ]
    line = {
        "type": "line",
        "label": words.size,
        "data": [one.size for one in points],
        "borderColor": colour_of(colour),
        "backgroundColor": colour_of(colour),
        "borderWidth": 2.5,
        "pointRadius": 4,
        "tension": 0.15,
        "order": 0,
    }
    config = {
        "type": "bar",
        "data": {"labels": [one.when for one in points], "datasets": [line, *bars]},
        "options": {
            "interaction": {"mode": "index", "intersect": False},
            "scales": {
                "x": {"grid": {"display": False}, "stacked": True},
                "y": {"beginAtZero": True, "format": "number", "ticks": {"precision": 0}},
            },
        },
    }
    return Chart(
        config,
        words.finding,
        words.label,
        (words.when, words.size, words.joined, words.left),
        tuple((one.when, f"{one.size:,}", _count(one.joined), _count(one.left)) for one in points),
    )


def _count(number: int | None) -> str:
    return "–" if number is None else f"{number:,}"
