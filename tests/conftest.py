"""What every test may ask for: people, real data, a real worker."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from celery import current_app
from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client

from tests import given

ROOT = Path(__file__).resolve().parent.parent
REAL_DATA = ROOT.parent / "shared" / "data"


def real_file(name: str) -> Path:
    """A file of real data beside the project; the test is skipped, loudly, where it is missing."""
    path = REAL_DATA / name
    if not path.exists():
        pytest.skip(f"REAL DATA MISSING: {path} is not there, so this claim was NOT tested")
    return path


@pytest.fixture
def mall_file() -> Path:
    """The well-known mall data: 200 customers."""
    return real_file("Mall_Customers.csv")


@pytest.fixture(autouse=True)
def _quick_static_and_own_media(settings: object, tmp_path: Path) -> None:
    """No manifest of collected files is needed to test pages, and uploads of a test go to a folder of its own."""
    settings.STORAGES = {  # type: ignore[attr-defined]
        "default": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": Path(os.environ["DATA_DIR"]) / "media"},
        },
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }
    # Argon2 is slow on purpose; tests make many people.
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # type: ignore[attr-defined]


@pytest.fixture
def viewer(db: None) -> User:
    return given.person("viewer")


@pytest.fixture
def analyst(db: None) -> User:
    return given.person("analyst")


@pytest.fixture
def manager(db: None) -> User:
    return given.person("manager")


@pytest.fixture
def admin(db: None) -> User:
    return given.person("admin")


@pytest.fixture
def signed_in() -> Callable[[User], Client]:
    """`signed_in(user)` is a browser in which that person has signed in."""

    def sign_in(user: User) -> Client:
        client = Client()
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        return client

    return sign_in


@pytest.fixture(scope="session")
def celery_worker_process(django_db_setup: None) -> Iterator[subprocess.Popen[bytes]]:
    """A real Celery worker on the suite's own database and broker.

    Ask for `worker` instead, it clears the queue too.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "celery", "-A", "segmentation_site", "worker", "--concurrency=1", "--loglevel=WARNING"],
        cwd=ROOT,
        # It sweeps when it starts and never again: tests of the sweeper do that themselves, on rows that are theirs.
        env=os.environ
        | {
            "DATABASE_URL": given.url_of_test_database(),
            "SEGMENTATION_PROCESS": "worker",
            "JOB_SWEEP_SECONDS": "86400",
        },
        start_new_session=True,
    )
    yield process
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@pytest.fixture
def worker(transactional_db: None, celery_worker_process: subprocess.Popen[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    """A real Celery worker is taking jobs while this test runs, and none when it is over."""
    assert celery_worker_process.poll() is None, "the worker of the suite has died"
    assert settings.DATABASES["default"]["NAME"] == connection.settings_dict["NAME"]
    current_app.control.purge()
    given.eventually(lambda: _told_the_worker("add_consumer"), what="the worker's ear")
    yield celery_worker_process
    given.eventually(lambda: _told_the_worker("cancel_consumer"), what="the worker's silence")
    given.eventually(_is_at_rest, what="the end of the worker's last task")


def _is_at_rest() -> bool:
    """Whether nothing is done any more that could touch the tables of the next test."""
    active = current_app.control.inspect(timeout=2).active()
    return bool(active) and not any(active.values())


def _told_the_worker(command: str) -> bool:
    told = current_app.control.broadcast(command, {"queue": "jobs"}, reply=True, limit=1, timeout=5)
    return bool(told)
