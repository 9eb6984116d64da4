"""The thing that an address of the API names."""

from typing import TypeVar

from django.db.models import Model, QuerySet

from segmentation_site.http.problems import NotFound

M = TypeVar("M", bound=Model)


def find(rows: QuerySet[M], **names: str) -> M:
    """The row that the address names. Raises NotFound, also for what could not be a name of anything."""
    if any("\0" in name for name in names.values()):
        # PostgreSQL keeps no such text, and does not let itself be asked for it.
        raise NotFound()
    row = rows.filter(**names).first()
    if row is None:
        raise NotFound()
    return row
