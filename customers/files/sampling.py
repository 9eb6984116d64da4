"""A first look at a file: its format, how it is written, its header and its first rows, without reading it all."""

import json
import re
from collections.abc import Collection, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import Any, BinaryIO, cast

from customers.files import children, objects, plaintext, unpacking
from customers.files.cells import Reason, Style, is_blank, read_cell, style_of
from customers.files.options import AS_FOUND, ReadingOptions
from customers.files.plaintext import DELIMITERS, ENCODINGS, HEAD_BYTES, is_known
from customers.files.schema import (
    LONGEST_HEADER,
    MOST_COLUMNS,
    Column,
    DuplicateHeader,
    EncryptedWorkbook,
    Kind,
    NoHeaderRow,
    NoRows,
    NotText,
    OldWorkbook,
    TooManyColumns,
)
from customers.files.wording import gettext_noop

__all__ = ["Dialect", "Filled", "ReadingOptions", "Sample", "take_sample"]

SAMPLE_ROWS = 1000
SHOWN_REASONS = 3
# Among so many first rows of a sheet, the one with the names of the columns is looked for.
TOP_ROWS = 10
CSV, XLSX, NDJSON, PARQUET = "csv", "xlsx", "ndjson", "parquet"
_WORKBOOK, _COLUMNAR, _COMPOUND = b"PK\x03\x04", b"PAR1", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_LOOKS_LIKE_DATA = re.compile(r"^(?:[+-]?[0-9][0-9.,'’ /:-]*|[^\s@]+@[^\s@]+\.[^\s@]+)$")


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a file is written.

    encoding     a codec of Python's; `mark` is the length in bytes of the byte order mark before the text
    rows_from    number of the line, the first being 1, where the rows begin: after the header, if there is one
    format       CSV, XLSX, NDJSON or PARQUET; `is_gzipped` when that is compressed
    sheet        the sheet of a workbook that is read, of its `sheets`
    keys         the keys of NDJSON's objects that are columns
    decimal      how numbers that the format knows as such become text
    count        how many rows there are, where the format says so
    header_row   number of the row of a sheet that names the columns; None where there is none
    """

    encoding: str
    mark: int
    delimiter: str
    rows_from: int
    has_header: bool
    format: str = CSV
    is_gzipped: bool = False
    sheet: str = ""
    sheets: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    decimal: str = "."
    count: int | None = None
    header_row: int | None = None

    @property
    def facts(self) -> tuple[str, ...]:
        """How the file is written, as people read it."""
        match self.format:
            case "xlsx":
                template = gettext_noop("sheet “{sheet}”")
                if len(self.sheets) > 1:
                    template = gettext_noop("sheet “{sheet}” (of {count})")
                found: tuple[str, ...] = ("XLSX", template.format(sheet=self.sheet, count=len(self.sheets)))
                if self.header_row is not None:
                    found = (*found, gettext_noop("names of columns in row {row}").format(row=self.header_row))
            case "ndjson":
                found = ("NDJSON", ENCODINGS[self.encoding])
            case "parquet":
                found = ("Parquet",)
            case _:
                found = (
                    ENCODINGS[self.encoding],
                    gettext_noop("separated by {word}").format(word=DELIMITERS[self.delimiter]),
                )
        packed = (gettext_noop("compressed with gzip"),) if self.is_gzipped else ()
        return (*found, *packed, *(() if self.has_header else (gettext_noop("no header"),)))


@dataclass(frozen=True, slots=True)
class Filled:
    """How a column of the sample fares: how many rows say something, and how many of those could be saved.

    Both are percentages, rounded down so that 100 means all; `valid` is None when nothing is filled. `reasons` are
    different ones why cells could not be saved, the first of them; `wrong` is the number of those cells.
    """

    filled: int
    valid: int | None
    reasons: tuple[str, ...] = ()
    wrong: int = 0


@dataclass(frozen=True, slots=True)
class Sample:
    """The first rows of a file: each row has as many cells as there are headers, as text.

    `top` are the first rows of a sheet, any of which may name the columns: number of the row → its cells.
    """

    dialect: Dialect
    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    options: ReadingOptions = AS_FOUND
    top: Mapping[int, tuple[str, ...]] = field(default_factory=dict)

    def cells(self, header: str) -> list[str]:
        """The cells below one header. Raises ValueError when there is no such header."""
        position = self.headers.index(header)
        return [row[position] for row in self.rows]

    def style_of(self, header: str, column: Column) -> Style:
        """How the cells below a header write `column`: as people said, else as the cells themselves tell."""
        if column.kind is Kind.NUMBER and self.options.decimal is not None:
            return Style(decimal=self.options.decimal)
        if column.kind is Kind.DATE and self.options.date_order is not None:
            return Style(date_order=self.options.date_order)
        return style_of(column, self.cells(header), self.dialect.delimiter)

    def filled(self, header: str, column: Column | None, style: Style | None = None, factor: float = 1.0) -> Filled:
        """How the cells below a header fare when they are read as `column`; None asks only whether they are filled."""
        cells = self.cells(header)
        if column is None:
            return Filled(_percent(sum(bool(cell.strip()) for cell in cells), len(cells)), None)
        style = style or self.style_of(header, column)
        said = [cell for cell in cells if not is_blank(column, cell)]
        wrong = [read for cell in said if isinstance(read := read_cell(column, cell, style, factor), Reason)]
        valid = _percent(len(said) - len(wrong), len(said)) if said else None
        reasons = tuple(dict.fromkeys(one.detail for one in wrong))[:SHOWN_REASONS]
        return Filled(_percent(len(said), len(cells)), valid, reasons, len(wrong))


def _percent(part: int, whole: int) -> int:
    return 100 * part // whole if whole else 0


def take_sample(
    file: BinaryIO, known: Collection[str] = (), rows: int = SAMPLE_ROWS, options: ReadingOptions = AS_FOUND
) -> Sample:
    """Look at the first rows of a file, which is read from its start and of a text at most 1 MB.

    `known` are squashed headers; where one stands in the first line, that line is the header.
    Raises a FileProblem.
    """
    is_gzipped = unpacking.is_gzipped(file)
    if is_gzipped:
        file = cast(BinaryIO, unpacking.unpacked(file))
    file.seek(0)
    head = file.read(HEAD_BYTES)
    if head.startswith(_COMPOUND):
        raise EncryptedWorkbook() if _is_encrypted(head, file) else OldWorkbook()
    if head.startswith(_WORKBOOK):
        found = _of_workbook(file, known, rows, options)
    elif head.startswith(_COLUMNAR):
        found = _of_columns(file, rows, options)
    else:
        text = plaintext.read_text(head, options.encoding)
        found = _of_objects(text, rows, options) if objects.is_line(text.text) else _of_text(text, known, rows, options)
    return replace(found, dialect=replace(found.dialect, is_gzipped=is_gzipped))


def _is_encrypted(head: bytes, file: BinaryIO) -> bool:
    """Whether the container of XLS and of protected workbooks holds one of these; its contents may be listed last."""
    while block := file.read(HEAD_BYTES):
        head = head[-2 * HEAD_BYTES :] + block
    return "EncryptedPackage".encode("utf-16-le") in head


def _of_text(text: plaintext.Text, known: Collection[str], rows: int, options: ReadingOptions) -> Sample:
    delimiter = options.delimiter or text.separator or plaintext.likely_delimiter(text.text, known)
    table = plaintext.first_rows(text.text, delimiter, rows + 1)
    has_header = _is_header(table[0], known) if options.has_header is None else options.has_header
    before = plaintext.lines_of_first_row(text.text, delimiter) if has_header else 0
    dialect = Dialect(text.encoding, text.mark, delimiter, text.skipped + 1 + before, has_header)
    return _sample(dialect, table, rows, options)


def _of_workbook(file: BinaryIO, known: Collection[str], rows: int, options: ReadingOptions) -> Sample:
    found = _first_rows(file, {"format": XLSX, "sheet": options.sheet, "rows": rows + 1}, options)
    table, lines = found["rows"], found["lines"]
    width = max(position for row in table for position, cell in enumerate(row, start=1) if cell)
    table = [[*row, *[""] * width][:width] for row in table]
    top = {line: tuple(row) for line, row in zip(lines, table[:TOP_ROWS], strict=False)}
    place = _header_place(table, lines, known, options)
    table = table[place or 0 :]
    dialect = Dialect(
        "utf-8",
        mark=0,
        delimiter=",",
        rows_from=lines[0] if place is None else lines[place] + 1,
        has_header=place is not None,
        header_row=None if place is None else lines[place],
        format=XLSX,
        sheet=found["sheet"],
        sheets=tuple(found["sheets"]),
        decimal=options.decimal or ".",
    )
    return replace(_sample(dialect, table, rows, options), top=top)


def _header_place(
    table: Sequence[Sequence[str]], lines: Sequence[int], known: Collection[str], options: ReadingOptions
) -> int | None:
    """Which of the first rows of a sheet names its columns; None when none does. Raises NoHeaderRow."""
    if options.has_header is False:
        return None
    if options.header_row is not None:
        if options.header_row not in lines[:-1]:
            raise NoHeaderRow(row=options.header_row, rows=", ".join(map(str, lines[: min(TOP_ROWS, len(lines) - 1)])))
        return lines.index(options.header_row)
    place = _below_titles(table, known)
    return place if options.has_header or place or _is_header(table[0], known) else None


def _below_titles(table: Sequence[Sequence[str]], known: Collection[str]) -> int:
    """The first row with a different text in each cell, where those above it are titles: at most half filled."""
    width = len(table[0])
    for place, row in enumerate(table[: min(TOP_ROWS, len(table) - 1)]):
        said = [cell.strip() for cell in row]
        if all(said) and len(set(said)) == width and not any(_LOOKS_LIKE_DATA.match(cell) for cell in said):
            knows = sum(is_known(cell, known) for cell in said)
            return place if all(sum(is_known(cell, known) for cell in title) <= knows for title in table[:place]) else 0
        if 2 * sum(map(bool, said)) > width:
            break
    return 0


def _of_columns(file: BinaryIO, rows: int, options: ReadingOptions) -> Sample:
    found = _first_rows(file, {"format": PARQUET, "rows": rows}, options)
    decimal, count = options.decimal or ".", found["count"]
    dialect = Dialect("utf-8", 0, ",", 1, has_header=True, format=PARQUET, decimal=decimal, count=count)
    return _sample(dialect, [found["headers"], *found["rows"]], rows, options)


def _first_rows(file: BinaryIO, job: dict[str, Any], options: ReadingOptions) -> Any:
    job["decimal"] = options.decimal or "."
    answers = children.ask(file, job, memory=children.SAMPLE_MEMORY, seconds=children.SAMPLE_SECONDS)
    with closing(answers):
        return json.loads(next(answers)[1])


def _of_objects(text: plaintext.Text, rows: int, options: ReadingOptions) -> Sample:
    decimal = options.decimal or "."
    keys, table = objects.first_rows(text.text, rows, decimal)
    if not table:
        raise NotText(found=gettext_noop("none of its first lines is an object of JSON"))
    dialect = Dialect(
        text.encoding,
        text.mark,
        delimiter=",",
        rows_from=text.skipped + 1,
        has_header=True,
        format=NDJSON,
        keys=keys,
        decimal=decimal,
    )
    return _sample(dialect, [keys, *table], rows, options)


def _sample(dialect: Dialect, table: Sequence[Sequence[str]], rows: int, options: ReadingOptions) -> Sample:
    """The first rows of a table, the first of which may be its header."""
    first, width = table[0], len(table[0])
    if width > MOST_COLUMNS:
        raise TooManyColumns(count=width, limit=MOST_COLUMNS)
    named = first if dialect.has_header else [""] * width
    headers = _headers(named)
    body = table[1:] if dialect.has_header else table[:rows]
    if not body:
        raise NoRows(headers=", ".join(headers[:10]))
    padding = ("",) * width
    return Sample(dialect, headers, tuple((*row, *padding)[:width] for row in body), options)


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
