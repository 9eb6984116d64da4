"""Starting a run: a row and a bell."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils.translation import gettext_noop

from customers import purchases
from segmentation_site.access import audit
from segmentation_site.access.audit import Action
from segmentation_site.jobs import bell
from segmentation_site.jobs.models import ACTIVE
from segmentation_site.jobs.problems import Problem
from segments.kmeans.shapes import Definition
from segments.models import Origin, Run, Segmentation


class AlreadyRunning(Problem):
    code = "already_running"
    sentence = gettext_noop("A run of this segmentation is already under way: {run}.")
    remedy = gettext_noop("Wait for it, or cancel it first.")
    http_status = 409
    told = ("run",)


def start_run(
    segmentation: Segmentation,
    *,
    by: User | None,
    publish: bool = False,
    ring: bool = True,
    origin: Origin = Origin.ASKED,
    definition: dict[str, Any] | None = None,
) -> Run:
    """Queue a run of the segmentation as it is defined now, or as is given; readers see nothing of it before it is
    published.

    `publish` lets the run publish itself when it is done. Without `ring` no worker is called: the caller carries it
    out itself. Raises AlreadyRunning, with the active run's id, when there is one.
    """
    try:
        with transaction.atomic():
            run = Run.objects.create(
                segmentation=segmentation,
                definition=_frozen(definition or segmentation.definition),
                seed=int((definition or segmentation.definition).get("seed", 0)),
                publish_when_done=publish,
                origin=origin,
                created_by=by,
            )
            audit.record(Action.RUN_STARTED, run.public_id, by=by, segmentation=segmentation.slug, origin=origin.value)
            if ring:
                bell.ring_on_commit(run)
    except IntegrityError as error:
        active = Run.objects.filter(segmentation=segmentation, status__in=ACTIVE).first()
        if active is None:
            # The other one has ended in the moment between.
            return start_run(segmentation, by=by, publish=publish, ring=ring, origin=origin, definition=definition)
        raise AlreadyRunning(run=active.public_id) from error
    return run


def start_again(run: Run, *, by: User | None) -> Run:
    """Queue a run by the definition that `run` was started with: with the customers of now, matched with the segments
    that are in use now. Purchases count up to today. Raises AlreadyRunning.
    """
    definition = {key: value for key, value in run.definition.items() if key != "as_of"}
    if as_of := run.segmentation.definition.get("as_of"):
        definition["as_of"] = as_of
    return start_run(run.segmentation, by=by, definition=definition)


def _frozen(definition: dict[str, Any]) -> dict[str, Any]:
    """The definition with the day from which purchases are looked back upon, so that it means the same ever after."""
    read = Definition.from_json(definition)
    if read.as_of is not None or not set(read.feature_names) & set(purchases.FIGURES):
        return definition
    return replace(read, as_of=datetime.now(UTC).date()).to_json()
