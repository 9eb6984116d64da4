"""A sheet in parts, in the child process: each is a workbook of some of its rows, which calamine reads by itself.

So the first rows are on their way while the last are still packed, memory holds two parts instead of the sheet, and
what a workbook unpacks to is counted on the way. Calamine gives nothing for a cell with an error, such as #N/A; so such
cells are made text in the XML first.
"""

import copy
import io
import re
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import cycle
from typing import IO

from customers.files.schema import Bomb
from customers.files.wording import gettext_noop

MOST_UNPACKED = 1024**3
# About 8,000 rows of ten columns. With each part calamine reads the texts of the whole workbook again, which a part is
# therefore larger than.
PART_BYTES = 4 * 1024**2
TIMES_THE_TEXTS = 2
# A part that grows beyond this, because nothing tells where it can be cut, waits on disk.
_IN_MEMORY = 64 * 1024**2
_BLOCK = 1024**2
# How far into a part of the archive it is told whether that is a sheet, and where a sheet's rows have to begin.
_TOLD_BY, _ROWS_BY = 4096, 8 * 1024**2

_IS_SHEET = re.compile(rb"<(?:\w+:)?worksheet\b")
_ERROR = re.compile(rb"""(<(?:\w+:)?c\s[^<>]*?\bt=)(["'])e\2""")
_ROWS_BEGIN = re.compile(rb"<((?:\w+:)?)sheetData\s*>")
_NUMBERED_SHEET = (
    b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData><row r="1"><c r="A1">'
    b"<v>%d</v></c></row></sheetData></worksheet>"
)


@dataclass(frozen=True, slots=True)
class Taken:
    """What of an archive is needed to read its sheets: those, and everything else that is XML, as name and content."""

    archive: zipfile.ZipFile
    sheets: tuple[zipfile.ZipInfo, ...]
    others: tuple[tuple[str, bytes], ...]

    def emptied(self) -> IO[bytes]:
        """The workbook with its sheets, which hold nothing but their place among `sheets` in cell A1."""
        emptied = io.BytesIO()
        with zipfile.ZipFile(emptied, "w") as written:
            for name, content in self.others:
                if not _is_of_texts(name):
                    written.writestr(name, content)
            for place, sheet in enumerate(self.sheets):
                written.writestr(sheet.filename, _NUMBERED_SHEET % place)
        return emptied

    def parts(self, sheet: zipfile.ZipInfo, turn: int, sharers: int) -> Iterator[IO[bytes]]:
        """Workbooks of consecutive rows of a sheet, under its name: of so many sharers' parts the ones of one `turn`.

        Raises Bomb when the sheet unpacks to more than it says.
        """
        texts = sum(len(content) for name, content in self.others if _is_of_texts(name))
        rows = _Rows(blocks(self.archive, sheet), most=max(PART_BYTES, TIMES_THE_TEXTS * texts))
        for others_turn in cycle(range(sharers)):
            if rows.is_at_end:
                return
            if others_turn != turn:
                rows.write_some(None)
                continue
            with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as part:
                with zipfile.ZipFile(part, "w") as written:
                    for name, content in self.others:
                        written.writestr(name, content)
                    with written.open(zipfile.ZipInfo(sheet.filename), "w", force_zip64=True) as member:
                        rows.write_some(member.write)
                yield part


class _Rows:
    """The XML of a sheet while it is cut."""

    def __init__(self, unpacked: Iterator[bytes], most: int) -> None:
        self.unpacked = unpacked
        self.most = most
        self.left = next(unpacked, b"")
        while not (begin := _ROWS_BEGIN.search(self.left)) and len(self.left) < _ROWS_BY:
            if not (block := next(unpacked, b"")):
                break
            self.left += block
        self.head = self.tail = b""
        # Where a row says its number, whatever stood before it does not matter to calamine.
        self.row: re.Pattern[bytes] | None = None
        if begin:
            prefix = begin[1]
            self.head, self.left = self.left[: begin.end()], self.left[begin.end() :]
            self.tail = b"</%ssheetData></%sworksheet>" % (prefix, prefix)
            self.row = re.compile(rb"""<%srow\s[^<>]*?\br=["'][0-9]""" % prefix)
        self.is_at_end = False

    def write_some(self, write: Callable[[bytes], object] | None) -> None:
        """The next rows as a sheet of their own; without `write` they are left out."""
        if write:
            write(self.head)
        written = 0
        while True:
            # A single sign is found fifteen times as fast as two.
            if b"!" in self.left and b"<!" in self.left:
                # In a comment, or beside one, nothing is certain to be a row.
                self.row = None
            if written >= self.most and self.row and (row := self.row.search(self.left)):
                self._write(write, row.start())
                if write:
                    write(self.tail)
                return
            written += self._write(write, self.left.rfind(b">") + 1)
            if not (block := next(self.unpacked, b"")):
                if write:
                    write(self.left)
                self.is_at_end = True
                return
            self.left = self.left + block if self.left else block

    def _write(self, write: Callable[[bytes], object] | None, length: int) -> int:
        if write:
            write(without_errors(self.left if length == len(self.left) else self.left[:length]))
        self.left = self.left[length:]
        return length


def take(archive: zipfile.ZipFile) -> Taken:
    """What is needed of an archive. Raises Bomb when one of its parts unpacks to more than it says."""
    sheets: list[zipfile.ZipInfo] = []
    others: list[tuple[str, bytes]] = []
    for entry in archive.infolist():
        if not entry.filename.casefold().endswith((".xml", ".rels")):
            continue
        unpacked = blocks(archive, entry)
        beginning = next(unpacked, b"")
        if is_sheet(beginning):
            sheets.append(entry)
        else:
            others.append((entry.filename, b"".join([beginning, *unpacked])))
    return Taken(archive, tuple(sheets), tuple(others))


def blocks(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Iterator[bytes]:
    """What an entry really unpacks to. Raises Bomb as soon as that is more than the directory says."""
    unbounded = copy.copy(entry)
    unbounded.file_size = MOST_UNPACKED + 1
    unpacked = 0
    with archive.open(unbounded) as member:
        while block := member.read(_BLOCK):
            unpacked += len(block)
            if unpacked > entry.file_size:
                raise Bomb(found=gettext_noop("{entry} unpacks to more than it says").format(entry=entry.filename))
            yield block


def is_sheet(beginning: bytes) -> bool:
    """Whether a part of the archive that begins so is a sheet."""
    return _IS_SHEET.search(beginning[:_TOLD_BY]) is not None


def without_errors(xml: bytes) -> bytes:
    """Cells of a sheet, none of which is cut in two, with errors as text."""
    # A single sign is found much faster than several, and is hardly ever there.
    is_any = b't="e"' in xml or (b"'" in xml and b"t='e'" in xml)
    return _ERROR.sub(rb'\1"str"', xml) if is_any else xml


def _is_of_texts(name: str) -> bool:
    return name.casefold().endswith("sharedstrings.xml")
