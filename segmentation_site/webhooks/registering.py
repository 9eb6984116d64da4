"""Making, changing, rotating, testing and deleting webhooks, and having a delivery sent again."""

from collections.abc import Iterable
from datetime import timedelta
from urllib.parse import urlsplit

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_noop

from segmentation_site.access import audit
from segmentation_site.access.audit import Action
from segmentation_site.database.public_ids import new_public_id
from segmentation_site.jobs.problems import Problem
from segmentation_site.webhooks import addresses, outbox, signing
from segmentation_site.webhooks.events import TEST, Event
from segmentation_site.webhooks.models import Delivery, DeliveryStatus, Webhook

LONGEST_NAME = 100
# The previous secret signs for so long, so that the receiver can be changed over.
ROTATION_OVERLAP = timedelta(hours=24)


class InvalidName(Problem):
    code = "invalid_name"
    sentence = gettext_noop("A name has from 1 to {longest} characters.")
    remedy = gettext_noop("Give another one.")


class InvalidEvents(Problem):
    code = "invalid_events"
    sentence = "{detail}"
    remedy = gettext_noop("Events: {events}.")


class Disabled(Problem):
    code = "webhook_disabled"
    sentence = gettext_noop("This webhook is disabled, so nothing is sent to it.")
    remedy = gettext_noop("Enable it first.")
    http_status = 409


class BeingSent(Problem):
    code = "delivery_in_flight"
    sentence = gettext_noop("This delivery is being sent right now.")
    remedy = gettext_noop("Wait a moment and look what came of it.")
    http_status = 409


def create(*, name: str, url: str, events: Iterable[str], by: User | None) -> tuple[Webhook, str]:
    """Make a webhook; returns it and its secret, which is never to be had again.

    Raises InvalidName, InvalidEvents or addresses.Refused.
    """
    name, wanted = _name(name), _events(events)
    addresses.look_up(url)
    secret, public_id = signing.new_secret(), new_public_id("whk")
    with transaction.atomic():
        webhook = Webhook.objects.create(
            public_id=public_id,
            name=name,
            url=url,
            events=wanted,
            sealed_secret=signing.seal(secret, public_id),
            created_by=by,
        )
        audit.record(Action.WEBHOOK_MADE, public_id, by=by, name=name, host=_host(url), events=wanted)
    webhook.refresh_from_db()
    return webhook, secret


def change(
    webhook: Webhook,
    *,
    by: User | None,
    name: str | None = None,
    url: str | None = None,
    events: Iterable[str] | None = None,
    is_enabled: bool | None = None,
) -> Webhook:
    """Change what is given. Raises as `create`."""
    changes: dict[str, object] = {}
    if name is not None:
        changes["name"] = _name(name)
    if url is not None:
        addresses.look_up(url)
        changes["url"] = url
    if events is not None:
        changes["events"] = _events(events)
    if is_enabled is not None:
        changes["is_enabled"] = is_enabled
    with transaction.atomic():
        held = Webhook.objects.select_for_update(no_key=True).get(pk=webhook.pk)
        changes = {field: value for field, value in changes.items() if getattr(held, field) != value}
        if not changes:
            return held
        if "is_enabled" in changes:
            held.disabled_at, held.disabled_reason = None if is_enabled else timezone.now(), ""
        for field, value in changes.items():
            setattr(held, field, value)
        held.save(update_fields=[*changes, "disabled_at", "disabled_reason"])
        told = changes | ({"url": _host(str(url))} if "url" in changes else {})
        audit.record(Action.WEBHOOK_CHANGED, held.public_id, by=by, **told)
        if changes.get("is_enabled"):
            outbox.ring_on_commit()
    return held


def rotate(webhook: Webhook, *, by: User | None) -> tuple[Webhook, str]:
    """A new secret, never to be had again; for 24 hours the previous one signs as well."""
    secret = signing.new_secret()
    with transaction.atomic():
        held = Webhook.objects.select_for_update(no_key=True).get(pk=webhook.pk)
        held.sealed_previous, held.previous_until = held.sealed_secret, timezone.now() + ROTATION_OVERLAP
        try:
            signing.unseal(held.sealed_previous, held.public_id)
        except signing.Unreadable:
            # It signs nothing any more.
            held.sealed_previous, held.previous_until = None, None
        held.sealed_secret = signing.seal(secret, held.public_id)
        held.save(update_fields=["sealed_secret", "sealed_previous", "previous_until"])
        audit.record(Action.WEBHOOK_ROTATED, held.public_id, by=by, name=held.name)
    return held, secret


def delete(webhook: Webhook, *, by: User | None) -> None:
    """Delete a webhook with its deliveries, sent or not."""
    with transaction.atomic():
        # Events that are being written for it come first, and go along.
        held = Webhook.objects.select_for_update().get(pk=webhook.pk)
        audit.record(Action.WEBHOOK_DELETED, held.public_id, by=by, name=held.name, host=_host(held.url))
        held.delete()


def test(webhook: Webhook, *, by: User | None) -> Delivery:
    """Send an event that means nothing, once; also to a webhook that is disabled."""
    with transaction.atomic():
        (delivery,) = outbox.write([webhook], TEST, {"webhook_id": webhook.public_id})
        audit.record(Action.WEBHOOK_TESTED, webhook.public_id, by=by, name=webhook.name)
    delivery.refresh_from_db()
    return delivery


def replay(delivery: Delivery, *, by: User | None) -> Delivery:
    """Send an event again under its id, now; the tries begin anew. Raises Disabled or BeingSent."""
    webhook = delivery.webhook
    if not webhook.is_enabled and not delivery.is_test:
        raise Disabled()
    with transaction.atomic():
        rows = Delivery.objects.filter(Q(lease_expires_at=None) | Q(lease_expires_at__lt=Now()), pk=delivery.pk)
        if not rows.update(status=DeliveryStatus.WAITING, tries=0, next_try_at=Now()):
            raise BeingSent()
        audit.record(Action.WEBHOOK_REPLAYED, webhook.public_id, by=by, event=delivery.event_id)
        outbox.ring_on_commit()
    delivery.refresh_from_db()
    return delivery


def _name(name: str) -> str:
    name = name.strip()
    if not 1 <= len(name) <= LONGEST_NAME:
        raise InvalidName(pointer="/name", longest=LONGEST_NAME)
    return name


def _events(events: Iterable[str]) -> list[str]:
    wanted, known = set(events), [event.value for event in Event]
    names = ", ".join(known)
    if unknown := sorted(wanted - set(known)):
        raise InvalidEvents(
            pointer="/events",
            detail=gettext_noop("There is no event {event!r}.").format(event=unknown[0]),
            events=names,
        )
    if not wanted:
        raise InvalidEvents(
            pointer="/events", detail=gettext_noop("A webhook is told of at least one event."), events=names
        )
    return [event for event in known if event in wanted]


def _host(url: str) -> str:
    """Of an address only what is no secret: paths of webhooks often are."""
    return urlsplit(url).hostname or ""
