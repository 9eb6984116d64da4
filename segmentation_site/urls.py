"""Every address of the site, by noun."""

from django.contrib import admin
from django.urls import include, path
from django.views.i18n import set_language

urlpatterns = [
    path("", include("segments.pages.urls")),
    path("", include("customers.pages.urls")),
    # Before the admin's own, whose sign-in it takes the place of.
    path("", include("segmentation_site.access.pages.urls")),
    path("", include("segmentation_site.webhooks.pages.urls")),
    path("", include("segmentation_site.http.health")),
    path("", include("segmentation_site.http.metrics")),
    path("language", set_language, name="set_language"),
    path("api/", include("segmentation_site.http.api_urls")),
    path("admin/", admin.site.urls),
]
