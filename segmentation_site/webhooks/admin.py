"""Webhooks and their deliveries in the admin."""

from typing import ClassVar

from django.contrib import admin

from segmentation_site.access.kept_admin import HistoryAdmin
from segmentation_site.webhooks.models import Delivery, Webhook


@admin.register(Webhook)
class WebhookAdmin(HistoryAdmin):
    """Webhooks are made and changed on their own pages, where addresses are checked and the secret is shown once."""

    list_display = ("name", "url", "events", "is_enabled", "created_by", "created_at")
    list_filter = ("is_enabled", "created_at")
    search_fields = ("name", "public_id")
    list_select_related = ("created_by",)
    fields: ClassVar = (
        "public_id",
        "name",
        "url",
        "events",
        "is_enabled",
        "disabled_at",
        "disabled_reason",
        "previous_until",
        "created_by",
        "created_at",
    )


@admin.register(Delivery)
class DeliveryAdmin(HistoryAdmin):
    """What was sent, and what came of it."""

    list_display = ("type", "webhook", "status", "tries", "response_status", "created_at", "tried_at", "next_try_at")
    list_filter = ("status", "type", "created_at")
    search_fields = ("public_id", "event_id", "webhook__public_id")
    list_select_related = ("webhook",)
    exclude: ClassVar = ("lease_token", "lease_expires_at")
