"""Segmentations, runs and who is where, in words."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from segmentation_site.jobs import leases
from segments import defining, publishing, running, starting
from segments.kmeans.shapes import Definition
from segments.models import Assignment, Run, Segment, Segmentation


def segmentation(name: str, features: Sequence[str], *, scaling: str = "none", **more: Any) -> Segmentation:
    """A saved segmentation."""
    definition = defining.read_definition({"features": list(features), "scaling": scaling, **more})
    return defining.create_segmentation(name=name, definition=definition)


def values_of(segmentation: Segmentation) -> int:
    """How many values a run of it reads: customers times features and the categories that are shown beside them."""
    return running._values(Definition.from_json(segmentation.definition))


def redefine(segmentation: Segmentation, **changes: Any) -> None:
    """The segmentation is defined otherwise from now on."""
    defining.change_segmentation(segmentation, definition=defining.read_definition(segmentation.definition | changes))


def run(segmentation: Segmentation, *, seed: int | None = None) -> Run:
    """A run of it, carried out here and now; a draft when it went well."""
    if seed is not None:
        redefine(segmentation, seed=seed)
    started = starting.start_run(segmentation, by=None, ring=False)
    leases.carry_out(Run, started.pk, running.execute)
    return Run.objects.select_related("segmentation").get(pk=started.pk)


def publish(run: Run) -> Run:
    """The run, and readers see it now."""
    return publishing.publish(run, by=None)


def members_by_segment_id(run: Run) -> dict[str, set[int]]:
    """Public id of each segment → the customers whom this run put there."""
    public_ids = dict(Segment.objects.values_list("pk", "public_id"))
    members: dict[str, set[int]] = defaultdict(set)
    for segment, customer in Assignment.objects.filter(run_id=run.pk).values_list("segment_id", "customer_id"):
        members[public_ids[segment]].add(customer)
    return dict(members)
