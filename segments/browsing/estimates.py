"""How long a run will take, before it is started."""

from dataclasses import dataclass
from datetime import timedelta
from statistics import median

from django.db.models import DurationField, ExpressionWrapper, F
from django.db.models.fields.json import KT

from segmentation_site.jobs.models import JobStatus
from segmentation_site.jobs.watching import in_words
from segments.models import Run

# Looked back at: the newest tell most of this machine and of these customers.
NEWEST = 20
# On two cores, where nothing was run yet: seconds to begin with, and per million customers.
BEST, FIXED = (2.0, 5.0), (1.0, 5.5)
# Below so many customers a run takes as long for few as for many.
FEW = 20_000


@dataclass(frozen=True, slots=True)
class Estimate:
    """In words: for trying each number of segments, and for a number that was chosen."""

    best: str
    fixed: str


def estimate(customers: int) -> Estimate:
    """From how long runs took here, and where there were none from what was measured once."""
    of_best: list[float] = []
    of_fixed: list[float] = []
    runs = Run.objects.filter(status=JobStatus.DONE, started_at__isnull=False, customers__gt=0)
    lasted = ExpressionWrapper(F("finished_at") - F("started_at"), output_field=DurationField())
    for k, counted, duration in (
        runs.annotate(lasted=lasted).order_by("-pk").values_list(KT("definition__k"), "customers", "lasted")[:NEWEST]
    ):
        took = of_best if k == "auto" else of_fixed
        took.append(duration.total_seconds() * max(customers, FEW) / max(counted, FEW))
    return Estimate(_in_words(of_best, customers, BEST), _in_words(of_fixed, customers, FIXED))


def _in_words(took: list[float], customers: int, usual: tuple[float, float]) -> str:
    start, per_million = usual
    seconds = median(took) if took else start + per_million * customers / 1e6
    # Nobody counts on tenths.
    return in_words(timedelta(seconds=max(1, round(seconds)))).replace(" ", "\u00a0")
