"""Starting an import: the file into storage, a row, and a bell.

Light: pages and API load this. A file that is no table of customers is refused here, before anything is saved; its
rows are checked by the worker.
"""

import errno
import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import PurePath
from typing import BinaryIO, cast

from django.conf import settings
from django.contrib.auth.models import User
from django.core.files import File
from django.db import transaction
from django.db.models.functions import Now
from django.template.defaultfilters import filesizeformat

from customers import attributes
from customers.files import mapping as file_mapping
from customers.files import sampling
from customers.files.sampling import Sample
from customers.models import Import, ImportMode, ImportStatus
from customers.problems import file_problems_told
from segmentation_site.database.public_ids import new_public_id
from segmentation_site.jobs import bell
from segmentation_site.jobs.leases import DiskFull
from segmentation_site.jobs.problems import Problem


class FileTooLarge(Problem):
    code = "file_too_large"
    sentence = "This file is larger than {limit}, the most that can be imported at once."
    remedy = "Split it and import the parts."
    http_status = 413


class UnknownMode(Problem):
    code = "unknown_mode"
    sentence = "{mode!r} is not a way to import. Known: {known}."
    remedy = "Choose one of these."


class UnsupportedKind(Problem):
    code = "unsupported_kind"
    sentence = "Files with {kind!r} cannot be imported. Known: customers."
    remedy = "Import a file with customers."


class NotWaiting(Problem):
    code = "already_started"
    sentence = "This import was started already, or thrown away: it is {status}."
    remedy = "Upload the file again to import it once more."
    http_status = 409


def start_import(
    file: File,
    *,
    by: User | None,
    kind: str = Import.Kind.CUSTOMERS,
    mapping: Mapping[str, str] | None = None,
    mode: str = ImportMode.UPSERT,
    is_dry_run: bool = False,
    ring: bool = True,
) -> Import:
    """Take a file and queue its import.

    `mapping` is header → column for what is not recognised by itself, "" to leave a column out. Without `ring` no
    worker is called: the caller carries the import out itself. Raises a Problem when the file or the mapping cannot
    be; then nothing is saved.
    """
    with _stored(file, by=by, kind=kind) as one, transaction.atomic():
        one.save()
        start(one, mapping=mapping or {}, mode=mode, is_dry_run=is_dry_run, ring=ring)
    return one


def receive(file: File, *, by: User | None, kind: str = Import.Kind.CUSTOMERS) -> Import:
    """Take a file whose columns a person is going to map; `start` queues it. Raises a Problem when it is no table."""
    with _stored(file, by=by, kind=kind) as one:
        sample = look(one)
        one.mapping = file_mapping.complete(sample, attributes.columns(), {})
        one.save()
    return one


def look(one: Import) -> Sample:
    """The first rows of the file of an import, and how it is written. Raises a Problem when it is no table."""
    known = file_mapping.known_headers(attributes.columns())
    with file_problems_told(), one.file.storage.open(str(one.file.name), "rb") as stored:
        return sampling.take_sample(cast(BinaryIO, stored), known)


def start(
    one: Import,
    *,
    mapping: Mapping[str, str],
    mode: str = ImportMode.UPSERT,
    is_dry_run: bool = False,
    ring: bool = True,
) -> Import:
    """Queue an import that was received. Raises a Problem when the mapping cannot be, NotWaiting when it is not to
    start.
    """
    if mode not in ImportMode.values:
        raise UnknownMode(pointer="/mode", mode=mode, known=", ".join(ImportMode.values))
    columns = attributes.columns()
    sample = look(one)
    with file_problems_told():
        complete = file_mapping.complete(sample, columns, mapping)
        file_mapping.apply(sample, columns, complete)
    values = {"mapping": complete, "mode": mode, "is_dry_run": is_dry_run}
    with transaction.atomic():
        waiting = Import.objects.filter(pk=one.pk, status=ImportStatus.UPLOADED)
        if not waiting.update(**values, status=ImportStatus.QUEUED):
            one.refresh_from_db()
            raise NotWaiting(status=one.get_status_display().lower())
        if ring:
            bell.ring_on_commit(one)
    one.refresh_from_db()
    return one


def discard(one: Import) -> bool:
    """Throw a received file away before its import starts. False when it was started, or thrown away, before."""
    waiting = Import.objects.filter(pk=one.pk, status=ImportStatus.UPLOADED)
    if not waiting.update(status=ImportStatus.CANCELLED, finished_at=Now(), file=""):
        return False
    one.file.storage.delete(str(one.file.name))
    one.refresh_from_db()
    return True


class _Counted(File):
    """A file that is hashed and measured while it is read, and refused as soon as it is too large."""

    def __init__(self, file: File) -> None:
        super().__init__(file.file, name=file.name)
        self.source = file
        self.digest = hashlib.sha256()
        self.length = 0

    def chunks(self, chunk_size: int | None = None) -> Iterator[bytes]:
        for chunk in self.source.chunks(chunk_size):
            self.length += len(chunk)
            if self.length > settings.IMPORT_MAX_BYTES:
                raise FileTooLarge(pointer="/file", limit=filesizeformat(settings.IMPORT_MAX_BYTES))
            self.digest.update(chunk)
            yield chunk


@contextmanager
def _stored(file: File, *, by: User | None, kind: str) -> Iterator[Import]:
    """The file in storage, under the import's id and never its own name, with a row that is not saved yet.

    When the block fails nothing of it stays.
    """
    if kind != Import.Kind.CUSTOMERS:
        raise UnsupportedKind(pointer="/kind", kind=kind)
    public_id = new_public_id("imp")
    one = Import(public_id=public_id, kind=kind, status=ImportStatus.UPLOADED, created_by=by)
    one.file_name = _file_name(file)
    counted = _Counted(file)
    try:
        one.file.save(f"{public_id}.csv", counted, save=False)
        one.file_size, one.input_sha256 = counted.length, counted.digest.hexdigest()
        yield one
    except BaseException as error:
        one.file.storage.delete(f"imports/{public_id}.csv")
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            raise DiskFull() from error
        raise


def _file_name(file: File) -> str:
    """The last part of the name that the file came with, as something that can be stored and shown."""
    name = PurePath((file.name or "").replace("\\", "/")).name
    printable = "".join(letter if letter.isprintable() else "\ufffd" for letter in name).strip()
    return printable[-255:] or "customers.csv"
