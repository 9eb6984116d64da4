"""Finding segments, segmentations and runs by a few letters of their names, for the search that every page has."""

from typing import TypeVar

from django.db.models import Case, F, IntegerField, Q, QuerySet, Value, When

from segments.browsing.runs import light
from segments.models import Run, Segment, Segmentation

M = TypeVar("M", Segment, Segmentation)


def segments_named(text: str, limit: int) -> list[Segment]:
    """Segments in use with `text` in their name, notes or action, or of exactly that id; names come first."""
    in_use = Segment.objects.filter(segmentation__published_run__profiles__segment_id=F("pk"))
    told = Q(description__icontains=text) | Q(action__icontains=text) | Q(public_id=text)
    found = in_use.filter(Q(name__icontains=text) | told).select_related("segmentation")
    return list(_nearest_first(found, text)[:limit])


def segmentations_named(text: str, limit: int) -> list[Segmentation]:
    """Segmentations with `text` in their name or description; names come first."""
    found = Segmentation.objects.filter(Q(name__icontains=text) | Q(description__icontains=text))
    return list(_nearest_first(found.defer("definition", "drift"), text)[:limit])


def run_of_id(text: str) -> Run | None:
    """The run of exactly this id."""
    return light(Run.objects.filter(public_id=text)).first() if text.startswith("run_") else None


def _nearest_first(found: QuerySet[M], text: str) -> QuerySet[M]:
    nearness = Case(
        When(name__istartswith=text, then=Value(0)),
        When(name__icontains=text, then=Value(1)),
        default=Value(2),
        output_field=IntegerField(),
    )
    return found.annotate(nearness=nearness).order_by("nearness", "name", "pk")
