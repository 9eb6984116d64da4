"""Sending what waits in the outbox: who claims a row sends it, and writes down what came of it.

A delivery arrives at least once. A sender that dies loses its claim, and somebody else sends the same event again under
the same id. Receivers that fail are tried ten times over 75 hours.
"""

import logging
import uuid
from datetime import UTC, datetime, timedelta
from random import SystemRandom

import orjson
from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_noop

from segmentation_site.access import audit
from segmentation_site.access.audit import Action
from segmentation_site.jobs import bell
from segmentation_site.webhooks import posting, signing
from segmentation_site.webhooks.events import TEST
from segmentation_site.webhooks.models import Delivery, DeliveryStatus, Webhook
from segmentation_site.webhooks.posting import Answer

logger = logging.getLogger(__name__)

# The pauses after each failed try, as Standard Webhooks suggests them: ten tries in 75 hours and a half.
PAUSES = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
MOST_TRIES = len(PAUSES) + 1
# Spread, so that all that failed at once does not come back at once.
JITTER = 0.1
# Several times what one try can take.
LEASE = timedelta(seconds=60)
AT_ONCE = 100

_random = SystemRandom()


def due() -> QuerySet[Delivery]:
    """What is to be sent now and is held by nobody. Tests are sent to webhooks that are not enabled, too.

    No join: a guarded UPDATE must see the row itself as it is when its turn comes.
    """
    enabled = Webhook.objects.filter(pk=OuterRef("webhook_id"), is_enabled=True)
    return Delivery.objects.filter(
        Q(lease_expires_at=None) | Q(lease_expires_at__lt=Now()),
        Q(type=TEST) | Exists(enabled),
        status=DeliveryStatus.WAITING,
        next_try_at__lte=Now(),
    )


def ring_for_due() -> int:
    """Ring for the oldest delivery of each webhook that has one: a slow receiver keeps no more than one worker busy.

    Returns how many were rung for.
    """
    busy = Delivery.objects.filter(webhook=OuterRef("webhook_id"), lease_expires_at__gt=Now())
    oldest = due().exclude(Exists(busy)).order_by("webhook_id", "next_try_at", "pk").distinct("webhook_id")
    rung = list(oldest.values_list("pk", flat=True)[:AT_ONCE])
    for pk in rung:
        bell.send(Delivery.task, pk)
    return len(rung)


def deliver(pk: int) -> bool:
    """Send one delivery, once. False when it is not due, or somebody else has it."""
    delivery = claim(pk)
    if delivery is None:
        return False
    answer = send(delivery)
    _record(delivery, answer)
    logger.info("A webhook answered %s in %.1f s, try %d", answer.status, answer.seconds, delivery.tries)
    if answer.is_received:
        # The next one of this webhook; one that fails waits for the sweep.
        bell.send(Delivery.sweep_task)
    return True


def claim(pk: int) -> Delivery | None:
    """Take a delivery that is due: one guarded UPDATE, after which nobody else sends it for a minute."""
    claimed = due().filter(pk=pk)
    if not claimed.update(lease_token=uuid.uuid4(), lease_expires_at=Now() + LEASE, tries=F("tries") + 1):
        return None
    return Delivery.objects.select_related("webhook").get(pk=pk)


def send(delivery: Delivery) -> Answer:
    """One try, with nothing of the database held meanwhile."""
    webhook, content = delivery.webhook, body(delivery)
    try:
        headers = signing.headers(webhook, delivery.event_id, content, at=timezone.now())
    except signing.Unreadable as problem:
        return Answer(None, "", problem.detail, 0.0)
    return posting.post(webhook.url, headers, content)


def body(delivery: Delivery) -> bytes:
    """What is sent: the same bytes at every try."""
    happened = delivery.created_at.astimezone(UTC)
    told = {"type": delivery.type, "timestamp": happened, "data": delivery.data}
    return orjson.dumps(told, option=orjson.OPT_UTC_Z)


def pause_after(tries: int) -> timedelta:
    """How long to wait after this many tries, not to the second."""
    return PAUSES[tries - 1] * (1 + _random.uniform(-JITTER, JITTER))


def _record(delivery: Delivery, answer: Answer) -> None:
    """Write down what the try brought, unless somebody else holds the delivery by now."""
    now = timezone.now()
    most = 1 if delivery.is_test else MOST_TRIES
    is_over = answer.is_gone or delivery.tries >= most
    status = DeliveryStatus.WAITING
    if answer.is_received:
        status = DeliveryStatus.DELIVERED
    elif is_over:
        status = DeliveryStatus.FAILED
    with transaction.atomic():
        held = Delivery.objects.filter(pk=delivery.pk, lease_token=delivery.lease_token)
        written = held.update(
            status=status,
            next_try_at=now + pause_after(delivery.tries) if status == DeliveryStatus.WAITING else now,
            lease_token=None,
            lease_expires_at=None,
            tried_at=now,
            seconds=answer.seconds,
            response_status=answer.status,
            # Whom it was told of by id, a receiver may name in its answer: none is kept but those to tests, which
            # tell of nobody.
            response_excerpt=answer.excerpt if delivery.is_test else "",
            error=answer.error,
        )
        if written and status == DeliveryStatus.FAILED:
            _disable_if_hopeless(delivery, answer, now)


def _disable_if_hopeless(delivery: Delivery, answer: Answer, now: datetime) -> None:
    if answer.is_gone:
        disable(delivery.webhook, gettext_noop("It answered 410: nothing is to be sent there any more."), now)
    elif not delivery.is_test and not _has_heard_since(delivery):
        disable(
            delivery.webhook,
            gettext_noop("It did not take anything in {tries} tries over three days. The last time: {why}").format(
                tries=MOST_TRIES, why=answer.error
            ),
            now,
        )


def _has_heard_since(delivery: Delivery) -> bool:
    """Whether the receiver took other events meanwhile: then it is this one that it does not like."""
    others = delivery.webhook.deliveries.filter(status=DeliveryStatus.DELIVERED, tried_at__gt=delivery.created_at)
    return others.exists()


def disable(webhook: Webhook, reason: str, now: datetime) -> None:
    """Send nothing there any more until somebody enables it again; what waits goes on waiting."""
    enabled = Webhook.objects.filter(pk=webhook.pk, is_enabled=True)
    if enabled.update(is_enabled=False, disabled_at=now, disabled_reason=reason):
        audit.record(Action.WEBHOOK_DISABLED, webhook.public_id, name=webhook.name, reason=reason)
        logger.warning("The webhook %s is disabled: %s", webhook.public_id, reason)
