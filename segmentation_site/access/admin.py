"""People, roles and API keys in the admin."""

from typing import ClassVar

from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django_celery_beat.models import ClockedSchedule, CrontabSchedule, IntervalSchedule, PeriodicTask, SolarSchedule
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice
from unfold.decorators import action

from segmentation_site.access import keys, people
from segmentation_site.access.kept_admin import HistoryAdmin
from segmentation_site.access.models import ApiKey, AuditEntry

# Second factors would be shown with their secrets. What a group may do is said in code, and what the scheduler rings
# for in settings: changing either here would break the site without a trace.
for model in (
    Group,
    TOTPDevice,
    StaticDevice,
    PeriodicTask,
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    SolarSchedule,
):
    admin.site.unregister(model)
admin.site.unregister(User)


@admin.register(User)
class UserAdmin(HistoryAdmin):
    """People are invited, changed and deleted on their own page, which records it; the groups are their roles."""

    list_display = ("username", "email", "role", "is_active", "date_joined", "last_login")
    list_filter = ("is_active", "groups")
    search_fields = ("username", "email")
    fields: ClassVar = ("username", "email", "role", "is_active", "date_joined", "last_login")

    @admin.display(description=_("role"))
    def role(self, user: User) -> str:
        return people.role_of(user) or ""

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        return super().get_queryset(request).prefetch_related("groups")


@admin.register(ApiKey)
class ApiKeyAdmin(HistoryAdmin):
    """Keys are made and revoked on their own page, where the secret is shown once; a used one stays on record."""

    list_display = ("name", "prefix", "scopes", "created_by", "created_at", "expires_at", "revoked_at", "last_used_at")
    list_filter = ("created_at", "expires_at", "revoked_at")
    search_fields = ("name", "prefix", "public_id")
    actions = ("revoke",)
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

    @action(description=_("Revoke the chosen keys"))
    def revoke(self, request: HttpRequest, chosen: QuerySet[ApiKey]) -> None:
        """They end at once."""
        for key in chosen:
            keys.revoke(key)
        self.message_user(request, _("Revoked: tools that use them are turned away from now on."))


@admin.register(AuditEntry)
class AuditEntryAdmin(HistoryAdmin):
    """Who did what; read-only by nature."""

    list_display = ("at", "action", "subject", "actor", "key_id", "address")
    list_filter = ("action", "at")
    search_fields = ("subject", "actor", "key_id", "request_id")
