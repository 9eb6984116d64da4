"""The feed of changes: who joined, left, moved or is gone."""

from rest_framework.request import Request
from rest_framework.response import Response

from segmentation_site.access.scopes import Scope
from segmentation_site.access.views import ApiView
from segmentation_site.http import paging
from segmentation_site.http.parameters import whole
from segmentation_site.http.problems import IN_QUERY, InvalidRequest
from segmentation_site.http.schema import INTEGER, MOMENT, TEXT, nullable, one_of, operation, page_of, shape
from segments.api.segmentations import find_for_pulling
from segments.browsing.changes import changes
from segments.models import Change

CHANGE = shape(
    "Change",
    {
        "sequence": INTEGER,
        "type": one_of(Change.Kind.values),
        "external_id": TEXT,
        "from_segment_id": nullable(TEXT),
        "to_segment_id": nullable(TEXT),
        "run_id": nullable(TEXT),
        "at": MOMENT,
    },
)


class Changes(ApiView):
    """What changed since a tool last asked."""

    required_scope = Scope.MEMBERS_READ
    query = {
        "GET": (
            *paging.PAGING,
            whole("since", "The last sequence that you have seen; 0 for everything.", least=0, most=2**62, default=0),
        )
    }

    @operation(
        "Who joined, left and moved",
        page_of(CHANGE),
        description="Ascending by `sequence`, which is given when a run is published, under a lock: a puller that "
        "keeps the last one and gives it as `since` next time never misses an entry and never sees one twice. Replayed "
        "from 0 the feed gives the members of the published run. An `erased` customer is to be forgotten. 400 with "
        "`beyond_end`: an older state of the site was restored, and a tool has to begin anew.",
    )
    def get(self, request: Request, slug: str) -> Response:
        wanted = paging.asked(request, self.asked)
        segmentation = find_for_pulling(slug)
        since = wanted.after or self.asked["since"]
        if since > segmentation.last_change:
            raise InvalidRequest.at(
                f"{IN_QUERY}since",
                "beyond_end",
                f"The last sequence is {segmentation.last_change}: an older state of this site was restored since you "
                "asked last. Forget what you know and begin with 0.",
            )
        rows, last = changes(segmentation, since=since, size=wanted.size)
        return Response(paging.answer(request, paging.Page(rows, last)))
