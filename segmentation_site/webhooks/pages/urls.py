"""Addresses of the pages on webhooks."""

from segmentation_site.webhooks.pages import webhooks

urlpatterns = [*webhooks.urlpatterns]
