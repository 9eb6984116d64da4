"""Addresses of the API that are about webhooks."""

from django.urls import path

from segmentation_site.webhooks.api.deliveries import Deliveries, DeliveryReplay
from segmentation_site.webhooks.api.webhooks import WebhookOne, WebhookRotate, Webhooks, WebhookTest

urlpatterns = [
    path("webhooks", Webhooks.as_view(), name="api-webhooks"),
    path("webhooks/<str:public_id>", WebhookOne.as_view(), name="api-webhook"),
    path("webhooks/<str:public_id>/test", WebhookTest.as_view(), name="api-webhook-test"),
    path("webhooks/<str:public_id>/rotate", WebhookRotate.as_view(), name="api-webhook-rotate"),
    path("webhooks/<str:public_id>/deliveries", Deliveries.as_view(), name="api-webhook-deliveries"),
    path(
        "webhooks/<str:public_id>/deliveries/<str:delivery_id>/replay",
        DeliveryReplay.as_view(),
        name="api-webhook-delivery-replay",
    ),
]
