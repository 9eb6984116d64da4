"""What every admin page of rows that must not be changed by hand has in common."""

from typing import Any

from django.db.models import Model
from django.http import HttpRequest
from unfold.admin import ModelAdmin


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
