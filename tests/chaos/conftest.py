"""One site for all trials of a file: it is harmed and must be whole again before the next trial."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.chaos.trial import QUICK, Trial
from tests.embedded.processes import Site, free_port


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.chaos)


@contextmanager
def site_for_trials(**more: str) -> Iterator[Trial]:
    """One that runs in the block, with these settings beside the usual ones."""
    outside = Path(tempfile.mkdtemp(prefix="seg-chaos-"))
    site = Site(outside / "data", free_port(), QUICK | more)
    try:
        yield Trial(site).begin()
    finally:
        site.end()
        shutil.rmtree(outside, ignore_errors=True)


@pytest.fixture(scope="module")
def _trial() -> Iterator[Trial]:
    with site_for_trials() as trial:
        yield trial


@pytest.fixture
def trial(_trial: Trial) -> Trial:
    """The site with everything running and no customers."""
    from tests.given import eventually

    eventually(_trial.is_whole(), seconds=60, what="the site to be whole")
    with _trial.database() as cursor:
        for slug in [row["slug"] for row in cursor.execute("SELECT slug FROM segments_segmentation").fetchall()]:
            answer = _trial.call("DELETE", f"/segmentations/{slug}")
            assert answer.status_code == 204, answer.text
        cursor.execute("TRUNCATE customers_customer, customers_import CASCADE")
    return _trial
