"""Keeping the site up: PostgreSQL, Valkey, web, worker, sender and scheduler under supervisor, restarted when they die,
stopped in order.

supervisor restarts and stops; what it cannot do is done here: making and migrating the database first, saying who
holds the folder, and leaving no process behind when everything was killed. For that each process asks the kernel to be
told when its parent dies, and carries a mark in its environment by which the next start finds what is still there.
"""

import fcntl
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from xmlrpc.client import ServerProxy

import psutil
from supervisor.xmlrpc import SupervisorTransport

from segmentation_site import queues
from segmentation_site.embedded import postgres, servers, valkey
from segmentation_site.embedded.folder import DataFolder, DataFolderProblem

# Every supervised process has this variable, naming its data folder; nothing else on the machine does.
MARK = "SEGMENTATION_SUPERVISED_FOLDER"
# Gunicorn's workers touch a file each second to show that they live: in memory that never waits for a disk.
IN_MEMORY = Path("/dev/shm")  # noqa: S108 - gunicorn makes its files in it safely
ROOT = Path(__file__).resolve().parent.parent.parent
# In the order of starting; stopping goes backwards: scheduler, sender, worker, web, Valkey, PostgreSQL.
SERVERS = ("postgres", "valkey")
SITE = ("web", "worker", "sender", "scheduler")
# So many receivers may be slow at once before others wait for them.
SENDER_THREADS = 4
LEFTOVER_SECONDS = 15
HIGHEST_PORT = 65535


class FolderHeld(DataFolderProblem):
    """Another `up` has this data folder."""


class PortInUse(DataFolderProblem):
    """Somebody else listens there."""


@dataclass(frozen=True, slots=True)
class Site:
    """What is to run where. Without `embedded_postgres` (or `_valkey`) the server named by the environment is used."""

    folder: DataFolder
    host: str
    port: int
    web_workers: int
    web_threads: int
    worker_concurrency: int
    sweep_seconds: int
    embedded_postgres: bool
    embedded_valkey: bool
    # Of SITE; the others run on another machine.
    wanted: tuple[str, ...] = SITE

    @property
    def url(self) -> str:
        """Where this machine reaches it, without a final slash."""
        address = ip_address(self.host)
        if address.is_unspecified or address.is_loopback:
            return f"http://{'127.0.0.1' if address.version == 4 else '[::1]'}:{self.port}"
        return f"http://{f'[{address}]' if address.version == 6 else address}:{self.port}"

    @property
    def programs(self) -> tuple[str, ...]:
        """The names of what is supervised, in the order of starting."""
        embedded = {"postgres": self.embedded_postgres, "valkey": self.embedded_valkey}
        return tuple(name for name in (*SERVERS, *SITE) if embedded.get(name, name in self.wanted))


@contextmanager
def holding(folder: DataFolder) -> Iterator[None]:
    """Hold the data folder as its one supervisor, with nobody else starting or stopping its servers.

    Raises FolderHeld, naming who has it.
    """
    with (folder.run / "up.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            holder = lock.read().strip() or "another process"
            raise FolderHeld(
                f"The data folder {folder.path} is held by {holder}. "
                "Stop that first, or set DATA_DIR to another folder."
            ) from None
        lock.truncate(0)
        lock.write(f"process {os.getpid()} ({shlex.join(sys.argv)})")
        lock.flush()
        end_leftovers(folder)
        with (folder.run / "users.lock").open("a") as users:
            _wait_for_others(folder, users)
            yield
        lock.truncate(0)


def _wait_for_others(folder: DataFolder, users: Any) -> None:
    """Wait for commands that use servers of their own, stop what they left, keep later ones from stopping ours."""
    told = False
    while True:
        with servers.starting(folder):
            try:
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                pass
            else:
                servers.stop(folder)
                fcntl.flock(users, fcntl.LOCK_SH)
                return
        if not told:
            sys.stderr.write("Waiting for a command that is using this data folder …\n")
            told = True
        time.sleep(0.2)


def end_leftovers(folder: DataFolder) -> None:
    """End the processes of the site that an earlier `up` of this folder left when it was killed: politely first."""
    left = [process for process in psutil.process_iter() if _is_left(process, folder)]
    for process in left:
        _signal(process, signal.SIGTERM)
    _, alive = psutil.wait_procs(left, timeout=LEFTOVER_SECONDS)
    for process in alive:
        _signal(process, signal.SIGKILL)
    psutil.wait_procs(alive, timeout=LEFTOVER_SECONDS)


def _is_left(process: psutil.Process, folder: DataFolder) -> bool:
    """Marked, and not one of the servers: those are found by their folder and stopped last."""
    try:
        return (
            process.pid != os.getpid()
            and process.environ().get(MARK) == str(folder.path)
            and not process.name().startswith(("postgres", "valkey"))
        )
    except psutil.Error:
        return False


def _signal(process: psutil.Process, number: signal.Signals) -> None:
    with suppress(psutil.NoSuchProcess):
        process.send_signal(number)


def port_if_free(host: str, port: int) -> int:
    """The port. Raises PortInUse when somebody listens there."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise PortInUse(
                f"Port {port} on {host} cannot be used: {error.strerror}. "
                "Stop what listens there, or choose another with --port."
            ) from error
    return port


def next_free_port(host: str, port: int) -> int:
    """The first free port from `port` on. Raises PortInUse when a hundred are taken."""
    for candidate in range(port, min(port + 100, HIGHEST_PORT + 1)):
        try:
            return port_if_free(host, candidate)
        except PortInUse:
            continue
    raise PortInUse(f"None of the ports {port} to {min(port + 99, HIGHEST_PORT)} is free. Choose another with --port.")


class Supervisor:
    """A supervisord of our own for one site: servers first, the rest when it is told to."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self._socket = site.folder.sockets / "supervisor.sock"
        self._process: subprocess.Popen[bytes] | None = None

    def start_servers(self) -> None:
        """Start supervisord with the embedded servers; returns when they answer."""
        folder = self.site.folder
        if self.site.embedded_postgres:
            postgres.prepare(folder)
        if self.site.embedded_valkey:
            valkey.prepare(folder)
        configuration = folder.run / "supervisord.conf"
        configuration.touch(mode=0o600)
        configuration.write_text(self._configuration())
        self._socket.unlink(missing_ok=True)
        with (folder.logs / "supervisor.out").open("wb") as output:
            self._process = subprocess.Popen(
                [
                    *_told_of_parents_death("TERM"),
                    # -P: nothing is imported from the data folder, where it works.
                    *(sys.executable, "-P", "-m", "supervisor.supervisord", "-n", "-c", str(configuration)),
                ],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=folder.path,
                env=os.environ | {MARK: str(folder.path)},
                start_new_session=True,
            )
        servers.wait_until(self._listens, "The supervisor", folder.logs / "supervisor.out", self._process)
        self.start(*(name for name in self.site.programs if name in SERVERS))
        if self.site.embedded_postgres:
            servers.wait_until(
                lambda: postgres.is_ready(folder), "PostgreSQL", folder.logs / "postgres.log", self._process
            )
        if self.site.embedded_valkey:
            servers.wait_until(lambda: valkey.is_ready(folder), "Valkey", folder.logs / "valkey.log", self._process)

    def start(self, *names: str) -> None:
        """Start some of `web`, `worker`, `sender` and `scheduler`: those that are wanted here."""
        for name in names:
            if name in self.site.programs:
                self._call().startProcess(name, False)

    def is_alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def stop(self) -> None:
        """Stop everything in order; returns when all of it has ended."""
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.terminate()
            self._process.wait()
        # Nothing is left unless supervisord itself was killed.
        end_leftovers(self.site.folder)
        servers.stop(self.site.folder)

    def _listens(self) -> bool:
        try:
            self._call().getState()
        except OSError:
            return False
        return True

    def _call(self) -> Any:
        return ServerProxy("http://supervisor", SupervisorTransport(None, None, f"unix://{self._socket}")).supervisor

    def _configuration(self) -> str:
        user = ["user=root"] if os.getuid() == 0 else []
        lines = [
            "[unix_http_server]",
            f"file={_escaped(self._socket)}",
            "chmod=0600",
            "[supervisord]",
            # Seen from the data folder: supervisor expands percent signs in a whole path once here and twice there.
            "logfile=logs/supervisor.log",
            "logfile_maxbytes=5MB",
            "logfile_backups=1",
            "pidfile=run/supervisord.pid",
            "childlogdir=logs",
            *user,
            "[rpcinterface:supervisor]",
            "supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface",
        ]
        for priority, name in enumerate(self.site.programs, start=1):
            lines += [f"[program:{name}]", f"priority={priority}", *self._program(name)]
        return "\n".join(lines) + "\n"

    def _program(self, name: str) -> list[str]:
        folder = self.site.folder
        command, stop_signal, stop_seconds = {
            "postgres": (postgres.command(folder) if self.site.embedded_postgres else [], "INT", 60),
            "valkey": (valkey.command(folder) if self.site.embedded_valkey else [], "TERM", 30),
            "web": (self._web(), "TERM", 30),
            "worker": (self._worker(), "TERM", 60),
            "sender": (self._sender(), "TERM", 30),
            "scheduler": (self._scheduler(), "TERM", 15),
        }[name]
        prefix = _told_of_parents_death(stop_signal)
        if command[:1] == ["setpriv"] and prefix:
            # One setpriv does both: changing the user clears what an earlier one asked the kernel for.
            prefix, command = [*prefix, *command[1:]], []
        environment = [f'environment=SEGMENTATION_PROCESS="{name}"'] if name in SITE else []
        return [
            f"command={_escaped(shlex.join([*prefix, *command]))}",
            f"directory={_escaped(ROOT if name in SITE else folder.run)}",
            # supervisord itself starts nothing in its first second; told to, it does so at once.
            "autostart=false",
            "autorestart=true",
            "startretries=1000000",
            "startsecs=1",
            f"stopsignal={stop_signal}",
            f"stopwaitsecs={stop_seconds}",
            # A worker killed the hard way takes its pool processes with it.
            "killasgroup=true",
            "redirect_stderr=true",
            f"stdout_logfile=logs/{name}.log",
            "stdout_logfile_maxbytes=10MB",
            "stdout_logfile_backups=3",
            *environment,
        ]

    def _web(self) -> list[str]:
        site = self.site
        address = f"[{site.host}]:{site.port}" if ":" in site.host else f"{site.host}:{site.port}"
        shared_memory = ["--worker-tmp-dir", str(IN_MEMORY)] if os.access(IN_MEMORY, os.W_OK) else []
        return [
            *(sys.executable, "-m", "gunicorn", "segmentation_site.wsgi:application"),
            *("--bind", address),
            *("--workers", str(site.web_workers)),
            *("--worker-class", "gthread", "--threads", str(site.web_threads)),
            # Loaded once and shared by all processes, instead of once in each of them (docs/decisions/0018).
            "--preload",
            # A stream of a million members may take its time; gthread only watches that the worker itself lives.
            *("--timeout", "60", "--graceful-timeout", "20"),
            # The usual 4,094 bytes are too few for some addresses with a cursor and names; what is longer is refused
            # by gunicorn, in a form of its own.
            *("--limit-request-line", "8190"),
            *("--logger-class", "segmentation_site.embedded.web_logging.SharedLogger"),
            *("--control-socket", str(site.folder.sockets / "gunicorn.ctl")),
            *shared_memory,
        ]

    def _worker(self) -> list[str]:
        return [
            *(sys.executable, "-m", "celery", "-q", "-A", "segmentation_site", "worker"),
            *("--queues", queues.JOBS),
            *("--concurrency", str(self.site.worker_concurrency)),
            *("--loglevel", "INFO", "--without-gossip", "--without-mingle"),
            *("--max-memory-per-child", "2000000"),
        ]

    def _sender(self) -> list[str]:
        """A worker for deliveries alone, in threads: they mostly wait for others."""
        return [
            *(sys.executable, "-m", "celery", "-q", "-A", "segmentation_site", "worker"),
            *("--hostname", f"{queues.SENDER_NODE}%h", "--queues", queues.DELIVERIES),
            *("--pool", "threads", "--concurrency", str(SENDER_THREADS)),
            *("--loglevel", "INFO", "--without-gossip", "--without-mingle"),
        ]

    def _scheduler(self) -> list[str]:
        return [
            *(sys.executable, "-m", "celery", "-q", "-A", "segmentation_site", "beat"),
            *("--loglevel", "INFO", "--max-interval", str(self.site.sweep_seconds)),
            *("--pidfile", "", "--schedule", str(self.site.folder.run / "celerybeat-schedule")),
        ]


def _told_of_parents_death(signal_name: str) -> list[str]:
    """On Linux the kernel ends a process whose parent was killed; elsewhere only the next start does."""
    if sys.platform == "linux" and shutil.which("setpriv"):
        return ["setpriv", f"--pdeathsig={signal_name}"]
    return []


def _escaped(value: object) -> str:
    """supervisor expands percent signs, and takes a semicolon after a blank for a comment."""
    text = str(value).replace("%", "%%")
    if " ;" in text or "\n" in text:
        raise DataFolderProblem(
            f"The path {value} has characters that cannot be used here. Set DATA_DIR to another folder."
        )
    return text
