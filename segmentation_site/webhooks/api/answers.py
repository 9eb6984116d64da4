"""What the API tells of webhooks and deliveries."""

from typing import Any

from segmentation_site.http.schema import BOOLEAN, INTEGER, MOMENT, NUMBER, TEXT, list_of, nullable, one_of, shape
from segmentation_site.webhooks.events import TEST, Event
from segmentation_site.webhooks.models import Delivery, DeliveryStatus, Webhook

EVENTS = list_of(one_of([event.value for event in Event]))
WEBHOOK_FIELDS = {
    "id": TEXT,
    "name": TEXT,
    "url": TEXT | {"format": "uri"},
    "events": EVENTS,
    "is_enabled": BOOLEAN,
    "disabled_at": nullable(MOMENT),
    "disabled_reason": nullable(TEXT),
    "previous_secret_until": nullable(MOMENT),
    "created_at": MOMENT,
}
WEBHOOK = shape("Webhook", WEBHOOK_FIELDS)
# The one answer that has the secret.
WEBHOOK_WITH_SECRET = shape("WebhookWithSecret", WEBHOOK_FIELDS | {"secret": TEXT})
DELIVERY = shape(
    "Delivery",
    {
        "id": TEXT,
        "event_id": TEXT,
        "type": one_of([*(event.value for event in Event), TEST]),
        "data": {"type": "object", "additionalProperties": TEXT},
        "status": one_of(DeliveryStatus.values),
        "tries": INTEGER,
        "next_try_at": nullable(MOMENT),
        "created_at": MOMENT,
        "tried_at": nullable(MOMENT),
        "seconds": nullable(NUMBER),
        "response_status": nullable(INTEGER),
        "response_excerpt": TEXT,
        "error": nullable(TEXT),
    },
)


def of_webhook(webhook: Webhook) -> dict[str, Any]:
    """A webhook, without its secret."""
    return {
        "id": webhook.public_id,
        "name": webhook.name,
        "url": webhook.url,
        "events": webhook.events,
        "is_enabled": webhook.is_enabled,
        "disabled_at": webhook.disabled_at,
        "disabled_reason": webhook.disabled_reason or None,
        "previous_secret_until": webhook.previous_until if webhook.is_rotating else None,
        "created_at": webhook.created_at,
    }


def of_delivery(delivery: Delivery) -> dict[str, Any]:
    """A delivery, and what its last try brought."""
    return {
        "id": delivery.public_id,
        "event_id": delivery.event_id,
        "type": delivery.type,
        "data": delivery.data,
        "status": delivery.status,
        "tries": delivery.tries,
        "next_try_at": delivery.next_try,
        "created_at": delivery.created_at,
        "tried_at": delivery.tried_at,
        "seconds": delivery.seconds,
        "response_status": delivery.response_status,
        "response_excerpt": delivery.response_excerpt,
        "error": delivery.error or None,
    }
