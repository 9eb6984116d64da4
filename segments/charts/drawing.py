"""What every chart is made of."""

from dataclasses import dataclass
from typing import Any

from segments.kmeans.shapes import Profile

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
# A segmentation with more segments than that uses them again.
PALETTE = len(SHAPES)


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


def text(value: float | None, digits: int = 4) -> str:
    """A value for a table or, with fewer significant digits, a sentence; a dash for none."""
    return "–" if value is None else f"{value:,.{digits}g}" if abs(value) < 1000 else f"{value:,.0f}"
