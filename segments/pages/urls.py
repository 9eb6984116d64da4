"""Addresses of the pages on segments: each noun's file holds its own list."""

from segments.pages import customers, exports, overview, runs, search, segmentations, segments

urlpatterns = [
    *overview.urlpatterns,
    *search.urlpatterns,
    *customers.urlpatterns,
    *segmentations.urlpatterns,
    *runs.urlpatterns,
    *segments.urlpatterns,
    *exports.urlpatterns,
]
