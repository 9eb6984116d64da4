"""The site and its commands as real processes in a data folder of their own, as people start them."""

import os
import re
import socket
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import psutil

from tests.conftest import ROOT
from tests.given import eventually

# Of the suite's own servers, or of the machine.
NOT_PASSED_ON = ("DATABASE_URL", "REDIS_URL", "SECRET_KEY", "ALLOWED_HOSTS", "SEGMENTATION_PROCESS", "DEBUG")
# Says when PostgreSQL was started, which tells one server of a folder from the next, and then waits to be let go.
ASK_FOR_SERVER = (
    "from django.db import connection as c; k = c.cursor(); k.execute('SELECT pg_postmaster_start_time()::text');"
    "print(k.fetchone()[0], flush=True)"
)
ASK_AND_STAY = f"{ASK_FOR_SERVER}; input(); k.execute('SELECT 1'); print(k.fetchone()[0], flush=True)"


def environment(folder: Path, **more: str) -> dict[str, str]:
    """What a process is given: this data folder, nothing of the suite's, and what the test adds."""
    # Empty, because a file .env of the machine must not fill them in.
    return (
        os.environ
        | dict.fromkeys(NOT_PASSED_ON, "")
        | {"SEGMENTATION_PROCESS": "command", "DATA_DIR": str(folder)}
        | more
    )


def manage(folder: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    """One command of the site, to its end."""
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=environment(folder, **more),
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )


def server_seen_by_a_command(folder: Path, **more: str) -> str:
    """When the PostgreSQL that a command uses was started."""
    done = manage(folder, "shell", "-v", "0", "-c", ASK_FOR_SERVER, **more)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def staying_command(folder: Path) -> "subprocess.Popen[str]":
    """A command that says which server it uses, and works on when it gets a line."""
    return subprocess.Popen(
        [sys.executable, "manage.py", "shell", "-v", "0", "-c", ASK_AND_STAY],
        cwd=ROOT,
        env=environment(folder),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def processes_of(folder: Path) -> list[psutil.Process]:
    """Everything that runs for this data folder: told so by its environment, or working inside it."""
    found = []
    for process in psutil.process_iter():
        try:
            working = Path(process.cwd())
            is_its = process.environ().get("DATA_DIR") == str(folder) or working.is_relative_to(folder)
            if is_its and process.pid != os.getpid() and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


def kill(processes: list[psutil.Process]) -> None:
    """All of them at once; some may have ended because others did."""
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()


def names_of(processes: list[psutil.Process]) -> list[str]:
    """Names for messages; those that have ended meanwhile are left out."""
    names = []
    for process in processes:
        try:
            names.append(" ".join(process.cmdline())[:120] or process.name())
        except psutil.Error:
            continue
    return names


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Site:
    """`manage.py up` in a data folder."""

    folder: Path
    port: int
    more: dict[str, str] = field(default_factory=dict)
    only: tuple[str, ...] = ()
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def output(self) -> str:
        """What `up` has said since it was started last."""
        return self._output_file.read_text(errors="replace")

    @property
    def _output_file(self) -> Path:
        return self.folder.parent / "up.out"

    @property
    def log(self) -> str:
        """What supervisor has written, over all starts."""
        return (self.folder / "logs" / "supervisor.log").read_text()

    @property
    def is_up(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def begin(self) -> "Site":
        """Start it without waiting."""
        with self._output_file.open("wb") as output:
            self.process = subprocess.Popen(
                [
                    sys.executable,
                    "manage.py",
                    "up",
                    "--port",
                    str(self.port),
                    *(["--only", *self.only] if self.only else []),
                ],
                cwd=ROOT,
                env=environment(self.folder, **self.more),
                stdout=output,
                stderr=output,
                # As a terminal does: a signal to the group reaches this and not the tests.
                start_new_session=True,
            )
        return self

    def start(self) -> "Site":
        """Start it; returns when it says that it is ready."""
        self.begin()
        eventually(lambda: "Ctrl-C" in self.output or not self.is_up, seconds=180, what="the site")
        assert self.is_up, self.output
        return self

    def stop(self, number: int) -> int:
        """Send a signal to `up`; its exit code."""
        assert self.process
        self.process.send_signal(number)
        return self.process.wait(90)

    def end(self) -> None:
        """Whatever state it is in, leave nothing."""
        if self.is_up:
            assert self.process
            self.process.terminate()
            self.process.wait(90)
        kill(processes_of(self.folder))

    def status(self, path: str) -> int:
        """The status of a GET; 0 when nobody answers."""
        try:
            with urlopen(self.url + path, timeout=10) as response:  # noqa: S310 - an address of our own
                return int(response.status)
        except HTTPError as error:
            return error.code
        except OSError:
            return 0

    def page(self, path: str) -> str:
        """What a GET gives."""
        with urlopen(self.url + path, timeout=10) as response:  # noqa: S310 - an address of our own
            return str(response.read().decode())

    def process_of(self, name: str) -> int:
        """The id of the supervised process of that name which was started last."""
        return int(re.findall(rf"spawned: '{name}' with pid (\d+)", self.log)[-1])

    def children_of(self, name: str) -> set[int]:
        """The ids of what that process has started, such as web workers."""
        try:
            return {child.pid for child in psutil.Process(self.process_of(name)).children()}
        except psutil.NoSuchProcess:
            return set()

    def doctors_page(self) -> str:
        """What `doctor` prints."""
        return manage(self.folder, "doctor", **self.more).stdout
