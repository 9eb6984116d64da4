"""What `up` and `demo` do.

Make the database ready, start the site, say where it is, and keep it up until told to stop.
"""

import hashlib
import os
import secrets
import signal
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType

from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import OperationalError, connection
from django.db.migrations.executor import MigrationExecutor

from segmentation_site.embedded.folder import DataFolderProblem
from segmentation_site.embedded.supervising import SITE, Site, Supervisor, holding

FIRST_PAGE_SECONDS = 60
ADMIN = "admin"

Say = Callable[[str], None]


def site_from_settings(host: str, port: int, only: Sequence[str] = SITE) -> Site:
    """The site as the environment describes it."""
    cores = os.cpu_count() or 1
    return Site(
        folder=settings.DATA_FOLDER,
        host=host,
        port=port,
        web_workers=settings.WEB_WORKERS or cores,
        web_threads=settings.WEB_THREADS,
        worker_concurrency=settings.WORKER_CONCURRENCY or cores,
        sweep_seconds=settings.JOB_SWEEP_SECONDS,
        embedded_postgres=settings.IS_DATABASE_EMBEDDED,
        embedded_valkey=settings.IS_BROKER_EMBEDDED,
        wanted=tuple(only),
    )


def keep_up(
    host: str,
    choose_port: Callable[[], int],
    say: Say,
    *,
    before_opening: Callable[[], None] = lambda: None,
    only: Sequence[str] = SITE,
) -> int:
    """Run the site until SIGINT or SIGTERM; 0 after a clean stop, 1 when it could not go on.

    `choose_port` is asked when nothing that an earlier start left behind holds a port any more; `before_opening` is
    called when the database is ready and before the web starts; of web, worker and scheduler `only` these are started.
    Raises DataFolderProblem.
    """
    told_to_stop = _Stop()
    with told_to_stop.heard(), holding(settings.DATA_FOLDER):
        site = site_from_settings(host, choose_port(), only)
        supervisor = Supervisor(site)
        try:
            if not site.embedded_postgres:
                _reach_database()
            supervisor.start_servers()
            migrate(say)
            collect_static()
            before_opening()
            connection.close()
            supervisor.start("web")
            # The first page comes a second sooner when the others wait for it.
            is_open = "web" not in only or _answers(site)
            supervisor.start("worker", "sender", "scheduler")
            # Last of all, so that no password is made and then not shown because something else failed.
            about_signing_in = _about_signing_in()
            connection.close()
            _announce(site, about_signing_in, say, is_open=is_open)
            while not told_to_stop.is_set and supervisor.is_alive():
                told_to_stop.wait(1)
        except _Stopped:
            pass
        finally:
            connection.close()
            ended_by_itself = not told_to_stop.is_set and not supervisor.is_alive()
            told_to_stop.is_final = True
            if told_to_stop.is_set:
                say("Stopping …")
            supervisor.stop()
    if ended_by_itself:
        say(f"The supervisor ended unexpectedly; see {site.folder.logs}.")
        return 1
    say("Stopped.")
    return 0


class _Stopped(BaseException):
    """Told to stop in the middle of starting."""


class _Stop:
    """SIGINT and SIGTERM: they interrupt what is going on once, and stopping itself not at all."""

    def __init__(self) -> None:
        self.is_set = False
        self.is_final = False

    def heard(self) -> "_Stop":
        return self

    def __enter__(self) -> None:
        self._before = {number: signal.signal(number, self._hear) for number in (signal.SIGINT, signal.SIGTERM)}

    def __exit__(self, *exception: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _hear(self, number: int, frame: FrameType | None) -> None:
        self.is_set = True
        if not self.is_final:
            self.is_final = True
            raise _Stopped()

    def wait(self, seconds: float) -> None:
        time.sleep(seconds)


def _reach_database() -> None:
    """Raises DataFolderProblem when the database that the environment names does not answer."""
    try:
        connection.ensure_connection()
    except OperationalError as error:
        raise DataFolderProblem(
            f"The database does not answer: {' '.join(str(error).split())} "
            "Start the server that DATABASE_URL names, or unset DATABASE_URL to use the embedded one."
        ) from error


def migrate(say: Say) -> None:
    """Apply migrations when there are any to apply."""
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        say("Preparing the database …")
        call_command("migrate", interactive=False, verbosity=0)


def collect_static() -> None:
    """Collect static files when the project's own or the installed packages have changed; it takes some seconds."""
    state = hashlib.sha256()
    requirements = settings.BASE_DIR / "requirements.txt"
    for path in [
        requirements,
        *sorted(path for folder in settings.STATICFILES_DIRS for path in Path(folder).rglob("*")),
    ]:
        if path.is_file():
            found = path.stat()
            state.update(f"{path}\0{found.st_size}\0{found.st_mtime_ns}\n".encode())
    stamp = Path(settings.STATIC_ROOT) / ".collected"
    if stamp.exists() and stamp.read_text() == state.hexdigest():
        return
    call_command("collectstatic", interactive=False, verbosity=0)
    stamp.write_text(state.hexdigest())


def make_first_admin() -> str | None:
    """On a site without users, make one who may do everything; the password, to be shown once, or None."""
    if User.objects.exists():
        return None
    password = secrets.token_urlsafe(12)
    User.objects.create_superuser(ADMIN, password=password)
    return password


def _about_signing_in() -> list[str]:
    """Lines about the first admin, who is made on a site without users: the password once, later how to set another."""
    if password := make_first_admin():
        return [
            f"  Sign in as      {ADMIN}",
            f"  with password   {password}",
            "  It is not shown again; change it after signing in.",
        ]
    if User.objects.filter(username=ADMIN, is_active=True, is_superuser=True).exists():
        return [f"  Sign in as      {ADMIN}; ./run manage changepassword {ADMIN} sets another password"]
    return []


def _announce(site: Site, about_signing_in: list[str], say: Say, *, is_open: bool) -> None:
    if not is_open:
        say(f"The web process does not answer yet; its log is {site.folder.logs / 'web.log'}.")
    say("")
    if "web" in site.wanted:
        say(f"  The site is at  {site.url}/")
    else:
        say(f"  Running here    {', '.join(site.wanted)}")
    for line in about_signing_in:
        say(line)
    say("  Ctrl-C stops everything.")
    say("")


def _answers(site: Site) -> bool:
    deadline = time.monotonic() + FIRST_PAGE_SECONDS
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"{site.url}/livez", timeout=5):  # noqa: S310 - an address of our own
                return True
        except urllib.error.HTTPError:
            return True
        except OSError:
            time.sleep(0.05)
    return False
