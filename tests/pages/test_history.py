"""What pages tell of how segments went on: from run to run, for everybody and for one customer."""

from collections import Counter
from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.test import Client

from segments.models import Assignment, Run, Segment
from tests.segments import given

SignIn = Callable[[User], Client]


@pytest.fixture
def two_runs(transactional_db: None, mall: Callable[[], None]) -> tuple[Run, Run]:
    """Five segments by income and spending, then four of the same people; the second run is in use."""
    mall()
    segmentation = given.segmentation("Income and spending", ["annual_income", "spending_score"], k=5)
    first = given.publish(given.run(segmentation))
    given.redefine(segmentation, k=4)
    return first, given.publish(given.run(segmentation))


def where(run: Run) -> dict[int, int]:
    return dict(Assignment.objects.filter(run_id=run.pk).values_list("customer_id", "segment_id"))


def test_pages_tell_who_moved(signed_in: SignIn, analyst: User, two_runs: tuple[Run, Run]) -> None:
    browser = signed_in(analyst)
    before, after = (where(run) for run in two_runs)
    moved = [customer for customer, segment in after.items() if before[customer] != segment]
    assert moved

    # The overview: in the story, and at each segment.
    overview = browser.get("/")
    (in_use,) = overview.context["segmentations"]
    assert in_use.movement.moved == len(moved)
    assert f"{len(moved)} moved to another segment" in overview.content.decode()
    sizes_before = Counter(before.values())
    for share in in_use.shares:
        change = share.size - sizes_before[share.segment.pk]
        assert share.change.replace("\u2212", "-").replace("±", "") == (f"{change:+}" if change else "0")
    assert in_use.draft is None

    # A segment: its sizes, who joined and who left.
    segment = Segment.objects.get(pk=after[moved[0]])
    chart = browser.get(f"/segments/{segment.public_id}").context["portrait"].history
    assert [row[1] for row in chart.rows] == [str(sizes_before[segment.pk]), str(Counter(after.values())[segment.pk])]
    joined = sum(1 for customer in moved if after[customer] == segment.pk)
    left = sum(1 for customer in moved if before[customer] == segment.pk)
    assert chart.rows[0][2:] == ("–", "–")
    assert chart.rows[1][2:] == (str(joined), str(left))

    # A customer: the way through the segments; who stayed has none.
    (explanation,) = browser.get(f"/customers/{moved[0]}").context["explanations"]
    assert [step.segment.pk for step in explanation.path] == [before[moved[0]], after[moved[0]]]
    stayed = next(customer for customer in after if customer not in moved)
    assert "Path through the segments" not in browser.get(f"/customers/{stayed}").content.decode()


def test_the_overview_says_that_a_newer_run_waits(signed_in: SignIn, viewer: User, two_runs: tuple[Run, Run]) -> None:
    draft = given.run(two_runs[1].segmentation)
    page = signed_in(viewer).get("/").content.decode()
    assert "A newer run waits as a draft." in page
    assert f'href="/runs/{draft.public_id}"' in page


def test_a_map_shows_the_main_directions_too(signed_in: SignIn, viewer: User, two_runs: tuple[Run, Run]) -> None:
    browser = signed_in(viewer)
    page = browser.get(f"/runs/{two_runs[1].public_id}?x=~1&y=~2")
    # Two features have no third direction to lose.
    assert "show 100% of how customers differ" in page.content.decode()
    centroids, *groups = page.context["map"].config["data"]["datasets"]
    assert len(centroids["data"]) == 4
    assert sum(len(group["data"]) for group in groups) == 200
    # Everybody's middle is where both are zero.
    points = [point for group in groups for point in group["data"]]
    assert sum(point["x"] for point in points) / 200 == pytest.approx(0, abs=0.01)
    assert "how customers differ" not in browser.get(f"/runs/{two_runs[1].public_id}").content.decode()
