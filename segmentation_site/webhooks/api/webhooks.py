"""Webhooks: who is told of what."""

from collections.abc import Mapping, Sequence
from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from segmentation_site.access.bodies import LIST, TEXT, TRUTH, Kind, read_body
from segmentation_site.access.scopes import Scope
from segmentation_site.access.views import ApiView, asked_by
from segmentation_site.http import paging
from segmentation_site.http import schema as described
from segmentation_site.http.finding import find
from segmentation_site.http.idempotency import HEADER, idempotent
from segmentation_site.http.problems import InvalidRequest
from segmentation_site.http.schema import operation, page_of, shape
from segmentation_site.webhooks import registering
from segmentation_site.webhooks.api import answers
from segmentation_site.webhooks.models import Webhook

_NEW = {"name": TEXT, "url": TEXT, "events": LIST}
_CHANGE = _NEW | {"is_enabled": TRUTH}
_NEW_IN_WORDS = {
    "name": described.TEXT,
    "url": described.TEXT | {"format": "uri"},
    "events": answers.EVENTS,
}
_CHANGE_IN_WORDS = _NEW_IN_WORDS | {"is_enabled": described.BOOLEAN}
_SECRET_ONCE = "The secret is in this answer and in no other: keep it where the receiver verifies signatures."  # noqa: S105 - words
_CHECKED = "The address must be https and lead into the public internet. "


def find_webhook(public_id: str) -> Webhook:
    """The webhook of that id. Raises NotFound."""
    return find(Webhook.objects.all(), public_id=public_id)


def _asked(request: Request, fields: Mapping[str, Kind], *, required: Sequence[str] = ()) -> dict[str, Any]:
    """What is given for a webhook. Raises InvalidRequest."""
    body = read_body(request, fields, required=required)
    for place, event in enumerate(body.get("events", ())):
        if not isinstance(event, str):
            raise InvalidRequest.at(f"/events/{place}", "invalid_type", "events must be a list of texts.")
    return body


class Webhooks(ApiView):
    """All webhooks, and a new one."""

    required_scope = Scope.WEBHOOKS_WRITE
    query = {"GET": paging.PAGING}

    @operation("Webhooks, the newest first", page_of(answers.WEBHOOK))
    def get(self, request: Request) -> Response:
        rows, after = paging.newest_first(Webhook.objects.all(), paging.asked(request, self.asked))
        return Response(paging.answer(request, paging.Page([answers.of_webhook(one) for one in rows], after)))

    @operation(
        "Make a webhook",
        answers.WEBHOOK_WITH_SECRET,
        status=201,
        location="Where the webhook is.",
        body=shape("NewWebhook", _NEW_IN_WORDS),
        description=_CHECKED + _SECRET_ONCE,
    )
    def post(self, request: Request) -> Response:
        body = _asked(request, _NEW, required=list(_NEW))
        webhook, secret = registering.create(**body, by=asked_by(request))
        location = reverse("api-webhook", args=[webhook.public_id], request=request)
        told = answers.of_webhook(webhook) | {"secret": secret}
        return Response(told, status=201, headers={"Location": location})


class WebhookOne(ApiView):
    """One webhook."""

    required_scope = Scope.WEBHOOKS_WRITE

    @operation("One webhook, without its secret", answers.WEBHOOK)
    def get(self, request: Request, public_id: str) -> Response:
        return Response(answers.of_webhook(find_webhook(public_id)))

    @operation(
        "Change a webhook",
        answers.WEBHOOK,
        body=shape("WebhookChange", _CHANGE_IN_WORDS, optional=list(_CHANGE_IN_WORDS)),
        description=_CHECKED + "What is not given stays. With `is_enabled` false nothing is sent; what waits is sent "
        "once it is true again.",
    )
    def patch(self, request: Request, public_id: str) -> Response:
        webhook, body = find_webhook(public_id), _asked(request, _CHANGE)
        return Response(answers.of_webhook(registering.change(webhook, by=asked_by(request), **body)))

    @operation("Delete a webhook", status=204, description="With its deliveries, sent or not.")
    def delete(self, request: Request, public_id: str) -> Response:
        registering.delete(find_webhook(public_id), by=asked_by(request))
        return Response(status=204)


class WebhookTest(ApiView):
    """The test of a connection."""

    required_scope = Scope.WEBHOOKS_WRITE

    @operation(
        "Send a test",
        answers.DELIVERY,
        status=202,
        headers=[HEADER],
        refuses=[409, 422],
        description="An event `webhook.test`, sent once by a worker: look in the deliveries what came of it.",
    )
    @idempotent
    def post(self, request: Request, public_id: str) -> Response:
        read_body(request, {})
        return Response(
            answers.of_delivery(registering.test(find_webhook(public_id), by=asked_by(request))), status=202
        )


class WebhookRotate(ApiView):
    """Another secret."""

    required_scope = Scope.WEBHOOKS_WRITE

    @operation(
        "Rotate the secret",
        answers.WEBHOOK_WITH_SECRET,
        description="For 24 hours deliveries carry two signatures, by the new secret and by the one before. "
        + _SECRET_ONCE,
    )
    def post(self, request: Request, public_id: str) -> Response:
        read_body(request, {})
        webhook, secret = registering.rotate(find_webhook(public_id), by=asked_by(request))
        return Response(answers.of_webhook(webhook) | {"secret": secret})
