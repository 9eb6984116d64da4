"""A first look at a file: its encoding, its delimiter, its header and its first rows, without reading it all."""

import csv
import io
import re
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import BinaryIO

from customers.files.cells import USUAL, Reason, Style, is_blank, read_cell
from customers.files.schema import (
    LONGEST_HEADER,
    MOST_COLUMNS,
    Column,
    DuplicateHeader,
    EmptyFile,
    NoRows,
    NotText,
    TooManyColumns,
    split_unit,
    squash,
)

SAMPLE_ROWS = 1000
HEAD_BYTES = 1024 * 1024
DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}

_MARKS = (
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe\0\0", "utf-32-le"),
    (b"\0\0\xfe\xff", "utf-32-be"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
)
_MAGIC = (
    (b"PK\x03\x04", "it is a ZIP archive or an XLSX workbook"),
    (b"PK\x05\x06", "it is an empty ZIP archive"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "it is an old Excel workbook (XLS)"),
    (b"%PDF", "it is a PDF"),
    (b"\x89PNG\r\n", "it is a PNG picture"),
    (b"\xff\xd8\xff", "it is a JPEG picture"),
    (b"GIF8", "it is a GIF picture"),
    (b"\x1f\x8b", "it is compressed with gzip"),
    (b"7z\xbc\xaf\x27\x1c", "it is a 7z archive"),
    (b"PAR1", "it is a Parquet file"),
    (b"SQLite format 3\0", "it is an SQLite database"),
    (b"\x7fELF", "it is a program"),
    (b"MZ\x90\0", "it is a program"),
)
# More control characters than this share of the head, and it is no text; a stray NUL byte is a matter of its row.
_MOST_CONTROLS = 0.01
_STRAY_CONTROLS = 3
_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")
_SEPARATOR_LINE = re.compile(r"^sep=([,;\t|])$", re.IGNORECASE)
_LOOKS_LIKE_DATA = re.compile(r"^(?:[+-]?[0-9][0-9.,'’ /:-]*|[^\s@]+@[^\s@]+\.[^\s@]+)$")


@dataclass(frozen=True, slots=True)
class ReadingOptions:
    @classmethod
    def from_json(cls, value: object) -> "ReadingOptions":
        return cls()


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a file is written.

    encoding     a codec of Python's; `mark` is the length in bytes of the byte order mark before the text
    rows_from    number of the line, the first being 1, where the rows begin: after the header, if there is one
    """

    encoding: str
    mark: int
    delimiter: str
    rows_from: int
    has_header: bool

    @property
    def facts(self) -> tuple[str, ...]:
        """Encoding and delimiter as people read them."""
        name = "Windows-1252" if self.encoding == "cp1252" else self.encoding.upper()
        return (name, f"separated by {DELIMITERS[self.delimiter]}", *(() if self.has_header else ("no header",)))


@dataclass(frozen=True, slots=True)
class Filled:
    """How a column of the sample fares: how many rows say something, and how many of those could be saved.

    Both are percentages, rounded down so that 100 means all; `valid` is None when nothing is filled. `reason` is the
    first one why a cell could not be saved.
    """

    filled: int
    valid: int | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Sample:
    """The first rows of a file: each row has as many cells as there are headers, as text."""

    dialect: Dialect
    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def cells(self, header: str) -> list[str]:
        """The cells below one header. Raises ValueError when there is no such header."""
        position = self.headers.index(header)
        return [row[position] for row in self.rows]

    def filled(self, header: str, column: Column | None, style: Style = USUAL, factor: float = 1.0) -> Filled:
        """How the cells below a header fare when they are read as `column`; None asks only whether they are filled."""
        cells = self.cells(header)
        if column is None:
            return Filled(_percent(sum(bool(cell.strip()) for cell in cells), len(cells)), None)
        said = [cell for cell in cells if not is_blank(column, cell)]
        wrong = [read for cell in said if isinstance(read := read_cell(column, cell, style, factor), Reason)]
        valid = _percent(len(said) - len(wrong), len(said)) if said else None
        return Filled(_percent(len(said), len(cells)), valid, wrong[0].detail if wrong else "")


def _percent(part: int, whole: int) -> int:
    return 100 * part // whole if whole else 0


def take_sample(
    file: BinaryIO, known: Collection[str] = (), rows: int = SAMPLE_ROWS, options: ReadingOptions = ReadingOptions()
) -> Sample:
    """Look at the first rows of a file, which is read from its start and at most 1 MB of it.

    `known` are squashed headers; where one stands in the first line, that line is the header.
    Raises EmptyFile, NotText, NoRows, DuplicateHeader, TooManyColumns.
    """
    file.seek(0)
    head = file.read(HEAD_BYTES)
    is_whole = len(head) < HEAD_BYTES
    encoding, mark = _encoding(head)
    text = _text(head[mark:], encoding, is_whole)
    lines = text.split("\n")
    skipped = next((number for number, line in enumerate(lines) if line.strip()), None)
    if skipped is None:
        if not is_whole:
            raise NotText(found="its first million characters are blank")
        raise EmptyFile()
    separator = _SEPARATOR_LINE.match(lines[skipped].strip("\ufeff\r "))
    if separator:
        skipped += 1 + next((n for n, line in enumerate(lines[skipped + 1 :]) if line.strip()), 0)
    text = "\n".join(lines[skipped:])
    if not text.strip():
        raise EmptyFile()
    delimiter = separator[1] if separator else _delimiter(text, known)
    table = _rows(text, delimiter, rows + 1)
    first, width = table[0], len(table[0])
    if width > MOST_COLUMNS:
        raise TooManyColumns(count=width, limit=MOST_COLUMNS)
    has_header = _is_header(first, known)
    headers = _headers(first) if has_header else tuple(f"Column {number}" for number in range(1, width + 1))
    body = table[1:] if has_header else table[:rows]
    if not body:
        raise NoRows(headers=", ".join(headers[:10]))
    rows_from = skipped + 1 + (_lines_of_first_row(text, delimiter) if has_header else 0)
    dialect = Dialect(encoding, mark, delimiter, rows_from, has_header)
    padding = ("",) * width
    return Sample(dialect, headers, tuple((*row, *padding)[:width] for row in body))


def _encoding(head: bytes) -> tuple[str, int]:
    if not head:
        raise EmptyFile()
    for magic, found in _MAGIC:
        if head.startswith(magic):
            raise NotText(found=found)
    for bytes_, encoding in _MARKS:
        if head.startswith(bytes_):
            return encoding, len(bytes_)
    # Text in a European language has its NUL bytes at every second place in UTF-16, and hardly any elsewhere.
    pairs = len(head) // 2
    if pairs and head[0::2].count(0) > 0.4 * pairs > 10 * head[1::2].count(0):
        return "utf-16-be", 0
    if pairs and head[1::2].count(0) > 0.4 * pairs > 10 * head[0::2].count(0):
        return "utf-16-le", 0
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        # The head may end in the middle of a character.
        if not (error.end == len(head) and error.start >= len(head) - 3 and len(head) == HEAD_BYTES):
            return ("utf-8" if is_mostly_utf8(head) else "cp1252"), 0
    return "utf-8", 0


def is_mostly_utf8(head: bytes) -> bool:
    """Whether what is not ASCII is more often good UTF-8 than not: then the rest is damage, not another encoding."""
    text = head.decode("utf-8", "replace")
    broken = text.count("\ufffd")
    return sum(letter > "\x7f" for letter in text) - broken > broken


def _text(head: bytes, encoding: str, is_whole: bool) -> str:
    text = normal_line_ends(head.decode(encoding, "replace"))
    if len(_CONTROLS.findall(text)) > max(_STRAY_CONTROLS, _MOST_CONTROLS * len(text)):
        raise NotText(
            found="most of its first bytes are not characters" if "\0" in text else "it is full of control characters"
        )
    if not is_whole and "\n" in text:
        # The last line may be cut off.
        text = text[: text.rindex("\n") + 1]
    return text


def normal_line_ends(text: str) -> str:
    """Every kind of line end as one newline."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _rows(text: str, delimiter: str, most: int) -> list[list[str]]:
    """Rows that are not blank. A quotation mark that is never closed ends the sample.

    Reading the file deals with it.
    """
    found: list[list[str]] = []
    lines = csv.reader(io.StringIO(text.replace("\0", "\ufffd"), newline=""), delimiter=delimiter)
    with suppress(csv.Error):
        found.extend(islice((row for row in lines if any(cell.strip() for cell in row)), most))
    return found or [text.split("\n", 1)[0].split(delimiter)]


def _lines_of_first_row(text: str, delimiter: str) -> int:
    """More than one when a quoted header goes over several lines."""
    lines = csv.reader(io.StringIO(text.replace("\0", "\ufffd"), newline=""), delimiter=delimiter)
    try:
        next(lines)
    except csv.Error:
        return 1
    return lines.line_num


def _delimiter(text: str, known: Collection[str]) -> str:
    """The delimiter whose first row has the most known headers, then whose rows agree most on their number of cells."""

    def score(delimiter: str) -> tuple[int, float, int]:
        table = _rows(text[:65536], delimiter, 50)
        width = len(table[0])
        if width == 1:
            return (0, 0.0, 0)
        recognised = sum(is_known(cell, known) for cell in table[0])
        return (recognised, sum(len(row) == width for row in table) / len(table), width)

    return max(DELIMITERS, key=score)


def is_known(header: str, known: Collection[str]) -> bool:
    """Whether a header is among the squashed ones, with or without the unit in its brackets."""
    return squash(header) in known or squash(split_unit(header)[0]) in known


def _is_header(first: Sequence[str], known: Collection[str]) -> bool:
    if any(is_known(cell, known) for cell in first):
        return True
    return not any(_LOOKS_LIKE_DATA.match(cell.strip()) for cell in first)


def _headers(first: Sequence[str]) -> tuple[str, ...]:
    headers = tuple(
        cell.strip().strip("\ufeff")[:LONGEST_HEADER].strip() or f"Column {number}"
        for number, cell in enumerate(first, start=1)
    )
    for header in headers:
        if headers.count(header) > 1:
            positions = ", ".join(str(number) for number, other in enumerate(headers, start=1) if other == header)
            raise DuplicateHeader(header=header, positions=positions)
    return headers
