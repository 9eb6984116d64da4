"""What every view of the API has in common."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from django.contrib.auth.models import User
from rest_framework.exceptions import NotAuthenticated, Throttled
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from segmentation_site.access.models import ApiKey
from segmentation_site.access.scopes import Scope
from segmentation_site.http.limits import Allowance, count_call
from segmentation_site.http.parameters import Parameter, read_query
from segmentation_site.http.problems import InvalidRequest


class ApiView(APIView):
    """A view of the API: it names its scope and its query parameters; calls are counted per key, with what is left."""

    required_scope: ClassVar[Scope | str | dict[str, Scope]]
    # Method → the query parameters that it takes; every other one is refused.
    query: ClassVar[Mapping[str, Sequence[Parameter]]] = {}
    # Their values in this request.
    asked: dict[str, Any]
    # Without OPTIONS, which would only repeat what the description of the API says.
    http_method_names = ["get", "post", "put", "patch", "delete", "head"]
    _allowance: Allowance | None = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        method = "GET" if request.method == "HEAD" else str(request.method)
        self.asked = read_query(request.query_params, self.query.get(method, ()))

    def check_permissions(self, request: Request) -> None:
        known = request.user.is_authenticated or isinstance(request.auth, ApiKey)
        if known and request.method not in self.allowed_methods:
            # Before the scope is asked for: no scope would help.
            self.http_method_not_allowed(request)
        if not known:
            raise NotAuthenticated("No key came along. Send one as `Authorization: Bearer seg_…`, or sign in.")
        super().check_permissions(request)

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

    def owner_of(self, request: Request) -> str:
        """Who asks, as something that idempotency keys belong to."""
        return request.auth.public_id if isinstance(request.auth, ApiKey) else f"user {request.user.pk}"


def json_object(request: Request) -> dict[str, Any]:
    """The body as a JSON object. Raises InvalidRequest for any other kind of JSON."""
    if not isinstance(request.data, dict):
        raise InvalidRequest.at("", "not_an_object", "Send a JSON object.")
    return request.data


def asked_by(request: Request) -> User | None:
    """The person who asks, or who made the key that asks; None when nobody is known for it."""
    return request.user if isinstance(request.user, User) else None
