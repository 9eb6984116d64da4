"""Backups of the embedded default: one archive with the database, the files and the secrets, and the way back.

An archive is a tar file of its parts and, last, a manifest with the size and SHA-256 of each. It is looked through as a
whole before anything is touched, so that one that is cut, changed or something else restores nothing.
"""

import hashlib
import hmac
import io
import json
import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import IO, Any

import psycopg
from psycopg import sql

from segmentation_site.embedded import postgres
from segmentation_site.embedded.folder import DATABASE, USER, DataFolder, DataFolderProblem

FORMAT = "segmentation-backup-1"
MANIFEST, DUMP, SECRET_KEY, MEDIA = "manifest.json", "database.dump", "secrets/secret_key", "media/"
RESTORING = f"{DATABASE}_restoring"
_CHUNK = 1024 * 1024


class BackupProblem(DataFolderProblem):
    """The archive cannot be made or restored; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an archive says of itself.

    made_at         RFC 3339, UTC
    key             tells secret keys from each other and nothing about them
    parts           name → [bytes, SHA-256 in hex]
    """

    made_at: str
    key: str
    parts: dict[str, tuple[int, str]]
    format: str = FORMAT


def fingerprint(secret_key: str) -> str:
    """What tells a secret key from others."""
    return hmac.new(secret_key.encode(), b"backup", hashlib.sha256).hexdigest()[:16]


# ---- making ----------------------------------------------------------------------------------------------------------


def back_up(folder: DataFolder, media: Path, secret_key: str, to: Path) -> Manifest:
    """Write the archive, for its owner's eyes only; it gets its name when it is whole.

    The database is dumped first, so that each file it knows of then is either in the archive or was deleted since.
    Raises BackupProblem.
    """
    if to.exists():
        raise BackupProblem(f"{to} exists already. Give another name.")
    half_made = to.with_name(f"{to.name}.part")
    try:
        with (
            tempfile.TemporaryDirectory(dir=to.parent, prefix=".backup-") as aside,
            os.fdopen(os.open(half_made, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file,
        ):
            dump = Path(aside) / DUMP
            _run(folder, "pg_dump", "--format=custom", "--compress=1", "--no-owner", f"--file={dump}", DATABASE)
            with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as archive:
                parts = {DUMP: _add(archive, DUMP, dump)}
                key = folder.path / SECRET_KEY
                if key.exists():
                    parts[SECRET_KEY] = _add(archive, SECRET_KEY, key)
                for path in sorted(path for path in media.rglob("*") if path.is_file()):
                    name = f"{MEDIA}{path.relative_to(media).as_posix()}"
                    with suppress(FileNotFoundError):
                        parts[name] = _add(archive, name, path)
                manifest = Manifest(datetime.now(UTC).isoformat(timespec="seconds"), fingerprint(secret_key), parts)
                content = json.dumps(asdict(manifest)).encode()
                archive.addfile(_member(MANIFEST, len(content)), io.BytesIO(content))
            file.flush()
            os.fsync(file.fileno())
        half_made.rename(to)
    except OSError as error:
        raise BackupProblem(f"The backup could not be written to {to}: {error.strerror}. Nothing was kept.") from error
    finally:
        half_made.unlink(missing_ok=True)
    return manifest


def _add(archive: tarfile.TarFile, name: str, path: Path) -> tuple[int, str]:
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        hashed = _Hashed(file)
        archive.addfile(_member(name, size), hashed)
    return size, hashed.digest.hexdigest()


def _member(name: str, size: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, 0o600
    return member


class _Hashed:
    """A file that is hashed while it is read."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        chunk = self.file.read(size)
        self.digest.update(chunk)
        return chunk


# ---- looking through -------------------------------------------------------------------------------------------------


def check(archive: Path) -> Manifest:
    """What the archive holds, when all of it is as it was written. Raises BackupProblem."""
    found: dict[str, tuple[int, str]] = {}
    try:
        with _members(archive) as members:
            for name, file in members:
                if MANIFEST in found:
                    raise ValueError("there is something behind its end")
                if name == MANIFEST:
                    manifest = _manifest(file.read(64 * _CHUNK))
                    found[MANIFEST] = (0, "")
                    continue
                hashed, size = _Hashed(file), 0
                while chunk := hashed.read(_CHUNK):
                    size += len(chunk)
                found[name] = (size, hashed.digest.hexdigest())
    except FileNotFoundError as error:
        raise BackupProblem(f"There is no file {archive}.") from error
    except (tarfile.TarError, EOFError, ValueError, KeyError, TypeError, OSError) as error:
        raise BackupProblem(f"{archive} is no whole backup: {error}. Nothing was restored.") from error
    if found.pop(MANIFEST, None) is None:
        raise BackupProblem(f"{archive} is no whole backup: its end is missing. Nothing was restored.")
    if manifest.format != FORMAT or found != manifest.parts or DUMP not in found:
        raise BackupProblem(f"{archive} does not hold what it says it does. It was changed; nothing was restored.")
    return manifest


def _manifest(content: bytes) -> Manifest:
    given: dict[str, Any] = json.loads(content)
    parts = {str(name): (int(size), str(digest)) for name, (size, digest) in given["parts"].items()}
    return Manifest(str(given["made_at"]), str(given["key"]), parts, str(given["format"]))


@contextmanager
def _members(archive: Path) -> Iterator[Iterator[tuple[str, IO[bytes]]]]:
    """The parts in their order: plain files with names that stay where they belong."""

    def each(opened: tarfile.TarFile) -> Iterator[tuple[str, IO[bytes]]]:
        for member in opened:
            is_inside = member.name in (MANIFEST, DUMP, SECRET_KEY) or member.name.startswith(MEDIA)
            if not member.isreg() or not is_inside or ".." in PurePosixPath(member.name).parts:
                raise ValueError(f"{member.name!r} does not belong into a backup")
            file = opened.extractfile(member)
            if file is not None:
                yield member.name, file

    with tarfile.open(archive, mode="r:") as opened:
        yield each(opened)


# ---- the way back ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Restored:
    """What was restored, and under which names lies what it took the place of; "" when there was nothing."""

    manifest: Manifest
    replaced_database: str
    replaced_media: str


def restore(
    folder: DataFolder, media: Path, archive: Path, *, replace: bool, secret_key: str | None, carry_over: Sequence[str]
) -> Restored:
    """Put the archive in the place of what this folder holds; PostgreSQL runs, and nobody else uses it.

    What was there is kept under other names; of the tables `carry_over` its rows are added to the restored ones.
    `secret_key` is the key of the environment, if the site has its key from there: then it must be the archive's.
    Raises BackupProblem; whatever happens before the last step leaves everything as it was.
    """
    manifest = check(archive)
    holds_a_site = _ask(folder, DATABASE, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") > 0
    if holds_a_site and not replace:
        raise BackupProblem(
            f"{folder.path} holds a site already. Add --replace to put the backup in its place (what is there is kept "
            "under another name), or set DATA_DIR to a new folder."
        )
    if secret_key is not None and fingerprint(secret_key) != manifest.key:
        raise BackupProblem(
            "The backup was made under another SECRET_KEY than the one that is set. API keys and the suppression list "
            "mean nothing without it: set that one and restore again."
        )
    if holds_a_site and fingerprint(secret_key or folder.secret_key) != manifest.key:
        _check_nothing_is_lost(folder, carry_over)
    stamp = datetime.now(UTC).strftime("%Y%m%d_%H%M%S")
    with tempfile.TemporaryDirectory(dir=folder.path, prefix=".restoring-") as aside:
        unpacked = Path(aside)
        _unpack(archive, unpacked)
        _fill(folder, unpacked / DUMP)
        if holds_a_site:
            _carry_over(folder, carry_over)
        replaced_database = f"{DATABASE}_replaced_{stamp}" if holds_a_site else ""
        _take_the_place(folder, replaced_database)
        replaced_media = _replace_media(media, unpacked / MEDIA, stamp)
        if secret_key is None and (unpacked / SECRET_KEY).exists():
            (unpacked / SECRET_KEY).replace(folder.path / SECRET_KEY)
    return Restored(manifest, replaced_database, replaced_media)


def _unpack(archive: Path, to: Path) -> None:
    (to / MEDIA).mkdir(mode=0o700, parents=True)
    with _members(archive) as members:
        for name, file in members:
            path = to / name
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as copy:
                shutil.copyfileobj(file, copy, _CHUNK)


def _fill(folder: DataFolder, dump: Path) -> None:
    """A database of its own out of the dump; one that an earlier attempt left is thrown away."""
    with _connection(folder, "postgres") as server:
        server.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(RESTORING)))
        server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(RESTORING)))
    _run(folder, "pg_restore", "--exit-on-error", "--no-owner", f"--dbname={RESTORING}", str(dump))


def _check_nothing_is_lost(folder: DataFolder, tables: Sequence[str]) -> None:
    if any(rows for _, rows in _rows_of(folder, tables)):
        raise BackupProblem(
            "The backup is of a site with another secret key, and this one has a suppression list, which would be "
            "lost. Restore into a new folder instead (DATA_DIR)."
        )


def _carry_over(folder: DataFolder, tables: Sequence[str]) -> None:
    with _connection(folder, RESTORING) as there:
        for table, rows in _rows_of(folder, tables):
            for row in rows:
                there.execute(
                    sql.SQL("INSERT INTO {} VALUES ({}) ON CONFLICT DO NOTHING").format(
                        sql.Identifier(table), sql.SQL(", ").join([sql.Placeholder()] * len(row))
                    ),
                    row,
                )


def _rows_of(folder: DataFolder, tables: Sequence[str]) -> Iterator[tuple[str, list[tuple[Any, ...]]]]:
    """The rows of those tables that the site has."""
    with _connection(folder, DATABASE) as here:
        for table in tables:
            if here.execute("SELECT to_regclass(%s)", [table]).fetchone() != (None,):
                yield table, here.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier(table))).fetchall()


def _take_the_place(folder: DataFolder, replaced: str) -> None:
    """Both names change in one transaction: there is always a database of the site."""
    with _connection(folder, "postgres") as server:
        is_there = server.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone()
        if is_there and not replaced:
            server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(DATABASE)))
        with server.transaction():
            if replaced:
                _rename(server, DATABASE, replaced)
            _rename(server, RESTORING, DATABASE)


def _rename(server: "psycopg.Connection[Any]", old: str, new: str) -> None:
    server.execute(sql.SQL("ALTER DATABASE {} RENAME TO {}").format(sql.Identifier(old), sql.Identifier(new)))


def _replace_media(media: Path, restored: Path, stamp: str) -> str:
    replaced = media.with_name(f"{media.name}_replaced_{stamp}")
    had_files = media.exists()
    if had_files:
        media.rename(replaced)
    restored.rename(media)
    return replaced.name if had_files else ""


# ---- speaking to the server ------------------------------------------------------------------------------------------


def _run(folder: DataFolder, program: str, *arguments: str) -> None:
    done = subprocess.run(
        [str(postgres.binaries() / program), f"--host={folder.sockets}", f"--username={USER}", *arguments],
        env={**os.environ, "PGPASSWORD": folder.postgres_password},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise BackupProblem(f"{program} failed: {done.stderr.strip()[-600:]}")


def _connection(folder: DataFolder, database: str) -> "psycopg.Connection[Any]":
    return psycopg.connect(
        host=str(folder.sockets), user=USER, password=folder.postgres_password, dbname=database, autocommit=True
    )


def _ask(folder: DataFolder, database: str, query: str) -> int:
    with _connection(folder, database) as connection:
        found = connection.execute(query).fetchone()
    return int(found[0]) if found else 0
