"""Who asks, and what they may do."""

from django.conf import settings
from rest_framework.request import Request
from rest_framework.response import Response

from segmentation_site.access.models import ApiKey
from segmentation_site.access.scopes import ANY_KEY, scopes_of
from segmentation_site.access.views import ApiView
from segmentation_site.http.limits import HOURS_COUNTED, WINDOW_SECONDS, calls_of_last_day
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
        "usage": nullable(
            shape("Usage", {"calls": nullable(INTEGER), "hours": INTEGER, "last_used_at": nullable(MOMENT)})
        ),
    },
)


class Me(ApiView):
    """The test of a connection."""

    required_scope = ANY_KEY

    @operation(
        "The key or the signed-in user that asks",
        ME,
        description="Call it to test a connection: it needs no particular scope and tells what you may do. `usage` is "
        "how often the key has called in this hour and the 23 before it, this call included (null while nobody knows), "
        "and when, to the minute, before this call; of a signed-in user it is null.",
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
                "usage": key
                and {
                    "calls": calls_of_last_day([key.public_id]).get(key.public_id),
                    "hours": HOURS_COUNTED,
                    "last_used_at": key.last_used_at,
                },
            }
        )
