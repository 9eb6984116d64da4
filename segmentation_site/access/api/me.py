"""Who asks, and what they may do."""

from django.conf import settings
from rest_framework.request import Request
from rest_framework.response import Response

from segmentation_site.access.models import ApiKey
from segmentation_site.access.scopes import ANY_KEY, scopes_of
from segmentation_site.access.views import ApiView
from segmentation_site.http.limits import WINDOW_SECONDS
from segmentation_site.http.paging import LARGEST_PAGE
from segmentation_site.http.schema import INTEGER, MOMENT, TEXT, list_of, nullable, operation, shape

KEY = shape("Key", {"id": TEXT, "name": TEXT, "prefix": TEXT, "created_at": MOMENT, "expires_at": nullable(MOMENT)})
ME = shape(
    "Me",
    {
        "key": nullable(KEY),
        "user": nullable(TEXT),
        "scopes": list_of(TEXT),
        "limits": shape("Limits", {"calls": INTEGER, "seconds": INTEGER, "page_size": INTEGER}),
    },
)


class Me(ApiView):
    """The test of a connection."""

    required_scope = ANY_KEY

    @operation(
        "The key or the signed-in user that asks",
        ME,
        description="Call it to test a connection: it needs no particular scope and tells what you may do.",
    )
    def get(self, request: Request) -> Response:
        key = request.auth if isinstance(request.auth, ApiKey) else None
        return Response(
            {
                "key": key
                and {
                    "id": key.public_id,
                    "name": key.name,
                    "prefix": key.prefix,
                    "created_at": key.created_at,
                    "expires_at": key.expires_at,
                },
                "user": None if key else request.user.get_username(),
                "scopes": sorted(scopes_of(request)),
                "limits": {
                    "calls": settings.API_CALLS_PER_MINUTE,
                    "seconds": WINDOW_SECONDS,
                    "page_size": LARGEST_PAGE,
                },
            }
        )
