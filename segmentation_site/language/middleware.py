"""The language of a request: pages speak the reader's, what programs ask for is English always."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.utils import translation
from django.utils.cache import patch_vary_headers

ENGLISH = "en"
# What programs read and compare: nothing in it may change with a header that a library sends by itself.
FOR_PROGRAMS = ("/api/", "/livez", "/readyz", "/metrics")


class LanguageMiddleware:
    """The language that somebody chose (a cookie), else the first of their browser's that the site speaks.

    Unlike Django's own it puts back what was before, so that no thread goes on in the language of its last request.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path.startswith(FOR_PROGRAMS):
            with translation.override(ENGLISH):
                return self.get_response(request)
        language = translation.get_language_from_request(request)
        with translation.override(language):
            response = self.get_response(request)
        response.headers.setdefault("Content-Language", language)
        patch_vary_headers(response, ["Accept-Language"])
        return response
