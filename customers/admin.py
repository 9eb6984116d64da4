"""Customers, attributes and imports in the admin: history is read-only, what is known may be corrected."""

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin

from customers import registering, writing
from customers.models import (
    Attribute,
    Customer,
    Edit,
    Import,
    RejectedRow,
    SavedMapping,
    Suppressed,
    Transaction,
    Undo,
    WantedOrder,
)
from segmentation_site.access.kept_admin import HistoryAdmin, KeptAdmin, stop
from segmentation_site.jobs.problems import Problem
from segmentation_site.language.saying import said


@admin.register(Customer)
class CustomerAdmin(KeptAdmin):
    """They come in by import or over the API, which check every value; deleting the row alone would leave traces."""

    list_display = (
        "external_id",
        "full_name",
        "gender",
        "age",
        "annual_income",
        "spending_score",
        "city",
        "consent",
        "updated_at",
    )
    list_filter = ("gender", "consent")
    # From the start of the id, which has an index; the whole of an e-mail address.
    search_fields = ("external_id__startswith", "email__iexact", "last_name__istartswith")
    search_help_text = "The beginning of a customer id or last name, or a whole e-mail address"
    ordering = ("id",)
    readonly_fields = ("external_id", "source_import", "change_sequence", "created_at", "updated_at")
    fieldsets: ClassVar = (
        (None, {"fields": ("external_id", ("first_name", "last_name"), ("email", "phone"), "consent")}),
        ("Known facts", {"fields": (("gender", "birth_date", "age"), ("annual_income", "spending_score"))}),
        ("Where and since when", {"fields": (("city", "country"), "joined_on")}),
        ("History", {"fields": ("source_import", "change_sequence", ("created_at", "updated_at"))}),
    )

    def save_model(self, request: HttpRequest, obj: Customer, form: ModelForm, change: bool) -> None:
        """A correction by hand takes its turn among the writers, so that pullers of changes see it."""
        writing.correct(obj.external_id, {name: form.cleaned_data[name] for name in form.changed_data})
        obj.refresh_from_db()


class AttributeForm(ModelForm):
    """Asks the registering room before anything is saved."""

    class Meta:
        model = Attribute
        fields = ("label", "key", "kind", "unit", "minimum", "maximum", "categories")

    def clean(self) -> dict[str, Any]:
        given = super().clean() or self.cleaned_data
        if self.errors:
            return given
        self.values = {name: given[name] for name in ("label", "unit", "minimum", "maximum", "categories")}
        try:
            if self.instance.pk is None:
                registering.check_new(key=given["key"], kind=given["kind"], **self.values)
            else:
                registering.check_changed(self.instance, **self.values)
        except Problem as problem:
            field = problem.pointer.strip("/")
            self.add_error(field if field in self.fields else None, said(problem.detail))
        return given


@admin.register(Attribute)
class AttributeAdmin(ModelAdmin):
    """What can be known of customers beside the built-in columns."""

    form = AttributeForm
    list_display = ("label", "key", "kind", "unit", "minimum", "maximum")
    list_filter = ("kind",)
    search_fields = ("label", "key")
    prepopulated_fields: ClassVar = {"key": ("label",)}

    def get_readonly_fields(self, request: HttpRequest, obj: Attribute | None = None) -> tuple[str, ...]:
        return ("key", "kind") if obj else ()

    def get_prepopulated_fields(self, request: HttpRequest, obj: Attribute | None = None) -> dict[str, Any]:
        return {} if obj else dict(self.prepopulated_fields)

    def save_model(self, request: HttpRequest, obj: Attribute, form: Any, change: bool) -> None:
        if change:
            registering.change(obj, **form.values)
        else:
            obj.pk = registering.register(key=obj.key, kind=obj.kind, **form.values).pk

    def delete_model(self, request: HttpRequest, obj: Attribute) -> None:
        registering.remove(obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Attribute]) -> None:
        for attribute in queryset:
            registering.remove(attribute)


@admin.register(Import)
class ImportAdmin(HistoryAdmin):
    list_display = (
        "public_id",
        "file_name",
        "kind",
        "status",
        "rows",
        "created",
        "updated",
        "unchanged",
        "rejected",
        "created_by",
        "created_at",
    )
    list_filter = ("status", "kind", "mode")
    search_fields = ("public_id", "file_name", "input_sha256")
    list_select_related = ("created_by",)
    exclude = ("lease_token", "file")
    actions = (stop,)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return [field.name for field in Import._meta.fields if field.name not in self.exclude]


@admin.register(RejectedRow)
class RejectedRowAdmin(HistoryAdmin):
    list_display = ("line", "source_import", "why")
    list_filter = ("source_import__kind",)
    search_fields = ("source_import__public_id__exact", "source_import__file_name")
    search_help_text = "An import's id or the name of its file"
    list_select_related = ("source_import",)

    @admin.display(description="reasons")
    def why(self, row: RejectedRow) -> str:
        return "; ".join(reason.get("detail", "") for reason in row.reasons)


@admin.register(Transaction)
class TransactionAdmin(HistoryAdmin):
    list_display = ("order_id", "customer_id", "at", "amount", "currency", "source", "source_import")
    list_select_related = ("source_import",)
    list_filter = ("currency",)
    # Both have an index; a part of an order id has none.
    search_fields = ("order_id__exact", "customer_id__exact")
    search_help_text = _("A whole order id, or the number in the address of a customer's page")
    ordering = ("-id",)


@admin.register(Undo)
class UndoAdmin(HistoryAdmin):
    list_display = ("public_id", "undone_import", "status", "removed", "restored", "kept", "created_by", "created_at")
    list_select_related = ("undone_import", "created_by")
    list_filter = ("status",)
    search_fields = ("public_id", "undone_import__public_id", "undone_import__file_name")
    exclude = ("lease_token",)
    actions = (stop,)


@admin.register(Edit)
class EditAdmin(HistoryAdmin):
    """What customers were before, for undoing imports: of whom and when, and which values; the values stay hidden."""

    list_display = ("id", "customer_id", "source_import", "changed", "at")
    list_select_related = ("source_import",)
    search_fields = ("customer_id__exact",)
    search_help_text = _("The number in the address of a customer's page")
    ordering = ("-id",)
    exclude = ("before",)

    @admin.display(description=_("changed"))
    def changed(self, edit: Edit) -> str:
        return ", ".join(edit.before)


@admin.register(SavedMapping)
class SavedMappingAdmin(HistoryAdmin):
    list_display = ("__str__", "kind", "used_at")
    list_filter = ("kind",)
    search_fields = ("mapping",)
    ordering = ("-used_at",)


@admin.register(Suppressed)
class SuppressedAdmin(HistoryAdmin):
    """Hashes of those who must never come in again; who they are is known to nobody."""

    list_display = ("digest", "created_at")
    search_fields = ("digest__startswith",)
    ordering = ("-created_at",)


@admin.register(WantedOrder)
class WantedOrderAdmin(HistoryAdmin):
    """What people sort and narrow long lists of customers by: the indexes that the site keeps by itself."""

    list_display = ("key", "wanted_at")
    list_filter = ("wanted_at",)
    search_fields = ("key",)
