"""Addresses for signing in and out, passwords, API keys, the audit trail and the state of the site."""

from segmentation_site.access.pages import accounts, audit, keys, status

urlpatterns = [*accounts.urlpatterns, *keys.urlpatterns, *audit.urlpatterns, *status.urlpatterns]
