"""Which of its formats an endpoint answers in."""

from collections.abc import Iterable
from typing import Any

from rest_framework.exceptions import NotAcceptable
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request


class ByPreference(DefaultContentNegotiation):
    """Heeds the quality values of `Accept` (RFC 9110), which Django REST framework's own negotiation passes over."""

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[Any, str]:
        """The renderer that the caller likes best; the first one when it has no preference. Raises NotAcceptable."""
        by_type = {str(renderer.media_type): renderer for renderer in renderers}
        liked = request._request.get_preferred_type(list(by_type))
        if liked is None:
            raise NotAcceptable(available_renderers=list(by_type.values()))
        return by_type[liked], liked
