"""Carrying out an export: from COPY into a file that appears whole or not at all. Workers only."""

import csv
import io
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import orjson
from django.conf import settings
from django.core.files.storage import default_storage
from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext_noop

from customers import attributes
from segmentation_site import file_storage
from segmentation_site.jobs.leases import Lease
from segmentation_site.jobs.problems import Problem
from segments.audiences import PRESETS, Preset
from segments.browsing.members import Members, Stream
from segments.exporting import FOLDER, LEFT_BEHIND
from segments.models import Export, FileFormat, Hashing

# What a sheet of Excel holds, its header included.
MOST_ROWS_OF_A_SHEET = 1_048_576
ROWS_BETWEEN_CHECKS = 5_000
# Where a file is written whose storage is no folder.
ASIDE = settings.DATA_DIR / "aside"
# Somebody who is erased again and again while a file is written: then it is better tried later.
MOST_TRIES = 5
_NUMBERS = frozenset({"distance"})


class CannotExport(Problem):
    code = "cannot_export"
    sentence = "{detail}"


def execute(export: Export, lease: Lease[Export]) -> None:
    """Write the file of one export. May be cancelled; nothing half done is ever handed out.

    Whoever is erased meanwhile is in no file: the file is then written anew.
    """
    name = f"{FOLDER}/{export.public_id}-{lease.token.hex[:12]}.{export.format}"
    _drop_earlier(export)
    for _ in range(MOST_TRIES):
        Export.objects.filter(pk=export.pk).update(is_outdated=False)
        with file_storage.written_to(name, ASIDE) as path:
            rows, left_out = _write(export, lease, path)
            size = path.stat().st_size
        try:
            with lease.writing():
                if not Export.objects.select_for_update().get(pk=export.pk).is_outdated:
                    expires_at = timezone.now() + timedelta(days=settings.EXPORTS_KEPT_DAYS)
                    lease.finish(file=name, size=size, rows=rows, left_out=left_out, expires_at=expires_at)
                    return
        except BaseException:
            default_storage.delete(name)
            raise
        default_storage.delete(name)
    raise CannotExport(
        detail=gettext_noop("Customers were erased all the while. Export the members again in a moment.")
    )


def _drop_earlier(export: Export) -> None:
    """What an attempt left behind whose worker died; in object storage there is nothing before it is whole."""
    with suppress(NotImplementedError):
        for one in Path(default_storage.path(FOLDER)).glob(f"{export.public_id}-*"):
            one.unlink(missing_ok=True)
    for one in ASIDE.glob("*"):
        if time.time() - one.stat().st_mtime > LEFT_BEHIND.total_seconds():
            shutil.rmtree(one, ignore_errors=True)


def _write(export: Export, lease: Lease[Export], path: Path) -> tuple[int, int]:
    """How many customers are in the file, and how many members a platform could not know."""
    run = export.run
    if run is None or run.pruned_at is not None:
        raise CannotExport(detail=gettext_noop("Who was in which segment is no longer kept. Export the members again."))
    members = Members(
        run, export.segment, tuple(export.columns), is_contactable=export.contactable_only, with_names=True
    )
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            cursor.execute("SET LOCAL statement_timeout = 0")
        lease.phase(gettext_noop("counting"))
        total = members.count()
        if export.format == FileFormat.XLSX and total >= MOST_ROWS_OF_A_SHEET:
            raise CannotExport(
                detail=gettext_noop(
                    "A sheet of Excel holds {most:,} customers, and these are {total:,}. Choose CSV or Parquet."
                ).format(most=MOST_ROWS_OF_A_SHEET - 1, total=total)
            )
        lease.phase(gettext_noop("writing"), total)
        if export.hashed != Hashing.NONE:
            return _hashed(members, Preset(export.hashed), lease, path)
        _WRITERS[FileFormat(export.format)](members, lease, path, export)
    return total, 0


def _copied(form: Stream) -> "Writer":
    """Straight from COPY, in constant memory."""

    def write(members: Members, lease: Lease[Export], path: Path, export: Export) -> None:
        # The header of a CSV is nobody.
        lines = -1 if form is Stream.CSV else 0
        with _opened(path) as file:
            for chunk in members.stream(form):
                lease.check()
                file.write(chunk)
                lines += chunk.count(b"\n")
                lease.progress(max(0, lines))

    return write


def _opened(path: Path) -> io.BufferedWriter:
    """For its owner alone, from the first byte on."""
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    return path.open("wb")


def _rows(members: Members, lease: Lease[Export]) -> Iterator[list[str]]:
    """The header and everybody, as text that no spreadsheet carries out."""
    text = io.TextIOWrapper(io.BufferedReader(_Chunks(members.stream(Stream.CSV))), encoding="utf-8", newline="")
    for number, row in enumerate(csv.reader(text)):
        if number % ROWS_BETWEEN_CHECKS == 0:
            lease.check()
            lease.progress(number)
        yield row


def _to_workbook(members: Members, lease: Lease[Export], path: Path, export: Export) -> None:
    from xlsxwriter import Workbook

    numbers = _NUMBERS | {column.key for column in attributes.columns() if column.kind == "number"}
    _opened(path).close()
    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with Workbook(str(path), options) as book:
        sheet = book.add_worksheet("Members")
        header: list[str] = []
        for line, row in enumerate(_rows(members, lease)):
            header = header or row
            for place, cell in enumerate(row):
                if line and cell and header[place] in numbers:
                    sheet.write_number(line, place, float(cell))
                else:
                    sheet.write_string(line, place, cell)
    path.chmod(0o600)


def _to_parquet(members: Members, lease: Lease[Export], path: Path, export: Export) -> None:
    import polars as pl

    kinds = {column.key: column.kind for column in attributes.columns()}
    types = {"number": pl.Float64, "boolean": pl.Boolean}
    names = ["external_id", "segment_id", "segment_name", "distance", "fit", "joined_at", "run_id", *export.columns]
    schema = {name: pl.Float64 if name in _NUMBERS else types.get(kinds.get(name, ""), pl.String) for name in names}
    lines = path.with_suffix(".lines")
    try:
        _copied(Stream.NDJSON)(members, lease, lines, export)
        frame = pl.scan_ndjson(lines, schema=schema).with_columns(
            pl.col("joined_at").str.to_datetime(time_zone="UTC", strict=False),
            *(pl.col(name).str.to_date(strict=False) for name in export.columns if kinds.get(name) == "date"),
        )
        _opened(path).close()
        frame.sink_parquet(path, compression="zstd")
        path.chmod(0o600)
    finally:
        lines.unlink(missing_ok=True)


def _hashed(members: Members, preset: Preset, lease: Lease[Export], path: Path) -> tuple[int, int]:
    """The template of a platform: hashes only, of those whom it could know."""
    audience = PRESETS[preset]
    rows = left_out = 0
    with _opened(path) as file:
        text = io.TextIOWrapper(file, encoding="utf-8", newline="")
        writer = csv.writer(text)
        writer.writerow(audience.names)
        for number, line in enumerate(_lines(members.stream(Stream.NDJSON))):
            if number % ROWS_BETWEEN_CHECKS == 0:
                lease.check()
                lease.progress(number)
            values = orjson.loads(line)
            row = audience.row([values[key] for key in audience.needs])
            if row.is_anybody:
                writer.writerow(row.cells)
                rows += 1
            else:
                left_out += 1
        text.flush()
        text.detach()
    return rows, left_out


def _lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        yield from whole
    if rest:
        yield rest


class _Chunks(io.RawIOBase):
    """Chunks of bytes as a file that is read."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks, self._rest = iter(chunks), b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "memoryview") -> int:  # type: ignore[override]
        while not self._rest:
            self._rest = next(self._chunks, b"")
            if not self._rest:
                return 0
        count = min(len(buffer), len(self._rest))
        buffer[:count], self._rest = self._rest[:count], self._rest[count:]
        return count


Writer = Callable[[Members, Lease[Export], Path, Export], None]
_WRITERS: dict[FileFormat, Writer] = {
    FileFormat.CSV: _copied(Stream.CSV),
    FileFormat.NDJSON: _copied(Stream.NDJSON),
    FileFormat.XLSX: _to_workbook,
    FileFormat.PARQUET: _to_parquet,
}
