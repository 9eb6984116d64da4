"""The suite's own PostgreSQL and Valkey: real ones, embedded, in a folder that is thrown away.

A pytest plugin, named in pyproject.toml, because Django's settings are read before any conftest is. The workers of
pytest-xdist share the servers; each has a database and a Valkey database number of its own.
"""

import os
import shutil
import tempfile
from contextlib import ExitStack
from pathlib import Path

import pytest

from segmentation_site.embedded.folder import DataFolder
from segmentation_site.embedded.servers import running

_OWNER = "SEGMENTATION_TEST_OWNER"
_stack = ExitStack()

if _OWNER not in os.environ:
    os.environ[_OWNER] = str(os.getpid())
    os.environ["DATA_DIR"] = tempfile.mkdtemp(prefix="seg-test-")
    # Where collected static files would be; pages are tested with the files as they stand in the tree.
    (Path(os.environ["DATA_DIR"]) / "static").mkdir()
    _stack.callback(shutil.rmtree, os.environ["DATA_DIR"], ignore_errors=True)

_folder = DataFolder(Path(os.environ["DATA_DIR"]))
_number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
if "REDIS_URL" not in os.environ:
    os.environ["REDIS_URL"] = f"{_folder.redis_url}?db={_number}"
    _valkey_is_ours = True
else:
    _valkey_is_ours = os.environ["REDIS_URL"].startswith(_folder.redis_url)
if "PYTEST_XDIST_WORKER" in os.environ and _valkey_is_ours:
    os.environ["REDIS_URL"] = f"{_folder.redis_url}?db={_number}"
os.environ.setdefault("WEB_WORKERS", "1")
os.environ.setdefault("WORKER_CONCURRENCY", "1")


def pytest_configure(config: pytest.Config) -> None:
    """Start what the suite needs, once, in the process that collects."""
    if os.environ[_OWNER] == str(os.getpid()) and not config.option.collectonly:
        _stack.enter_context(running(_folder, postgres="DATABASE_URL" not in os.environ, valkey=_valkey_is_ours))


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop it and throw the folder away."""
    if os.environ[_OWNER] == str(os.getpid()):
        _stack.close()
