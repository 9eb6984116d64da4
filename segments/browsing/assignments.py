"""The segments that customers are in, read through the pointers to published runs."""

from collections.abc import Iterable
from typing import Any

from django.db.models import F, QuerySet

from segments.models import Assignment, Segment, Segmentation


def segments_in_use() -> list[Segment]:
    """Every segment that somebody is in now, by segmentation and name."""
    return list(
        Segment.objects.filter(segmentation__published_run__profiles__segment_id=F("pk"))
        .select_related("segmentation")
        .order_by("segmentation__name", "name")
    )


def members_of(segment: Segment) -> QuerySet[Any]:
    """The primary keys of the customers who are in `segment` now, as a subquery."""
    published = segment.segmentation.published_run_id
    return Assignment.objects.filter(run_id=published or 0, segment_id=segment.pk).values("customer_id")


def of_customers(ids: Iterable[int]) -> dict[int, list[Segment]]:
    """For each of these customers the segments they are in, by segmentation; three queries for any number."""
    ids = list(ids)
    runs = dict(Segmentation.objects.filter(published_run__isnull=False).values_list("published_run_id", "name"))
    found: dict[int, list[Segment]] = {one: [] for one in ids}
    if not ids or not runs:
        return found
    assigned = Assignment.objects.filter(run_id__in=runs, customer_id__in=ids)
    rows = list(assigned.values_list("run_id", "customer_id", "segment_id"))
    segments = Segment.objects.select_related("segmentation").in_bulk({segment for _, _, segment in rows})
    for _, customer, segment in sorted(rows, key=lambda row: runs[row[0]]):
        found[customer].append(segments[segment])
    return found
