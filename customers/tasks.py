"""Doors for the worker."""

from celery import shared_task
from django.core.cache import cache

from customers import ordering, pruning, undoing
from customers.models import Import, Undo, WantedOrder
from segmentation_site.jobs import leases

ORDERING_PAUSE_SECONDS = 300


@shared_task(name=Import.task)
def execute_import(import_id: int) -> None:
    """Carry out one import."""
    # The heavy libraries come with the first job: a worker that waits is 110 MB lighter without them.
    from customers import importing

    leases.carry_out(Import, import_id, importing.execute)


@shared_task(name=Undo.task)
def execute_undo(undo_id: int) -> None:
    """Take one import back."""
    leases.carry_out(Undo, undo_id, undoing.execute)


@shared_task(name=Import.prune_task)
def prune_imports() -> None:
    """Delete what old imports left behind."""
    pruning.prune()


@shared_task(name=WantedOrder.task)
def build_indexes() -> None:
    """Give the list of customers the indexes that people want; what a long import or export kept from it, later."""
    ordering.build()
    # However often it was asked for meanwhile, it is tried once in a while.
    if ordering.is_behind() and cache.add("customers.ordering", "tried", ORDERING_PAUSE_SECONDS - 1):
        build_indexes.apply_async(countdown=ORDERING_PAUSE_SECONDS)
