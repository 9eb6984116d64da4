"""Addresses for signing in and out, passwords and API keys."""

from segmentation_site.access.pages import accounts, keys

urlpatterns = [*accounts.urlpatterns, *keys.urlpatterns]
