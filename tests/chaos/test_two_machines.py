"""Two machines behind one database, one broker and one place for files: each does what the other took in."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from segmentation_site.embedded.folder import DataFolder
from tests.chaos.trial import IMPORTS, QUICK, RUNS, Trial, customers_file, good_rows
from tests.embedded.processes import Site, free_port
from tests.given import eventually
from tests.storage.s3 import KEYS, names_in, object_storage

PEOPLE = 500
SECRET = "one-and-the-same-secret-key-on-each-of-the-machines-of-a-site"


@pytest.fixture
def machines() -> Iterator[tuple[Trial, Trial, str]]:
    """One with all processes and the servers, one with a web and a worker alone, and where their files are."""
    outside = Path(tempfile.mkdtemp(prefix="seg-two-"))
    with object_storage() as storage_url:
        shared = QUICK | KEYS | {"STORAGE_URL": storage_url, "SECRET_KEY": SECRET, "WORKER_CONCURRENCY": "1"}
        one = Site(outside / "one" / "data", free_port(), dict(shared))
        other = Site(outside / "other" / "data", free_port(), only=("web", "worker"))
        for site in (one, other):
            site.folder.parent.mkdir()
        try:
            first = Trial(one).begin()
            folder = DataFolder(one.folder)
            other.more = shared | {"DATABASE_URL": folder.database_url, "REDIS_URL": folder.redis_url}
            other.start()
            yield first, Trial(other, key=first.key), storage_url
        finally:
            other.end()
            one.end()
            shutil.rmtree(outside, ignore_errors=True)


def test_either_worker_does_what_the_other_web_took_in_and_takes_over_when_one_dies(
    machines: tuple[Trial, Trial, str],
) -> None:
    one, other, storage_url = machines
    eventually(lambda: len(other.processes("worker")) > 1, what="the other worker")
    assert other.processes("web")
    assert not other.processes("scheduler")

    # A file that came to one machine is read on the other, and the key that one made is good there.
    with one.frozen("worker"):
        done = one.ended(IMPORTS, one.upload(customers_file(PEOPLE)))
    assert (done["status"], done["created"]) == ("done", good_rows(PEOPLE))
    assert done["file"] in {name.removeprefix("site/files/") for name in names_in(storage_url)}
    with other.frozen("worker"):
        slug = other.define("Shared")
        assert one.ended(RUNS, other.run(slug, publish=True))["status"] == "done"

    # One is in the middle of a run when its machine is lost: the other does it as a whole.
    with other.frozen("worker"), one.run_in_phase(slug, "storing") as run:
        for process in one.processes("worker"):
            process.suspend()
        working = one.row(RUNS, run)
    with one.frozen("worker"):
        ended = one.ended(RUNS, run)
    assert working["status"] == "running"
    assert ended["status"] == "done", ended["error_detail"]
    assert ended["attempt"] == 2
    assert other.call("GET", f"/runs/{run}").json()["status"] == "published"
    eventually(one.is_whole(), what="both to answer")
    one.check_runs_are_whole()
