"""dlt loads customers, members and changes into DuckDB, and later only what is new."""

import os
import re
from pathlib import Path
from typing import Any

import duckdb
import pytest

from customers import erasing, writing
from customers.columns import last_change
from customers.models import Customer
from segments import scoring
from segments.browsing.members import Members
from segments.models import Change, Run
from tests.connect.documented import program, run_python
from tests.customers.given import imported
from tests.segments import given

# More of them by hand: TOOLS_TESTED_WITH=100000.
CUSTOMERS = int(os.environ.get("TOOLS_TESTED_WITH", "3000"))


def loaded(folder: Path, web: str, key: str, slug: str) -> dict[str, int]:
    """Run the documented pipeline; how many rows each table got."""
    printed = run_python(
        folder,
        program("dlt.md", "python"),
        API_URL=web,
        API_KEY=key,
        SEGMENTATION=slug,
        DLT_DATA_DIR=str(folder / "dlt"),
    )
    counts = dict(re.findall(r"'(customers|changes|members)': (\d+)", printed.splitlines()[-1]))
    return {name: int(count) for name, count in counts.items()}


def rows(folder: Path, query: str) -> list[Any]:
    with duckdb.connect(str(folder / "customer_segments.duckdb"), read_only=True) as warehouse:
        return warehouse.execute(query).fetchall()


def everybody_in(run: Run) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    after: int | None = 0
    while after is not None:
        page, after = Members(run).page(after, 1000)
        found += page
    return found


def is_equal(folder: Path, run: Run) -> None:
    """The warehouse has what the database has."""
    everybody = sorted(Customer.objects.values_list("external_id", "annual_income", "spending_score"))
    assert (
        sorted(rows(folder, "SELECT external_id, annual_income, spending_score FROM segments.customers")) == everybody
    )
    members = [(one["external_id"], one["segment_id"]) for one in everybody_in(run)]
    assert sorted(rows(folder, "SELECT external_id, segment_id FROM segments.members")) == sorted(members)
    told = Change.objects.filter(segmentation_id=run.segmentation_id).order_by("sequence")
    fed = rows(folder, "SELECT sequence, type FROM segments.changes ORDER BY sequence")
    assert fed == list(told.values_list("sequence", "kind"))


@pytest.mark.django_db(transaction=True)
def test_the_documented_pipeline_loads_everything_and_then_only_the_difference(web: str, tmp_path: Path) -> None:
    from segmentation_site.access import keys

    table = "".join(f"c{n},{20 + n * 7 % 100},{n * 13 % 101}\n" for n in range(CUSTOMERS))
    imported(f"id,annual income,spending score\n{table}")
    segmentation = given.segmentation("Income and spending", ["annual_income", "spending_score"], k=5)
    run = given.publish(given.run(segmentation))
    scoring.score_changes()
    _key, secret = keys.create_key("dlt", scopes=["customers:read", "members:read"], by=None)

    assert loaded(tmp_path, web, secret, segmentation.slug) == dict.fromkeys(
        ("customers", "changes", "members"), CUSTOMERS
    )
    is_equal(tmp_path, run)

    known = last_change()
    writing.write([{"external_id": f"c{n}", "spending_score": 100.0} for n in range(50)])
    writing.write([{"external_id": "new", "annual_income": 40, "spending_score": 50}])
    given.publish(given.run(segmentation))
    given.redefine(segmentation, k=4)
    last = given.publish(given.run(segmentation))
    scoring.score_changes()
    entries = Change.objects.filter(segmentation_id=segmentation.pk).count() - CUSTOMERS

    second = loaded(tmp_path, web, secret, segmentation.slug)
    assert second["customers"] == Customer.objects.filter(change_sequence__gt=known).count() > 40
    assert second["changes"] == entries
    is_equal(tmp_path, last)

    erasing.erase(["c7"])
    assert loaded(tmp_path, web, secret, segmentation.slug)["changes"] == 1
    assert rows(tmp_path, "SELECT type FROM segments.changes WHERE external_id = 'c7' ORDER BY sequence")[-1] == (
        "erased",
    )
