"""Attaching to the embedded servers of a data folder, or starting them for as long as somebody uses them.

Two locks in the folder: whoever starts or stops servers holds `start.lock`; whoever uses them holds `users.lock`,
shared. The last to leave, who then gets `users.lock` for himself, stops the servers. `up` holds it too, so that no
command stops what `up` watches over.
"""

import fcntl
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import IO, Any

import psutil

from segmentation_site.embedded import postgres, valkey
from segmentation_site.embedded.folder import DataFolder, DataFolderProblem

START_SECONDS = 60
STOP_SECONDS = 30


class Stopped(BaseException):
    """SIGTERM, as something that unwinds: whatever was started is stopped on the way out."""


@contextmanager
def running(folder: DataFolder, *, postgres: bool = True, valkey: bool = True) -> Iterator[None]:
    """Use the servers of this folder: attach to those that run, start the others, stop them when the last user leaves.

    SIGTERM ends the block as Stopped, so that nothing is left behind.
    """
    if not (postgres or valkey):
        yield
        return
    with _unwinding_on_term(), (folder.run / "users.lock").open("a") as users:
        with starting(folder):
            fcntl.flock(users, fcntl.LOCK_SH)
            if postgres:
                start_postgres(folder)
            if valkey:
                start_valkey(folder)
        try:
            yield
        finally:
            with starting(folder):
                if _is_last(users):
                    stop(folder)
                fcntl.flock(users, fcntl.LOCK_UN)


@contextmanager
def starting(folder: DataFolder) -> Iterator[None]:
    """One at a time starts or stops servers of this folder."""
    with (folder.run / "start.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _is_last(users: IO[Any]) -> bool:
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def _unwinding_on_term() -> Iterator[None]:
    def unwind(number: int, frame: FrameType | None) -> None:
        raise Stopped()

    before = signal.signal(signal.SIGTERM, unwind)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def start_postgres(folder: DataFolder) -> None:
    """Start PostgreSQL unless it runs; returns when it takes queries."""
    log = folder.logs / "postgres.log"
    started = None
    if postgres.process_of(folder) is None:
        postgres.prepare(folder)
        started = _spawn(postgres.command(folder), log)
    wait_until(lambda: postgres.is_ready(folder), "PostgreSQL", log, started)


def start_valkey(folder: DataFolder) -> None:
    """Start Valkey unless it runs; returns when it answers."""
    log = folder.logs / "valkey.log"
    started = None
    if not valkey.is_ready(folder):
        valkey.prepare(folder)
        started = _spawn(valkey.command(folder), log)
    wait_until(lambda: valkey.is_ready(folder), "Valkey", log, started)


def stop(folder: DataFolder) -> None:
    """Stop both servers, properly, Valkey first; only processes that are proven to be this folder's."""
    if server := valkey.process_of(folder):
        _end(server, signal.SIGTERM)
    if server := postgres.process_of(folder):
        _end(server, signal.SIGINT)


def _end(process: psutil.Process, how: signal.Signals) -> None:
    try:
        process.send_signal(how)
        process.wait(STOP_SECONDS)
    except psutil.NoSuchProcess:
        return
    except psutil.TimeoutExpired:
        process.kill()


# Python warns of a process that goes on when nothing refers to it any more; ours go on until `stop`.
_spawned: list[subprocess.Popen[bytes]] = []


def _spawn(command: list[str], log: Path) -> subprocess.Popen[bytes]:
    """In a session of its own.

    Ctrl-C in the terminal is for whoever uses the server, who stops it in the right order.
    """
    with log.open("ab") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True, cwd=log.parent
        )
    _spawned.append(process)
    return process


def wait_until(
    is_ready: Callable[[], bool], what: str, log: Path, started: subprocess.Popen[bytes] | None = None
) -> None:
    """Wait for a server, as long as it may still come. Raises DataFolderProblem with the end of its log otherwise."""
    deadline = time.monotonic() + START_SECONDS
    while not is_ready():
        if time.monotonic() > deadline or (started is not None and started.poll() is not None):
            lines = log.read_text(errors="replace").splitlines()[-5:] if log.exists() else []
            raise DataFolderProblem(f"{what} did not start. Its log {log} ends: {' / '.join(lines) or '(empty)'}")
        time.sleep(0.02)
