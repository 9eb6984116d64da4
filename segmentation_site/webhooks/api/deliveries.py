"""Deliveries: what was sent, and what came of it."""

from rest_framework.request import Request
from rest_framework.response import Response

from segmentation_site.access.bodies import read_body
from segmentation_site.access.scopes import Scope
from segmentation_site.access.views import ApiView, asked_by
from segmentation_site.http import paging
from segmentation_site.http.finding import find
from segmentation_site.http.idempotency import HEADER, idempotent
from segmentation_site.http.schema import operation, page_of
from segmentation_site.webhooks import registering
from segmentation_site.webhooks.api import answers
from segmentation_site.webhooks.api.webhooks import find_webhook
from segmentation_site.webhooks.models import Delivery


class Deliveries(ApiView):
    """The deliveries of a webhook."""

    required_scope = Scope.WEBHOOKS_WRITE
    query = {"GET": paging.PAGING}

    @operation(
        "Deliveries of a webhook, the newest first",
        page_of(answers.DELIVERY),
        description="With what the last try brought: the status of the answer, or why there was none. What the "
        "receiver said is kept of tests only.",
    )
    def get(self, request: Request, public_id: str) -> Response:
        found = Delivery.objects.filter(webhook=find_webhook(public_id))
        rows, after = paging.newest_first(found, paging.asked(request, self.asked))
        return Response(paging.answer(request, paging.Page([answers.of_delivery(one) for one in rows], after)))


class DeliveryReplay(ApiView):
    """The same event once more."""

    required_scope = Scope.WEBHOOKS_WRITE

    @operation(
        "Send a delivery again",
        answers.DELIVERY,
        status=202,
        headers=[HEADER],
        refuses=[409, 422],
        description="The same event under the same `webhook-id`, now; the tries begin anew. 409 while it is being "
        "sent, or while the webhook is disabled.",
    )
    @idempotent
    def post(self, request: Request, public_id: str, delivery_id: str) -> Response:
        read_body(request, {})
        deliveries = Delivery.objects.select_related("webhook").filter(webhook=find_webhook(public_id))
        delivery = find(deliveries, public_id=delivery_id)
        return Response(answers.of_delivery(registering.replay(delivery, by=asked_by(request))), status=202)
