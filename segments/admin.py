"""The admin of segmentations: everything searchable; what runs have found cannot be changed.

Assignments are missing on purpose: Django's admin has no composite keys, and a segment's page lists its members.
"""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import RangeDateTimeFilter
from unfold.decorators import display

from segmentation_site.access.kept_admin import HistoryAdmin, KeptAdmin, stop
from segments.browsing import words
from segments.models import Candidate, Export, Run, Segment, Segmentation, SegmentProfile


@admin.register(Segmentation)
class SegmentationAdmin(KeptAdmin):
    list_display = ("name", "features", "published", "updated_at", "page")
    list_select_related = ("published_run",)
    list_filter = (("updated_at", RangeDateTimeFilter),)
    list_filter_submit = True
    search_fields = ("name", "slug", "description")
    # The definition is checked by the page that edits it; a mistake made here would only show when a run fails.
    readonly_fields = ("slug", "definition", "published_run", "created_by", "created_at", "updated_at")

    @display(description=_("features"))
    def features(self, segmentation: Segmentation) -> str:
        return ", ".join(str(feature.get("source", "")) for feature in segmentation.definition.get("features", []))

    @display(description=_("published run"), empty_value="–")
    def published(self, segmentation: Segmentation) -> str | None:
        return str(segmentation.published_run) if segmentation.published_run else None

    @display(description=_("page"))
    def page(self, segmentation: Segmentation) -> str:
        return format_html('<a href="{}">{}</a>', reverse("segmentation", args=[segmentation.slug]), _("Open"))


@admin.register(Run)
class RunAdmin(HistoryAdmin):
    list_display = (
        "public_id",
        "segmentation",
        "status",
        "use",
        "k",
        "customers",
        "silhouette",
        "verdict",
        "created_at",
    )
    list_select_related = ("segmentation", "created_by")
    list_filter = ("status", "verdict", "segmentation", ("created_at", RangeDateTimeFilter))
    list_filter_submit = True
    search_fields = ("public_id", "segmentation__name", "error_code", "input_sha256")
    date_hierarchy = "created_at"
    actions = (stop,)
    # The lease is a secret between a job and its worker; the model has a page and an address of its own.
    exclude = ("lease_token", "model")

    @display(
        description=_("use"),
        label={"In use": "success", "Draft": "info", "Failed": "danger", "Cancelled": "warning"},
    )
    def use(self, run: Run) -> str:
        return str(run.state.label)


@admin.register(Export)
class ExportAdmin(HistoryAdmin):
    list_display = (
        "public_id",
        "about",
        "status",
        "format",
        "hashed",
        "rows",
        "created_by",
        "created_at",
    )
    list_select_related = ("created_by",)
    list_filter = ("status", "format", "hashed", ("created_at", RangeDateTimeFilter))
    list_filter_submit = True
    search_fields = ("public_id", "about", "segmentation__name")
    actions = (stop,)
    # The file has a page that records who fetches it.
    exclude = ("lease_token", "file")


@admin.register(Candidate)
class CandidateAdmin(HistoryAdmin):
    list_display = (
        "run",
        "k",
        "silhouette",
        "stability",
        "smallest_share",
        "inertia",
        "davies_bouldin",
        "calinski_harabasz",
        "is_eligible",
    )
    list_select_related = ("run",)
    list_filter = ("k", "is_eligible", "run__segmentation")
    search_fields = ("run__public_id", "run__segmentation__name")


@admin.register(Segment)
class SegmentAdmin(KeptAdmin):
    list_display = ("name", "segmentation", "public_id", "action", "is_name_suggested", "in_use", "page")
    list_select_related = ("segmentation", "born_run", "ended_run")
    list_filter = ("segmentation", "is_name_suggested", ("ended_run", admin.EmptyFieldListFilter))
    search_fields = ("name", "public_id", "description", "action", "segmentation__name")
    # Its name must stay unique among those in use: the segment's page sees to that.
    readonly_fields = ("public_id", "name", "segmentation", "is_name_suggested", "colour", "born_run", "ended_run")

    @display(description=_("in use"), boolean=True)
    def in_use(self, segment: Segment) -> bool:
        return segment.ended_run_id is None

    @display(description=_("page"))
    def page(self, segment: Segment) -> str:
        return format_html('<a href="{}">{}</a>', reverse("segment", args=[segment.public_id]), _("Open"))


@admin.register(SegmentProfile)
class SegmentProfileAdmin(HistoryAdmin):
    list_display = ("described", "run", "size", "percent")
    list_select_related = ("run", "segment")
    list_filter = ("run__segmentation",)
    search_fields = ("run__public_id", "segment__name", "segment__public_id")

    def get_queryset(self, request: HttpRequest) -> QuerySet[SegmentProfile]:
        return super().get_queryset(request).defer("content")

    @display(description=_("segment"))
    def described(self, profile: SegmentProfile) -> str:
        return str(profile.segment or _("Everybody"))

    @display(description=_("share"), ordering="share")
    def percent(self, profile: SegmentProfile) -> str:
        return words.percent(profile.share)
