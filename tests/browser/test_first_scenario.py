"""From an empty site to members in a marketing tool, as somebody does it who has never seen it before."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from segments.models import Segment, Segmentation

SECONDS = 1000
LONG = 60 * SECONDS
DATASETS = """() => [...document.querySelectorAll("canvas")].map(canvas => Chart.getChart(canvas))
    .filter(chart => chart && chart.config.type === "scatter")
    .map(chart => chart.data.datasets.map(set => ({label: set.label, points: set.data.length,
        colours: [...new Set([].concat(set.pointBackgroundColor || set.backgroundColor))]})))[0]"""


def drawn_on_the_map(page: Page) -> list[dict[str, Any]]:
    """The datasets of the map as Chart.js has drawn them."""
    found: list[dict[str, Any]] = page.evaluate(DATASETS)
    return found


def fetched(url: str, key: str) -> Any:
    """What a program gets with its key."""
    with urlopen(Request(url, headers={"Authorization": f"Bearer {key}"}), timeout=30) as answer:  # noqa: S310
        return json.load(answer)


def test_a_file_goes_in_and_segments_come_out(
    site: str, page: Page, sign_in: Callable[[User], None], admin: User, mall_file: Path
) -> None:
    sign_in(admin)

    # The empty site says what to do first.
    page.get_by_role("link", name="Import a file").click()
    page.locator("input[type=file]").set_input_files(mall_file)
    page.get_by_role("button", name="Upload and look at it").click()

    # Its columns were recognised.
    expect(page.get_by_role("heading", name="What do these columns mean?")).to_be_visible()
    expect(page.get_by_role("combobox", name="Annual Income (k$)")).to_have_value("annual_income")
    page.get_by_role("button", name="Start the import").click()

    # It is followed without reloading, to its report.
    expect(page.get_by_role("link", name="Find segments")).to_be_visible(timeout=LONG)
    report = page.locator("main").inner_text()
    assert re.search(r"Rows\s+200", report)
    assert re.search(r"Created\s+200", report)
    assert re.search(r"Rejected\s+0", report)

    # How many groups are there? The run is watched, and its elbow says why there are five.
    page.get_by_role("link", name="Find segments").click()
    page.get_by_label("Name").fill("As many as there are")
    page.get_by_role("button", name="Create and run").click()
    expect(page.get_by_role("progressbar", name="Run")).to_be_visible()
    expect(page.get_by_text("You can leave this page")).to_be_visible()
    expect(page.get_by_role("heading", name="Choosing the number of segments")).to_be_visible(timeout=LONG)
    elbow = page.get_by_role("figure").filter(has_text="More segments always lie closer together")
    elbow.get_by_text("Show as table").click()
    expect(elbow.get_by_role("row")).to_have_count(1 + len(range(2, 11)))
    expect(page.get_by_text("5 segments are best separated")).to_be_visible()

    # Five segments by income and spending, in the data's own units.
    page.goto(f"{site}/segmentations/new")
    page.get_by_label("Name").fill("Income and spending")
    page.get_by_text("I choose").click()
    page.get_by_role("spinbutton", name="Exactly").fill("5")
    page.get_by_role("heading", name="Advanced").click()
    page.get_by_label("As they are: larger numbers count more").check()
    page.get_by_role("button", name="Create and run").click()

    # The run is followed to its map: five colours, and five typical customers.
    use = page.get_by_role("button", name="Use these segments")
    expect(use).to_be_visible(timeout=LONG)
    page.wait_for_function("() => window.Chart && Chart.getChart(document.querySelector('canvas'))")
    typical, *groups = drawn_on_the_map(page)
    assert (typical["label"], typical["points"], len(typical["colours"])) == ("Typical customer", 5, 5)
    assert sorted(group["points"] for group in groups) == [22, 23, 35, 39, 81]
    assert len({colour for group in groups for colour in group["colours"]}) == 5
    assert not Segmentation.objects.exclude(published_run=None).exists(), "nothing is in use before somebody says so"

    use.click()
    expect(page.get_by_text("In use since")).to_be_visible()

    # A segment gets a name of its own.
    page.goto(f"{site}/segments/")
    page.get_by_role("link", name=re.compile("High annual income · High spending score")).first.click()
    page.get_by_label("Name").fill("Big spenders")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("heading", name="Big spenders", level=1)).to_be_visible()
    segment = Segment.objects.get(name="Big spenders")

    # A key for a tool, shown once.
    page.goto(f"{site}/api-keys/")
    page.get_by_role("link", name=re.compile("New key")).click()
    page.get_by_role("textbox", name="Name").fill("Newsletter")
    page.get_by_role("button", name="Make the key").click()
    found = re.search(r"seg_[0-9a-f]{12}_[\w-]{43}", page.locator("main").inner_text())
    assert found

    # And the tool pulls the members.
    pulled = fetched(f"{site}/api/v1/segments/{segment.public_id}/members", found[0])
    assert len(pulled["results"]) == 39
    assert pulled["next"] is None
    assert {member["segment_id"] for member in pulled["results"]} == {segment.public_id}
    assert fetched(f"{site}/api/v1/segments/{segment.public_id}", found[0])["name"] == "Big spenders"
