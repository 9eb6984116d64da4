"""What every test may ask for: people, real data, a real worker."""

import fcntl
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest
from celery import current_app
from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client

from segmentation_site import queues
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
def web(django_db_setup: None) -> Iterator[str]:
    """The address of a real web server on the suite's database, with the static files as they are delivered."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    env = os.environ | {"DATABASE_URL": given.url_of_test_database(), "SEGMENTATION_PROCESS": "web"}
    _collect_static_once()
    command = [sys.executable, "-m", "gunicorn", "segmentation_site.wsgi", "--bind", f"127.0.0.1:{port}"]
    options = ["--workers", "1", "--worker-class", "gthread", "--threads", "4", "--log-level", "warning"]
    process = subprocess.Popen([*command, *options, "--control-socket", f"{env['DATA_DIR']}/ctl"], cwd=ROOT, env=env)
    url = f"http://127.0.0.1:{port}"
    try:
        given.eventually(lambda: _answers(url), what="the web server")
        yield url
    finally:
        process.terminate()
        process.wait(30)


def _collect_static_once() -> None:
    """All processes of the suite share the collected files, which come into their place whole: others list it."""
    folder = Path(os.environ["DATA_DIR"])
    with (folder / "collecting.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if any((folder / "static").iterdir()):
            return
        command = [sys.executable, "manage.py", "collectstatic", "--noinput"]
        apart = folder / "collecting"
        subprocess.run(command, cwd=ROOT, env=os.environ | {"DATA_DIR": str(apart)}, check=True, stdout=-3)
        (apart / "static").rename(folder / "static")


def _answers(url: str) -> bool:
    try:
        with urlopen(f"{url}/livez", timeout=5):  # noqa: S310 - a site of our own
            return True
    except OSError:
        # Refused, or slow on a busy machine: it comes up still.
        return False


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
    """It has one ear for each queue."""
    return all(
        current_app.control.broadcast(command, {"queue": queue}, reply=True, limit=1, timeout=5)
        for queue in (queues.JOBS, queues.DELIVERIES)
    )
