"""The site's addresses, and beside them those of its peers."""

from django.urls import include, path

from segmentation_site.urls import urlpatterns as site

urlpatterns = [path("peers/", include("benchmarks.peers")), *site]
