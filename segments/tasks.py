"""Doors for the worker."""

from celery import shared_task

from segmentation_site.jobs import leases
from segments import exporting, pruning, refitting
from segments.models import LOOK, SCORE, Export, Run


@shared_task(name=Run.task)
def execute_run(run_id: int) -> None:
    """Carry out one run."""
    # The heavy libraries come with the first job: a worker that waits is 110 MB lighter without them.
    from segments import running

    leases.carry_out(Run, run_id, running.execute)


@shared_task(name=Export.task)
def execute_export(export_id: int) -> None:
    """Carry out one export."""
    from segments import delivering

    leases.carry_out(Export, export_id, delivering.execute)


@shared_task(name=Export.prune_task)
def prune_exports() -> None:
    """Delete files that have expired."""
    exporting.prune()


@shared_task(name=LOOK)
def look_after() -> None:
    """Start the runs whose time has come, and put whoever changed where the published models see them."""
    refitting.start_due()
    score_changes()


@shared_task(name=SCORE)
def score_changes() -> None:
    """Put whoever changed where the published models see them."""
    from segments import scoring

    scoring.score_changes()


@shared_task(name=Run.prune_task)
def prune_runs() -> None:
    """Drop the assignments of old runs."""
    pruning.prune()
