"""Addresses of the pages on segments: each noun's file holds its own list."""

from segments.pages import customers, overview

urlpatterns = [
    *overview.urlpatterns,
    *customers.urlpatterns,
]
