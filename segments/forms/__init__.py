"""What people fill in about segmentations, their schedules, segments, and what a map shows."""

from segments.forms.exports import ExportForm
from segments.forms.problems import put_problem
from segments.forms.schedules import ScheduleForm
from segments.forms.segmentations import SegmentationForm
from segments.forms.segments import MapForm, SegmentForm

__all__ = ["ExportForm", "MapForm", "ScheduleForm", "SegmentForm", "SegmentationForm", "put_problem"]
