"""What every view of the API has in common."""

from typing import Any, ClassVar

from rest_framework.exceptions import Throttled
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from segmentation_site.access.models import ApiKey
from segmentation_site.access.scopes import Scope
from segmentation_site.http.limits import Allowance, count_call


class ApiView(APIView):
    """A view of the API: it names its scope, counts calls per key and says what is left of them."""

    required_scope: ClassVar[Scope | str | dict[str, Scope]]
    _allowance: Allowance | None = None

    def check_throttles(self, request: Request) -> None:
        if isinstance(request.auth, ApiKey):
            self._allowance = count_call(request.auth.public_id)
            if self._allowance is not None and self._allowance.is_exceeded:
                raise Throttled(wait=self._allowance.resets_in, detail="Too many calls with this key in this minute.")

    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Response:
        response = super().finalize_response(request, response, *args, **kwargs)
        if self._allowance is not None:
            for name, value in self._allowance.headers.items():
                response[name] = value
        response["Cache-Control"] = "private, no-cache"
        return response
