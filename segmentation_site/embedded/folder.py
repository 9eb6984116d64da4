"""The data folder: where the embedded servers keep their data, sockets, logs and generated secrets.

Standard library only.
"""

import hashlib
import os
import secrets
import tempfile
from pathlib import Path
from urllib.parse import quote

# The longest path of a unix socket that every system takes, in bytes, without the final NUL.
LONGEST_SOCKET_PATH = 103
USER = DATABASE = "segmentation"


class DataFolderProblem(Exception):
    """The data folder cannot be used; the text says why and what to do."""


class DataFolder:
    """Paths and secrets of one data folder. Folders appear, private (0700), when they are first asked for."""

    def __init__(self, path: Path) -> None:
        self.path = Path(path).resolve()

    def _folder(self, name: str) -> Path:
        folder = self.path / name
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise DataFolderProblem(
                f"The data folder {self.path} cannot be used: {error.strerror}. "
                "Set DATA_DIR to a folder that you may write to."
            ) from error
        return folder

    @property
    def run(self) -> Path:
        """Locks and what else lives no longer than a process."""
        return self._folder("run")

    @property
    def logs(self) -> Path:
        return self._folder("logs")

    @property
    def valkey(self) -> Path:
        """Valkey's own folder; `valkey.prepare` makes it."""
        return self.path / "valkey"

    @property
    def postgres(self) -> Path:
        """PostgreSQL's own folder; initdb makes it."""
        return self.path / "postgres"

    @property
    def sockets(self) -> Path:
        """Where the unix sockets are: in the folder, or in a short private one where their paths would not do.

        They may be too long; and a comma would part them in two for PostgreSQL's clients, with no way to escape it.
        """
        inside = self.run
        if len(os.fsencode(inside / ".s.PGSQL.5432.lock")) <= LONGEST_SOCKET_PATH and "," not in str(inside):
            return inside
        digest = hashlib.sha256(os.fsencode(self.path)).hexdigest()[:12]
        short = Path(tempfile.gettempdir()) / f"segmentation-{os.getuid()}-{digest}"
        short.mkdir(mode=0o700, exist_ok=True)
        found = short.lstat()
        if short.is_symlink() or found.st_uid != os.getuid() or found.st_mode & 0o077:
            raise DataFolderProblem(f"{short} is not a private folder of yours. Remove it and start again.")
        return short

    @property
    def postgres_socket(self) -> Path:
        return self.sockets / ".s.PGSQL.5432"

    @property
    def valkey_socket(self) -> Path:
        return self.sockets / "valkey.sock"

    def _secret(self, name: str, length: int) -> str:
        """A secret that is made once, complete before it has its name, and read from then on."""
        path = self._folder("secrets") / name
        if not path.exists():
            with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False) as file:  # made 0600
                file.write(secrets.token_urlsafe(length))
            try:
                os.link(file.name, path)
            except FileExistsError:
                pass
            finally:
                Path(file.name).unlink()
        return path.read_text().strip()

    @property
    def secret_key(self) -> str:
        """Django's SECRET_KEY where none is set."""
        return self._secret("secret_key", 64)

    @property
    def postgres_password(self) -> str:
        return self._secret("postgres_password", 32)

    @property
    def database_url(self) -> str:
        """The embedded database, its socket in a query parameter."""
        host = quote(str(self.sockets), safe="")
        return f"postgres://{USER}:{self.postgres_password}@/{DATABASE}?host={host}"

    @property
    def redis_url(self) -> str:
        """The embedded broker, its socket quoted: all who read this unquote it."""
        return f"unix://{quote(str(self.valkey_socket))}"
