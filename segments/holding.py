"""Holding the row of a segmentation: whoever changes what readers see of it holds it until the transaction ends."""

from django.utils.translation import gettext_noop

from segmentation_site.jobs.problems import Problem
from segments.models import Segmentation


class Deleted(Problem):
    code = "segmentation_deleted"
    sentence = gettext_noop("This segmentation was deleted meanwhile.")
    http_status = 404


def hold(key: int, *, no_key: bool = True) -> Segmentation:
    """The segmentation as it is now; `no_key` lets others refer to it meanwhile. Raises Deleted."""
    held = Segmentation.objects.select_for_update(of=("self",), no_key=no_key).filter(pk=key).first()
    if held is None:
        raise Deleted
    return held
