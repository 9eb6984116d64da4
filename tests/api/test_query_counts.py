"""What a list costs the database does not grow with what is in it."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from segments.models import Run
from tests.api.calling import Caller, data
from tests.segments import given


@pytest.mark.parametrize(
    "path",
    [
        "/segmentations",
        "/segmentations/income-and-spending/runs",
        "/segmentations/income-and-spending/segments",
        "/segmentations/income-and-spending/members",
        "/customers",
    ],
)
def test_a_longer_page_takes_as_many_queries_as_a_short_one(published: Run, path: str) -> None:
    given.segmentation("By age", ["age"], k=2)
    given.run(published.segmentation)
    caller = Caller("segments:read", "members:read", "customers:read")

    # The first call notes that the key was used.
    caller.get(path)
    counts = {}
    for size in (1, 2, 100):
        with CaptureQueriesContext(
            connection,
        ) as queries:
            results = data(caller.get(path, {"page_size": size}))["results"]
        counts[len(results)] = len(queries)

    assert len(counts) > 1, "pages of different lengths were asked for"
    assert len(set(counts.values())) == 1, counts
