"""Addresses for signing in and out, passwords, people, API keys, the audit trail and the state of the site."""

from segmentation_site.access.pages import accounts, audit, keys, people, status

urlpatterns = [*accounts.urlpatterns, *keys.urlpatterns, *audit.urlpatterns, *people.urlpatterns, *status.urlpatterns]
