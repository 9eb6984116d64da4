"""Assignments of runs that nobody goes back to any more; all else that a run found is kept."""

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from segmentation_site.jobs.models import ACTIVE, JobStatus
from segments.models import Run, Segmentation
from segments.storing import drop_assignments


def prune() -> int:
    """Of each segmentation keep the assignments of the run in use and of the newest RUNS_KEPT others.

    Returns how many runs lost theirs.
    """
    return sum(_prune(pk) for pk in Segmentation.objects.values_list("pk", flat=True))


def _prune(segmentation_pk: int) -> int:
    with transaction.atomic():
        # Publishing takes the same lock: a run is either put to use or pruned.
        segmentation = Segmentation.objects.select_for_update(no_key=True).filter(pk=segmentation_pk).first()
        if segmentation is None:
            return 0
        others = (
            Run.objects.filter(segmentation=segmentation, status=JobStatus.DONE, pruned_at=None)
            .exclude(pk=segmentation.published_run_id or 0)
            .exclude(exports__status__in=ACTIVE)
            .order_by("-pk")[settings.RUNS_KEPT :]
        )
        old = list(others)
        for run in old:
            drop_assignments(run)
        Run.objects.filter(pk__in=[run.pk for run in old]).update(pruned_at=timezone.now())
    return len(old)
