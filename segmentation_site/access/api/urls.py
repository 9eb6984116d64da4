"""Addresses of the API that are about whoever asks."""

from django.urls import path

from segmentation_site.access.api.me import Me

urlpatterns = [path("me", Me.as_view(), name="api-me")]
