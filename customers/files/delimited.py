"""CSV: a file as columns of text; nothing is guessed, nothing is lost, and memory stays bounded.

Polars parses a million rows in 0.4 s, but misreads a file whose quotation marks are not well-formed and says nothing
of lines. So the lines are counted here, each line is matched against the grammar of CSV before Polars sees it, and
the few that do not fit are read one by one.
"""

import csv
import re
from collections.abc import Iterator, Sequence
from typing import BinaryIO

import numpy as np
import polars as pl

from customers.files import decoding
from customers.files.decoding import Lines
from customers.files.pieces import LINE, BrokenRow, Piece, cell_name, is_clean, is_plain
from customers.files.sampling import Dialect
from customers.files.schema import BLOCK_BYTES, LineTooLong
from customers.files.wording import gettext_noop

# A quoted cell may go over this many lines; beyond that its quotation mark was probably never closed.
MOST_LINES_OF_A_ROW = 30


def read(file: BinaryIO, dialect: Dialect, width: int) -> Iterator[Piece]:
    """The rows below the header, in the order of the file. Raises LineTooLong."""
    grammar = _Grammar(dialect.delimiter, width)
    line = dialect.rows_from
    rest = b""
    for block, is_last in decoding.blocks(file, dialect):
        text, rest = rest + block, b""
        if not is_last:
            cut = text.rfind(b"\n") + 1
            text, rest = text[:cut], text[cut:]
            if len(rest) > BLOCK_BYTES:
                raise LineTooLong(line=line + text.count(b"\n"), limit=BLOCK_BYTES // 2**20)
        if text:
            piece, unread = grammar.read(text, line, is_last)
            rest = unread + rest
            line = piece.last_line + 1
            yield piece


class _Grammar:
    """CSV as the delimiter makes it: which lines Polars may read, and how the others are read."""

    def __init__(self, delimiter: str, width: int) -> None:
        self.delimiter = delimiter
        self.width = width
        self.names = [cell_name(position) for position in range(width)]
        self.schema: dict[str, type[pl.String]] = dict.fromkeys([*self.names, "beyond"], pl.String)
        mark = re.escape(delimiter)
        self.quoted = quoted = r'"(?:[^"]|"")*"'
        # Polars takes every quotation mark for one that opens or closes; a line with others is not for it.
        self.for_polars = rf'^(?:{quoted}|[^"{mark}]*)(?:{mark}(?:{quoted}|[^"{mark}]*))*$'
        # As people write it: in an unquoted cell a quotation mark is a character like any other (5" pipe).
        lenient = rf'(?:"(?:[^"]|"")*+"|[^"{mark}\n][^{mark}\n]*+|)'
        self.lenient = re.compile(rf"{lenient}(?:{mark}{lenient})*+")

    def read(self, text: bytes, first_line: int, is_last: bool) -> tuple[Piece, bytes]:
        """A piece, and what of the text belongs to the next one because its last row goes on beyond."""
        lines = text.count(b"\n") + (not text.endswith(b"\n"))
        block = Lines(text, first_line, lines)
        broken: list[BrokenRow] = []
        unread = b""
        tangled = b'"' in text and not block.texts.str.contains(self.for_polars).all()
        rows = None if tangled else self._parse(text, quoted=b'"' in text)
        one_by_one: dict[int, list[str]] = {}
        if rows is not None and rows.height == lines and not self._has_empty_lines(rows, text):
            rows = rows.with_columns(block.numbers.alias(LINE))
        else:
            numbered = pl.DataFrame({LINE: block.numbers, "text": block.texts})
            if tangled:
                numbered, one_by_one, unread = self._untangle(block, is_last, broken)
            rows = self._parse_lines(numbered.filter(pl.col("text") != ""), one_by_one)
        rows = self._without_wrong_width(rows, block, one_by_one, broken)
        rows, blank = self._without_blank(rows)
        last_line = first_line + lines - 1 - unread.count(b"\n")
        return Piece(rows, tuple(broken), blank, is_clean(text), last_line, is_plain(text, self.delimiter)), unread

    def _has_empty_lines(self, rows: pl.DataFrame, text: bytes) -> bool:
        """Only a row without a first cell can be one; looking for them takes as long as a third of the parsing."""
        return rows[self.names[0]].has_nulls() and (b"\n\n" in text or text.startswith(b"\n"))

    def _parse(self, text: bytes, *, quoted: bool) -> pl.DataFrame | None:
        """The text as Polars reads it, with one column more than the header has; None when it cannot."""
        try:
            return pl.read_csv(
                text,
                has_header=False,
                separator=self.delimiter,
                quote_char='"' if quoted else None,
                schema=self.schema,
                truncate_ragged_lines=True,
                missing_columns="insert",
            )
        except pl.exceptions.PolarsError:
            return None

    def _parse_lines(self, numbered: pl.DataFrame, one_by_one: dict[int, list[str]]) -> pl.DataFrame:
        """Lines that are rows each, and rows that were read one by one, together in the order of the file.

        Lines that Polars cannot read after all are read one by one too, and added to those.
        """
        text = numbered["text"].str.join("\n").item() if numbered.height else ""
        parsed = self._parse(text.encode(), quoted=True) if text else None
        if parsed is None or parsed.height != numbered.height:
            one_by_one |= dict(zip(numbered[LINE], self._cells(numbered["text"].to_list()), strict=True))
            parsed = pl.DataFrame(schema={**self.schema, LINE: pl.Int64})
        else:
            parsed = parsed.with_columns(numbered[LINE])
        if not one_by_one:
            return parsed
        most = self.width + 1
        filled = [
            [*(cell or None for cell in cells[:most]), *[None] * (most - len(cells))] for cells in one_by_one.values()
        ]
        read = pl.DataFrame(filled, schema=self.schema, orient="row")
        read = read.with_columns(pl.Series(LINE, list(one_by_one), dtype=pl.Int64))
        return pl.concat([parsed, read]).sort(LINE)

    def _cells(self, rows: list[str]) -> list[list[str]]:
        """The cells of rows that fit the lenient grammar."""
        try:
            found = list(csv.reader(rows, delimiter=self.delimiter))
        except csv.Error:
            found = []
        return found if len(found) == len(rows) else [row.split(self.delimiter) for row in rows]

    def _untangle(
        self, block: Lines, is_last: bool, broken: list[BrokenRow]
    ) -> tuple[pl.DataFrame, dict[int, list[str]], bytes]:
        """The lines that are rows each; the rows that go over several lines or quote in their own way; what is read
        later.

        A quotation mark that is never closed costs its own line only: reading goes on with the next one.
        """
        fits = block.texts.str.contains(self.for_polars)
        texts = block.texts.to_list()
        is_row = fits.to_numpy().copy()
        rows: dict[int, str] = {}
        next_free = 0
        unread = b""
        for index in (~fits).arg_true().to_list():
            if index < next_free:
                continue
            end = self._end_of_row(texts, index)
            if end is None and not is_last and index + MOST_LINES_OF_A_ROW >= len(texts):
                unread = "".join(f"{text}\n" for text in texts[index:]).encode()
                is_row[index:] = False
                break
            next_free = (index if end is None else end) + 1
            is_row[index:next_free] = False
            if end is None:
                detail = gettext_noop("A quotation mark is opened in this line and not closed where its cell ends.")
                broken.append(BrokenRow(block.first_line + index, "bad_quotes", detail, (texts[index],)))
            else:
                rows[block.first_line + index] = "\n".join(texts[index:next_free])
        plain = pl.DataFrame({LINE: block.numbers, "text": block.texts}).filter(pl.Series(is_row))
        return plain, dict(zip(rows, self._cells(list(rows.values())), strict=True)), unread

    def _end_of_row(self, texts: Sequence[str], index: int) -> int | None:
        """The last line of the row that begins at `index`; None when no end makes it a row."""
        row = texts[index]
        if self.lenient.fullmatch(row):
            return index
        marks = row.count('"')
        for end in range(index + 1, min(index + MOST_LINES_OF_A_ROW, len(texts))):
            row = f"{row}\n{texts[end]}"
            marks += texts[end].count('"')
            if marks % 2 == 0 and self.lenient.fullmatch(row):
                return end
        return None

    def _without_wrong_width(
        self, rows: pl.DataFrame, block: Lines, one_by_one: dict[int, list[str]], broken: list[BrokenRow]
    ) -> pl.DataFrame:
        """Rows with as many cells as the header; the others are broken.

        Empty cells beyond the header say nothing. An empty last cell may also be a missing one.
        """
        is_suspect = rows["beyond"].is_not_null() | rows[self.names[-1]].is_null()
        rows = rows.drop("beyond")
        if not is_suspect.any() and _count(block.text, self.delimiter) == rows.height * (self.width - 1):
            return rows
        lines = rows[LINE].filter(~rows[LINE].is_in(list(one_by_one)))
        texts = block.texts.gather(lines - block.first_line)
        is_doubtful = self._widths(texts) != self.width
        doubtful = self._cells(texts.filter(is_doubtful).to_list())
        read = dict(zip(lines.filter(is_doubtful), doubtful, strict=True)) | one_by_one
        wrong = []
        for line, cells in read.items():
            is_short = len(cells) < self.width and any(cell.strip() for cell in cells)
            if is_short or any(cell.strip() for cell in cells[self.width :]):
                code = "too_few_cells" if is_short else "too_many_cells"
                detail = gettext_noop("This row has {cells} cells, the header has {header}.").format(
                    cells=len(cells), header=self.width
                )
                broken.append(BrokenRow(line, code, detail, tuple(cells)))
                wrong.append(line)
        return rows.filter(~pl.col(LINE).is_in(wrong)) if wrong else rows

    def _widths(self, texts: pl.Series) -> pl.Series:
        """How many cells lines have that are rows each."""
        if texts.str.contains('"', literal=True).any():
            texts = texts.str.replace_all(self.quoted, "")
        return texts.str.count_matches(self.delimiter, literal=True) + 1

    def _without_blank(self, rows: pl.DataFrame) -> tuple[pl.DataFrame, int]:
        """Rows in which something is said, and the number of the others."""
        first, *others = ((pl.col(name).str.strip_chars() == "").fill_null(value=True) for name in self.names)
        if not rows.select(first.any()).item():
            return rows, 0
        said = rows.filter(~pl.all_horizontal(first, *others))
        return said, rows.height - said.height


def _count(text: bytes, mark: str) -> int:
    """How often an ASCII mark is in a text; bytes.count takes three times as long where there are many."""
    return int(np.count_nonzero(np.frombuffer(text, np.uint8) == ord(mark)))
