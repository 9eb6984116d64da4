"""Publishing a run: one transaction that moves one pointer. Rolling back is the same deed with an older run."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_noop

from segmentation_site.access import audit
from segmentation_site.access.audit import Action
from segmentation_site.jobs import bell
from segmentation_site.jobs.models import JobStatus
from segmentation_site.jobs.problems import Problem
from segmentation_site.webhooks import outbox
from segmentation_site.webhooks.events import Event
from segments import aging, recording
from segments.holding import hold
from segments.kmeans.shapes import IntVector
from segments.models import SCORE, Run, Segment, Segmentation


class NotDone(Problem):
    code = "run_not_done"
    sentence = gettext_noop("Run {run} is {state}, so there is nothing to use yet.")
    remedy = gettext_noop("Publish a run that is done.")
    http_status = 409


class Pruned(Problem):
    code = "run_pruned"
    sentence = gettext_noop("Who was in which segment of this run is no longer kept.")
    remedy = gettext_noop("Start a new run.")
    http_status = 409


class Outdated(Problem):
    code = "draft_outdated"
    sentence = gettext_noop(
        "Another run was published after this draft was made, so its segments were not matched with those in use."
    )
    remedy = gettext_noop("Start a new run: it will be matched with the segments that are in use now.")
    http_status = 409


def obstacle(run: Run) -> Problem | None:
    """What stands in the way of using this run's segments, if anything does; pages say it before anybody tries."""
    if run.status != JobStatus.DONE:
        return NotDone(run=run.public_id, state=run.state.label.lower())
    if run.pruned_at is not None:
        return Pruned()
    is_draft = run.published_at is None
    if is_draft and run.baseline_id != run.segmentation.published_run_id:
        return Outdated()
    return None


@contextmanager
def telling_first_members(run: Run, customer_ids: IntVector, segment_ids: IntVector) -> Iterator[int]:
    """While the block stores the members of `run`, tell the feed that they all join, where `run` is to be published in
    this very transaction and nothing is published before it. Yields how many were told ahead, for `publish`.

    (n,) int64 each. From here on nobody else publishes in this segmentation until the transaction ends.
    """
    # Asked twice: whoever is not the first holds the row no longer than publishing takes.
    none_yet = Segmentation.objects.filter(pk=run.segmentation_id, published_run=None)
    if not (run.publish_when_done and none_yet.exists() and hold(run.segmentation_id).published_run_id is None):
        yield 0
        return
    with recording.telling_ahead(run, customer_ids, segment_ids) as told:
        yield told


def publish(run: Run, *, by: User | None, ahead: int = 0) -> Run:
    """Make `run` the one that readers see; returns it as it is then. Publishing the published run again changes
    nothing.

    A draft must have been matched with the run that is published now, because its segments would otherwise not keep
    their ids: raises Outdated. A run that was published before may always come back. Raises NotDone for a run without
    results, Deleted where its segmentation is gone. `ahead` of the joiners were told by `telling_first_members`.
    """
    with transaction.atomic():
        segmentation = hold(run.segmentation_id)
        run = Run.objects.get(pk=run.pk)
        run.segmentation = segmentation
        if problem := obstacle(run):
            raise problem
        if run.is_published:
            return run
        run.published_at, run.published_by = timezone.now(), by
        run.save(update_fields=["published_at", "published_by"])
        _end_and_revive_segments(run, before=segmentation.published_run_id)
        recording.record_publication(run, before=segmentation.published_run_id, ahead=ahead)
        segmentation.published_run = run
        # Whoever changed since the run read them is looked at with its model next, and drift is another model's.
        segmentation.scored_until, segmentation.scored_as_of, segmentation.drift = run.read_until, None, None
        if aging.is_outdated(run):
            aging.start_anew(segmentation, run)
        segmentation.save(update_fields=["published_run", "scored_until", "scored_as_of", "drift"])
        transaction.on_commit(lambda: bell.send(SCORE))
        audit.record(Action.RUN_PUBLISHED, run.public_id, by=by, segmentation=segmentation.slug)
        outbox.emit(Event.RUN_PUBLISHED, run_id=run.public_id, segmentation=segmentation.slug)
    return run


def _end_and_revive_segments(run: Run, *, before: int | None) -> None:
    """Segments of the run live.

    Those of the run that was published before and are not in this one have ended with it.
    """
    Segment.objects.filter(profiles__run=run).update(ended_run=None)
    if before is not None:
        Segment.objects.filter(profiles__run_id=before).exclude(profiles__run=run).update(ended_run=run)
