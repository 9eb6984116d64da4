"""What every admin page of rows that must not be changed by hand has in common."""

from typing import Any

from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.admin import ModelAdmin
from unfold.decorators import action

from segmentation_site.jobs import leases
from segmentation_site.jobs.models import Job


class KeptAdmin(ModelAdmin):
    """Rows that rooms make, and that nobody adds or deletes by hand: results and links hang on them."""

    # Counting a million rows for every page is not worth what it tells.
    show_full_result_count = False
    list_per_page = 50

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class HistoryAdmin(KeptAdmin):
    """Rows that say what happened: shown, searched, never changed."""

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@action(description=_("Ask the chosen ones to stop"))
def stop(kept: ModelAdmin, request: HttpRequest, jobs: QuerySet[Job]) -> None:
    """Ends what still waits, and what works at its next safe point; the rest has ended."""
    asked = sum(leases.request_cancel(job) for job in jobs)
    told = ngettext(
        "{asked} is told to stop; the others had ended.", "{asked} are told to stop; the others had ended.", asked
    )
    kept.message_user(request, told.format(asked=asked))
