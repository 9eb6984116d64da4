"""How far customers have moved, as a segmentation keeps it, in words."""

from dataclasses import dataclass

from django.utils.translation import gettext as _

from segments.browsing import words
from segments.browsing.features import Labels
from segments.models import Segmentation


@dataclass(frozen=True, slots=True)
class DriftRow:
    """One feature, or the mix of segments: its population stability index and what that says."""

    label: str
    psi: float
    word: str


@dataclass(frozen=True, slots=True)
class DriftShown:
    """What was measured after the last import; `word` is stable, watch or act, `far` a share in words."""

    word: str
    rows: list[DriftRow]
    far: str


def drift_of(segmentation: Segmentation, labels: Labels) -> DriftShown | None:
    """None where nothing was measured yet."""
    drift = segmentation.drift
    if not drift:
        return None
    rows = [DriftRow(labels[name].label, one["psi"], one["word"]) for name, one in drift["features"].items()]
    rows.sort(key=lambda row: -row.psi)
    if drift["mix"]:
        rows.append(
            DriftRow(_("How customers are spread over the segments"), drift["mix"]["psi"], drift["mix"]["word"])
        )
    return DriftShown(drift["word"], rows, words.percent(drift["far_share"]))
