"""The nouns of segmentation, one file each."""

from segments.models.assignment import Assignment
from segments.models.change import Change
from segments.models.profile import SegmentProfile
from segments.models.run import Candidate, Run
from segments.models.segment import Segment
from segments.models.segmentation import Segmentation

# The task that scores whoever changed.
SCORE = "segments.score_changes"

__all__ = ["SCORE", "Assignment", "Candidate", "Change", "Run", "Segment", "SegmentProfile", "Segmentation"]
