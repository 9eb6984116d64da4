"""Starting an import: the file into storage, a row, and a bell.

Light: pages and API load this. A file that is no table of customers is refused here, before anything is saved; its
rows are checked by the worker.
"""

import errno
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import PurePath
from typing import Any, BinaryIO, cast

from django.conf import settings
from django.contrib.auth.models import User
from django.core.files import File
from django.db import transaction
from django.db.models.functions import Now
from django.template.defaultfilters import filesizeformat
from django.utils.formats import date_format
from django.utils.translation import gettext_noop

from customers import targets
from customers.files import mapping as file_mapping
from customers.files import planning, sampling
from customers.files.sampling import ReadingOptions, Sample
from customers.files.schema import Column
from customers.models import EmptyCells, Import, ImportKey, ImportMode, ImportStatus, SavedMapping
from customers.problems import file_problems_told
from segmentation_site.access import audit
from segmentation_site.access.audit import Action
from segmentation_site.database.public_ids import new_public_id
from segmentation_site.jobs import bell
from segmentation_site.jobs.leases import DiskFull
from segmentation_site.jobs.problems import Problem

LONGEST_SOURCE = 100
# Headers that a file of rejected rows has beside the original ones.
ADDED_TO_REJECTS = ("Rejected line", "Rejected field", "Rejected because")


class FileTooLarge(Problem):
    code = "file_too_large"
    sentence = gettext_noop("This file is larger than {limit}, the most that can be imported at once.")
    remedy = gettext_noop("Split it and import the parts.")
    http_status = 413


class UnknownMode(Problem):
    code = "unknown_mode"
    sentence = gettext_noop("{mode!r} is not a way to import. Known: {known}.")
    remedy = gettext_noop("Choose one of these.")


class UnsupportedKind(Problem):
    code = "unsupported_kind"
    sentence = gettext_noop("Files with {kind!r} cannot be imported. Known: {known}.")
    remedy = gettext_noop("Choose one of these.")


class UnknownChoice(Problem):
    code = "unknown_choice"
    sentence = gettext_noop("{value!r} is not something that can be chosen here. Known: {known}.")
    remedy = gettext_noop("Choose one of these.")


class InvalidSource(Problem):
    code = "invalid_source"
    sentence = gettext_noop("A shop or system is called by at most {most} characters, none of them a NUL.")
    remedy = gettext_noop("Give a shorter name.")


class ImportedBefore(Problem):
    code = "imported_before"
    sentence = gettext_noop(
        "These very transactions were imported on {when}, and without order ids nobody can tell a second purchase from"
        " a second import."
    )
    remedy = gettext_noop("Undo that import first, or map a column with order ids.")
    http_status = 409
    told = ("import_id",)


class NotWaiting(Problem):
    code = "already_started"
    sentence = gettext_noop("This import was started already, or thrown away: it is {status}.")
    remedy = gettext_noop("Upload the file again to import it once more.")
    http_status = 409


@dataclass(frozen=True, slots=True)
class Choices:
    """How a file is to be imported, as far as it is not by itself.

    mapping      header → attribute for what is not recognised; "" leaves a column out, `attribute*1000` multiplies
    mode         one of ImportMode            empty_cells  one of EmptyCells
    reading      how the file is written, where that is not recognised: see `sampling.ReadingOptions`
    source       of transactions: the shop or system that the order ids are of
    """

    mapping: Mapping[str, str] = field(default_factory=dict)
    mode: str = ImportMode.UPSERT
    empty_cells: str = EmptyCells.LEAVE
    is_dry_run: bool = False
    reading: Mapping[str, Any] = field(default_factory=dict)
    source: str = ""

    def with_factors_apart(self) -> "Choices":
        """The same with targets alone in the mapping: `annual_income*0.001` says how numbers are written."""
        with file_problems_told():
            mapping, factors = file_mapping.split_factors(self.mapping)
        if not factors:
            return replace(self, mapping=mapping)
        return replace(
            self, mapping=mapping, reading={**self.reading, "factors": {**self.reading.get("factors", {}), **factors}}
        )

    def check(self) -> None:
        """Raises a Problem that points at what cannot be chosen."""
        if self.mode not in ImportMode.values:
            raise UnknownMode(pointer="/mode", mode=self.mode, known=", ".join(ImportMode.values))
        if self.empty_cells not in EmptyCells.values:
            known = ", ".join(EmptyCells.values)
            raise UnknownChoice(pointer="/empty_cells", value=self.empty_cells, known=known)
        if len(self.source.strip()) > LONGEST_SOURCE or "\0" in self.source:
            raise InvalidSource(pointer="/source", most=LONGEST_SOURCE)
        with file_problems_told():
            ReadingOptions.from_json(self.reading)


def start_import(
    file: File,
    *,
    by: User | None,
    kind: str = Import.Kind.CUSTOMERS,
    choices: Choices | None = None,
    ring: bool = True,
) -> Import:
    """Take a file and queue its import.

    Without `ring` no worker is called: the caller carries the import out itself. Raises a Problem when the file or the
    mapping cannot be; then nothing is saved.
    """
    choices = choices or Choices()
    choices.check()
    with _stored(file, by=by, kind=kind) as one, transaction.atomic():
        one.save()
        start(one, choices, ring=ring)
    return one


def receive(file: File, *, by: User | None, kind: str = Import.Kind.CUSTOMERS) -> Import:
    """Take a file whose columns a person is going to map; `start` queues it. Raises a Problem when it is no table.

    A file with the headers of an earlier one is mapped as that one was.
    """
    with _stored(file, by=by, kind=kind) as one:
        sample = look(one)
        saved = saved_mapping(one, sample)
        if saved:
            one.reading = saved.options.get("reading", {})
            one.mode = saved.options.get("mode", one.mode)
            one.empty_cells = saved.options.get("empty_cells", one.empty_cells)
        one.mapping = suggested(one, sample)
        one.save()
    return one


def saved_mapping(one: Import, sample: Sample) -> SavedMapping | None:
    """How the last file with these headers was mapped, if there was one."""
    return SavedMapping.objects.filter(signature=signature(sample.headers), kind=one.kind).first()


def suggested(one: Import, sample: Sample) -> dict[str, str]:
    """What the columns most likely mean: as the last file with these headers was mapped, else by their names."""
    saved, columns = saved_mapping(one, sample), targets.columns(one)
    still_known = _still_known(saved.mapping, sample, columns) if saved else {}
    return still_known or file_mapping.complete(sample, columns, {})


def start_again(one: Import, *, by: User | None) -> Import:
    """Start a new import of the same stored file with the same choices, after a dry run. Raises as `start_import`."""
    choices = Choices(
        mapping=one.mapping,
        mode=one.mode,
        empty_cells=one.empty_cells,
        reading=one.reading,
        source=one.source,
    )
    with one.file.open("rb") as stored:
        return start_import(File(stored, name=one.file_name), by=by, kind=one.kind, choices=choices)


def _still_known(mapping: Mapping[str, str], sample: Sample, columns: Sequence[Column]) -> dict[str, str]:
    keys = {column.key for column in columns}
    return {header: key for header, key in mapping.items() if header in sample.headers and key in keys}


def signature(headers: Iterable[str]) -> str:
    """What files have in common whose headers are the same, but for what rejected rows bring along."""
    own = [header for header in headers if header not in ADDED_TO_REJECTS]
    return hashlib.sha256("\0".join(own).encode()).hexdigest()


def look(one: Import, *, as_found: bool = False) -> Sample:
    """The first rows of the file of an import, and how it is written. Raises a Problem when it is no table.

    With `as_found` the file alone tells how it is written, but for the sheet.
    """
    said = {name: value for name, value in one.reading.items() if name == "sheet"} if as_found else one.reading
    known = file_mapping.known_headers(targets.columns(one))
    with file_problems_told(), one.file.storage.open(str(one.file.name), "rb") as stored:
        return sampling.take_sample(cast(BinaryIO, stored), known, options=ReadingOptions.from_json(said))


def start(one: Import, choices: Choices, *, ring: bool = True) -> Import:
    """Queue an import that was received. Raises a Problem when the mapping cannot be, NotWaiting when it is not to
    start.
    """
    choices = choices.with_factors_apart()
    choices.check()
    one.reading, one.source = dict(choices.reading), choices.source.strip()
    sample = look(one)
    with file_problems_told():
        one.key = _key(one, sample, choices.mapping)
        columns = targets.columns(one)
        complete = file_mapping.complete(sample, columns, choices.mapping)
        plan = planning.plan(sample, columns, complete)
    _refuse_what_cannot_be_told_apart(one, complete, choices)
    values = {
        "mapping": complete,
        "mode": choices.mode,
        "empty_cells": choices.empty_cells,
        "is_dry_run": choices.is_dry_run,
        "reading": one.reading,
        "source": one.source,
        "key": one.key,
        "params": {"plan": plan.to_json()},
    }
    with transaction.atomic():
        waiting = Import.objects.filter(pk=one.pk, status=ImportStatus.UPLOADED)
        if not waiting.update(**values, status=ImportStatus.QUEUED):
            one.refresh_from_db()
            raise NotWaiting(status=one.get_status_display().lower())
        _remember(one, sample, complete, choices)
        audit.record(Action.IMPORT_STARTED, one.public_id, by=one.created_by, kind=one.kind)
        if ring:
            bell.ring_on_commit(one)
    one.refresh_from_db()
    return one


def _key(one: Import, sample: Sample, chosen: Mapping[str, str]) -> ImportKey:
    """By what rows find their customers: by e-mail address where the file has no ids."""
    mapped = file_mapping.complete(sample, targets.columns(one), chosen).values()
    is_by_email = one.kind == Import.Kind.CUSTOMERS and "external_id" not in mapped and "email" in mapped
    return ImportKey.EMAIL if is_by_email else ImportKey.EXTERNAL_ID


def _refuse_what_cannot_be_told_apart(one: Import, mapping: Mapping[str, str], choices: Choices) -> None:
    if one.kind != Import.Kind.TRANSACTIONS or choices.is_dry_run or "order_id" in mapping.values():
        return
    if before := imported_before(one):
        raise ImportedBefore(when=date_format(before.created_at, "DATETIME_FORMAT"), import_id=before.public_id)


def imported_before(one: Import) -> Import | None:
    """The last finished import of the very same bytes, if there is another than this one."""
    if not one.input_sha256:
        return None
    same = Import.objects.filter(input_sha256=one.input_sha256, kind=one.kind, status=ImportStatus.DONE)
    return same.filter(is_dry_run=False).exclude(pk=one.pk).order_by("-id").first()


def _remember(one: Import, sample: Sample, mapping: Mapping[str, str], choices: Choices) -> None:
    """For the next file with the same headers; columns that were left out stay left out."""
    SavedMapping.objects.update_or_create(
        signature=signature(sample.headers),
        kind=one.kind,
        defaults={
            "mapping": mapping,
            "options": {
                "reading": dict(choices.reading),
                "mode": choices.mode,
                "empty_cells": choices.empty_cells,
            },
            "used_at": Now(),
        },
    )


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
    if kind not in Import.Kind.values:
        raise UnsupportedKind(pointer="/kind", kind=kind, known=", ".join(Import.Kind.values))
    public_id = new_public_id("imp")
    one = Import(public_id=public_id, kind=kind, status=ImportStatus.UPLOADED, created_by=by)
    one.file_name = _file_name(file)
    counted = _Counted(file)
    try:
        one.file.save(f"{public_id}.upload", counted, save=False)
        one.file_size, one.input_sha256 = counted.length, counted.digest.hexdigest()
        yield one
    except BaseException as error:
        one.file.storage.delete(f"imports/{public_id}.upload")
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            raise DiskFull() from error
        raise


def _file_name(file: File) -> str:
    """The last part of the name that the file came with, as something that can be stored and shown."""
    name = PurePath((file.name or "").replace("\\", "/")).name
    printable = "".join(letter if letter.isprintable() else "\ufffd" for letter in name).strip()
    return printable[-255:] or "customers.csv"
