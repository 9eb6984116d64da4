"""People, roles and API keys in the admin."""

from typing import ClassVar

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, User
from unfold.admin import ModelAdmin
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from segmentation_site.access.kept_admin import HistoryAdmin
from segmentation_site.access.models import ApiKey, AuditEntry

admin.site.unregister(User)
admin.site.unregister(Group)


@admin.register(User)
class UserAdmin(DjangoUserAdmin, ModelAdmin):
    """People; the groups that they are in are their roles."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("username", "email", "first_name", "last_name", "is_staff", "is_active", "last_login")


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin, ModelAdmin):
    """Roles, made by a migration."""


@admin.register(ApiKey)
class ApiKeyAdmin(HistoryAdmin):
    """Keys are made and revoked on their own page, where the secret is shown once; a used one stays on record."""

    list_display = ("name", "prefix", "scopes", "created_by", "created_at", "expires_at", "revoked_at", "last_used_at")
    list_filter = ("created_at", "expires_at", "revoked_at")
    search_fields = ("name", "prefix", "public_id")
    list_select_related = ("created_by",)
    fields: ClassVar = (
        "public_id",
        "name",
        "prefix",
        "scopes",
        "created_by",
        "created_at",
        "expires_at",
        "revoked_at",
        "last_used_at",
    )


@admin.register(AuditEntry)
class AuditEntryAdmin(HistoryAdmin):
    """Who did what; read-only by nature."""

    list_display = ("at", "action", "subject", "actor", "key_id", "address")
    list_filter = ("action", "at")
    search_fields = ("subject", "actor", "key_id", "request_id")
