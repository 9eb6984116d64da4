"""What happens here when something happens to customers; in their transaction."""

from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.dispatch import receiver

from customers.signals import customers_changed, customers_going, import_finished, purchases_changed
from segmentation_site.access import audit
from segmentation_site.access.audit import Action
from segmentation_site.jobs import bell
from segmentation_site.webhooks import outbox
from segmentation_site.webhooks.events import Event
from segments import aging, exporting, recording, refitting
from segments.models import SCORE, Change, Segmentation
from segments.signals import drift_detected


@receiver(customers_going)
def take_out_of_segments(customer_ids: Sequence[int], kind: str, **kwargs: Any) -> None:
    """Who goes leaves every run, and the feed says so."""
    recording.record_removal(customer_ids, kind=kind)
    if kind == Change.Kind.ERASED:
        exporting.take_back()


@receiver(customers_changed)
def look_at_who_changed(**kwargs: Any) -> None:
    """They may belong elsewhere now; a worker looks as soon as this is committed."""
    if Segmentation.objects.filter(published_run__isnull=False).exists():
        transaction.on_commit(lambda: bell.send(SCORE))


@receiver(purchases_changed)
def look_at_everybody_who_bought(**kwargs: Any) -> None:
    """Where people are divided by their purchases, everybody is looked at anew, as of today."""
    if aging.count_anew():
        look_at_who_changed()


@receiver(import_finished)
def look_at_who_came(import_: Any, **kwargs: Any) -> None:
    """The same after an import, which may also have brought other customers than the models know."""
    if not import_.is_dry_run:
        Segmentation.objects.filter(published_run__isnull=False).update(is_drift_due=True)
        look_at_who_changed()


@receiver(drift_detected)
def record_drift(segmentation: Segmentation, **kwargs: Any) -> None:
    """Somebody should look at it."""
    audit.record(Action.DRIFT_DETECTED, segmentation.slug)
    run = segmentation.published_run
    if run is not None:
        outbox.emit(Event.DRIFT_DETECTED, segmentation=segmentation.slug, run_id=run.public_id)
    refitting.start_for_drift(segmentation)
