"""Addresses for signing in and out, passwords, API keys and the state of the site."""

from segmentation_site.access.pages import accounts, keys, status

urlpatterns = [*accounts.urlpatterns, *keys.urlpatterns, *status.urlpatterns]
