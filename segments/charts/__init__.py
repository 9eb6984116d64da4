"""From profiles and candidates to charts: Chart.js configurations, each with its finding in a sentence and its table.

Colours are names of CSS variables, so that a chart follows the theme; a segment's index gives colour and point shape.
"""

from segments.charts.candidates import elbow, separation
from segments.charts.customers import scatter
from segments.charts.differences import boxes, profile_bars, quality
from segments.charts.drawing import PALETTE, SHAPES, Chart, Series

__all__ = ["PALETTE", "SHAPES", "Chart", "Series", "boxes", "elbow", "profile_bars", "quality", "scatter", "separation"]
