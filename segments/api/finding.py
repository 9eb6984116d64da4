"""What an address names, or 404."""

from segmentation_site.http.problems import NotFound
from segments.models import Run, Segment, Segmentation


def segmentation(slug: str) -> Segmentation:
    """Raises NotFound."""
    found = Segmentation.objects.select_related("published_run").filter(slug=slug).first()
    if found is None:
        raise NotFound()
    return found


def run(public_id: str) -> Run:
    """Raises NotFound."""
    found = (
        Run.objects.select_related("segmentation", "baseline", "published_by")
        .prefetch_related("candidates")
        .filter(public_id=public_id)
        .first()
    )
    if found is None:
        raise NotFound()
    return found


def segment(public_id: str) -> Segment:
    """Raises NotFound."""
    found = (
        Segment.objects.select_related("segmentation__published_run", "ended_run").filter(public_id=public_id).first()
    )
    if found is None:
        raise NotFound()
    return found
