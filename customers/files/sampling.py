"""A first look at a file: its format, how it is written, its header and its first rows, without reading it all."""

import codecs
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, BinaryIO, Self, cast

from customers.files import plaintext, unpacking
from customers.files.cells import DateOrder, Reason, Style, is_blank, read_cell, style_of
from customers.files.plaintext import DELIMITERS, ENCODINGS, HEAD_BYTES, is_known
from customers.files.schema import (
    LONGEST_HEADER,
    MOST_COLUMNS,
    BadOption,
    Column,
    DuplicateHeader,
    Kind,
    NoRows,
    TooManyColumns,
)

SAMPLE_ROWS = 1000
CSV = "csv"
_LOOKS_LIKE_DATA = re.compile(r"^(?:[+-]?[0-9][0-9.,'’ /:-]*|[^\s@]+@[^\s@]+\.[^\s@]+)$")


@dataclass(frozen=True, slots=True)
class ReadingOptions:
    """What people say of a file instead of having it found out; None leaves it to the file.

    encoding    one of ENCODINGS                 delimiter   one of DELIMITERS
    decimal     "." or ","                       date_order  what the first number of 03/04/2024 is
    sheet       name of the sheet of a workbook  has_header  whether the first row names the columns
    """

    encoding: str | None = None
    delimiter: str | None = None
    decimal: str | None = None
    date_order: DateOrder | None = None
    sheet: str | None = None
    has_header: bool | None = None

    def to_json(self) -> dict[str, Any]:
        """What is said, and only that."""
        return {one.name: said for one in fields(self) if (said := getattr(self, one.name)) is not None}

    @classmethod
    def from_json(cls, said: Mapping[str, Any]) -> Self:
        """The same from JSON; null, an empty text or nothing at all leaves a field to the file. Raises BadOption."""
        known = [one.name for one in fields(cls)]
        for field in said:
            if field not in known:
                raise BadOption(field="an option", value=field, known=", ".join(known))
        return cls(**{field: _option(field, value) for field, value in said.items() if value not in (None, "")})


_ORDERS = (DateOrder.DAY_FIRST, DateOrder.MONTH_FIRST)
_CHOICES: Mapping[str, Mapping[Any, Any]] = {
    "delimiter": {**{sign: sign for sign in DELIMITERS}, **{name: sign for sign, name in DELIMITERS.items()}},
    "decimal": {".": ".", ",": ","},
    "date_order": {str(order): order for order in _ORDERS},
    "has_header": {True: True, False: False},
}


def _option(field: str, value: Any) -> Any:
    if field == "sheet":
        if isinstance(value, str):
            return value
        raise BadOption(field=field, value=value, known="the name of a sheet")
    if field == "encoding":
        try:
            name = codecs.lookup(value).name if isinstance(value, str) else ""
        except (LookupError, ValueError):
            name = ""
        name = {"utf-8-sig": "utf-8", "ascii": "utf-8"}.get(name, name)
        if name in ENCODINGS:
            return name
        raise BadOption(field=field, value=value, known=", ".join(ENCODINGS))
    choices = _CHOICES[field]
    # 1 equals true, and is none.
    if isinstance(value, bool) == (field == "has_header") and isinstance(value, (str, bool)) and value in choices:
        return choices[value]
    shown = ["tab" if choice == "\t" else str(choice).lower() for choice in dict.fromkeys(choices.values())]
    raise BadOption(field=field, value=value, known=" or ".join(shown))


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a file is written.

    encoding     a codec of Python's; `mark` is the length in bytes of the byte order mark before the text
    rows_from    number of the line, the first being 1, where the rows begin: after the header, if there is one
    format       what kind of file it is; `is_gzipped` when that is compressed
    """

    encoding: str
    mark: int
    delimiter: str
    rows_from: int
    has_header: bool
    format: str = CSV
    is_gzipped: bool = False

    @property
    def facts(self) -> tuple[str, ...]:
        """How the file is written, as people read it."""
        return (
            ENCODINGS[self.encoding],
            f"separated by {DELIMITERS[self.delimiter]}",
            *(("compressed with gzip",) if self.is_gzipped else ()),
            *(() if self.has_header else ("no header",)),
        )


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
    options: ReadingOptions = ReadingOptions()

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
        return Filled(_percent(len(said), len(cells)), valid, wrong[0].detail if wrong else "")


def _percent(part: int, whole: int) -> int:
    return 100 * part // whole if whole else 0


def take_sample(
    file: BinaryIO, known: Collection[str] = (), rows: int = SAMPLE_ROWS, options: ReadingOptions = ReadingOptions()
) -> Sample:
    """Look at the first rows of a file, which is read from its start and at most 1 MB of its text.

    `known` are squashed headers; where one stands in the first line, that line is the header.
    Raises a FileProblem.
    """
    is_gzipped = unpacking.is_gzipped(file)
    if is_gzipped:
        file = cast(BinaryIO, unpacking.unpacked(file))
    file.seek(0)
    head = file.read(HEAD_BYTES)
    return _of_text(head, known, rows, options, is_gzipped=is_gzipped)


def _of_text(head: bytes, known: Collection[str], rows: int, options: ReadingOptions, *, is_gzipped: bool) -> Sample:
    found = plaintext.read_text(head, options.encoding)
    delimiter = options.delimiter or found.separator or plaintext.likely_delimiter(found.text, known)
    table = plaintext.first_rows(found.text, delimiter, rows + 1)
    has_header = _is_header(table[0], known) if options.has_header is None else options.has_header
    before = plaintext.lines_of_first_row(found.text, delimiter) if has_header else 0
    dialect = Dialect(
        found.encoding, found.mark, delimiter, found.skipped + 1 + before, has_header, is_gzipped=is_gzipped
    )
    return _sample(dialect, table, rows, options)


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
