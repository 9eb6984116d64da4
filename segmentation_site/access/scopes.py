"""What a key may do. Deny by default: a view that names no scope is refused to everybody."""

from enum import StrEnum
from typing import Any

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from segmentation_site.access.models import ApiKey
from segmentation_site.access.roles import Deed, deeds_of


class Scope(StrEnum):
    """The scopes of API keys."""

    CUSTOMERS_READ = "customers:read"
    CUSTOMERS_WRITE = "customers:write"
    CUSTOMERS_ERASE = "customers:erase"
    IMPORTS_WRITE = "imports:write"
    SEGMENTS_READ = "segments:read"
    SEGMENTS_WRITE = "segments:write"
    SEGMENTATIONS_WRITE = "segmentations:write"
    RUNS_WRITE = "runs:write"
    MEMBERS_READ = "members:read"
    EXPORTS_WRITE = "exports:write"
    WEBHOOKS_WRITE = "webhooks:write"


ANY_KEY = "any"

# What a signed-in browser may do over the API follows from the deeds of its user's role.
OF_DEED: dict[Deed, frozenset[Scope]] = {
    Deed.SEE_SEGMENTS: frozenset({Scope.SEGMENTS_READ}),
    Deed.SEE_CUSTOMERS: frozenset({Scope.CUSTOMERS_READ, Scope.MEMBERS_READ}),
    Deed.IMPORT: frozenset({Scope.IMPORTS_WRITE, Scope.CUSTOMERS_WRITE}),
    Deed.SEGMENT: frozenset({Scope.SEGMENTATIONS_WRITE, Scope.SEGMENTS_WRITE}),
    Deed.PUBLISH: frozenset({Scope.RUNS_WRITE}),
    Deed.EXPORT: frozenset({Scope.EXPORTS_WRITE}),
    Deed.ADMINISTER: frozenset({Scope.CUSTOMERS_ERASE, Scope.WEBHOOKS_WRITE}),
}


def scopes_of(request: Request) -> frozenset[str]:
    """The scopes of whoever asks: those of the key, or those that the signed-in user's role brings."""
    if isinstance(request.auth, ApiKey):
        return frozenset(request.auth.scopes)
    return frozenset(scope.value for deed in deeds_of(request.user) for scope in OF_DEED[deed])


class HasScope(BasePermission):
    """Lets in who has the view's scope for this method.

    A view names `required_scope`, one scope for all methods or a dict from method to scope; `ANY_KEY` lets every key
    in.
    """

    def has_permission(self, request: Request, view: Any) -> bool:
        required = getattr(view, "required_scope", None)
        if isinstance(required, dict):
            required = required.get("GET" if request.method in ("HEAD", "OPTIONS") else request.method)
        if required is None:
            self.message = "Nobody may do this."
            return False
        if not request.user.is_authenticated and not isinstance(request.auth, ApiKey):
            return False
        if required == ANY_KEY or required in scopes_of(request):
            return True
        self.message = f"This needs the scope {required}, which your key or role does not have."
        return False
