"""The nouns of segmentation, one file each."""

from segments.models.assignment import Assignment
from segments.models.change import Change
from segments.models.export import Export, FileFormat, Hashing
from segments.models.profile import SegmentProfile
from segments.models.run import Candidate, Origin, Run
from segments.models.segment import Segment
from segments.models.segmentation import Segmentation

# The tasks that start runs which are due, and that score whoever changed.
LOOK = "segments.look_after"
SCORE = "segments.score_changes"

__all__ = [
    "LOOK",
    "SCORE",
    "Assignment",
    "Candidate",
    "Change",
    "Export",
    "FileFormat",
    "Hashing",
    "Origin",
    "Run",
    "Segment",
    "SegmentProfile",
    "Segmentation",
]
