"""Addresses of the API; each app brings those of its nouns."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import include, path, re_path
from django.views.decorators.csrf import csrf_exempt
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.views import APIView

from segmentation_site.http.problems import NotFound


class NothingHere(APIView):
    """Whatever else is asked under /api: a problem document, as all of the API's errors are."""

    authentication_classes = ()
    permission_classes = ()
    schema = None

    def initial(self, request: Any, *args: Any, **kwargs: Any) -> None:
        raise NotFound()


@csrf_exempt
def nothing_here(request: HttpRequest, **kwargs: Any) -> HttpResponse:
    """The same as a function, for the resolver. Nothing is done, so that nobody has to prove that they meant it."""
    return NothingHere.as_view()(request)


urlpatterns = [
    path("v1/", include("segmentation_site.access.api.urls")),
    path("v1/", include("segmentation_site.webhooks.api.urls")),
    path("v1/", include("customers.api.urls")),
    path("v1/", include("segments.api.urls")),
    path("schema", SpectacularAPIView.as_view(), name="api-schema"),
    # The split view keeps its script in a file of its own: no inline script is allowed here.
    path(
        "docs",
        SpectacularSwaggerSplitView.as_view(url_name="api-schema", template_name="api/docs.html"),
        name="api-docs",
    ),
    # A dot would not match a line break.
    re_path(r"^[\s\S]*$", nothing_here, name="api-nothing"),
]
