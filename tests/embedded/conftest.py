"""Data folders that are thrown away, and a site that is kept up over the tests of one file."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.embedded.processes import Site, free_port, kill, names_of, processes_of

# Every character that a shell, a URL, a configuration file or an argument might take for something else.
ODD_NAME = "100 % of 'all' \"quoted\" Ümläute; $HOME & blanks"


@pytest.fixture
def folder() -> Iterator[Path]:
    """A data folder that is not there yet; when the test is over nothing may run in it."""
    outside = Path(tempfile.mkdtemp(prefix="seg-emb-"))
    data = outside / ODD_NAME
    yield data
    left = processes_of(data)
    names = names_of(left)
    kill(left)
    shutil.rmtree(outside, ignore_errors=True)
    assert not names


@pytest.fixture(scope="module")
def _site() -> Iterator[Site]:
    outside = Path(tempfile.mkdtemp(prefix="seg-emb-"))
    site = Site(outside / ODD_NAME, free_port())
    yield site
    site.end()
    shutil.rmtree(outside, ignore_errors=True)


@pytest.fixture
def site(_site: Site) -> Site:
    """The site, up. Tests of one file share its data folder; one that stopped it leaves it to the next to start."""
    return _site if _site.is_up else _site.start()
