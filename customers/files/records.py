"""NDJSON as columns of text: one object per line.

The keys of the first rows are the columns. A line that is no flat object, or that has a value under another key, is a
broken row: it is given back with the reason, and nothing of it is lost silently.

Nearly every line has its keys in the same order and escapes nothing: Polars reads these by one pattern, a million in
3 s, with every digit as it is written. The others are read one by one, five times as slowly.
"""

import re
from collections.abc import Callable, Iterator
from typing import BinaryIO

import polars as pl

from customers.files import decoding, objects
from customers.files.decoding import Lines
from customers.files.objects import BadLine, Pairs
from customers.files.pieces import LINE, BrokenRow, Piece, cell_name, is_clean
from customers.files.sampling import Dialect
from customers.files.schema import BLOCK_BYTES, LineTooLong

# A pattern for more keys takes more memory than it saves time.
MOST_KEYS_OF_A_PATTERN = 50
_VALUE = r'"[^"\\]*"|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null'


def read(file: BinaryIO, dialect: Dialect) -> Iterator[Piece]:
    """The lines in their order. Raises LineTooLong."""
    reader = _Reader(dialect.keys, dialect.decimal)
    line = dialect.rows_from
    rest = b""
    for block, is_last in decoding.blocks(file, dialect):
        whole, rest = rest + block, b""
        if not is_last:
            cut = whole.rfind(b"\n") + 1
            whole, rest = whole[:cut], whole[cut:]
            if len(rest) > BLOCK_BYTES:
                raise LineTooLong(line=line + whole.count(b"\n"), limit=BLOCK_BYTES // 2**20)
        if whole:
            piece = reader.read(whole, line)
            line = piece.last_line + 1
            yield piece


class _Reader:
    """What makes lines rows with a cell for each of the keys."""

    def __init__(self, keys: tuple[str, ...], decimal: str) -> None:
        self.keys = keys
        self.decimal = decimal
        self.names = [cell_name(position) for position in range(len(keys))]
        self.schema = {LINE: pl.Int64, **dict.fromkeys(self.names, pl.String)}
        self.read_line: Callable[[str], Pairs] = objects.reader(decimal)
        is_simple = len(keys) <= MOST_KEYS_OF_A_PATTERN and all(key.isprintable() for key in keys)
        pairs = (rf'(?:\s*"{re.escape(key)}"\s*:\s*({_VALUE})\s*(?:,|\}}\s*$))?' for key in keys)
        # That it is closed is not said by the pattern, in which every pair may be absent.
        self.pattern = rf"^\s*\{{{''.join(pairs)}\s*$" if is_simple else None

    def read(self, whole: bytes, first_line: int) -> Piece:
        lines = Lines(whole, first_line, whole.count(b"\n") + (not whole.endswith(b"\n")))
        numbered = pl.DataFrame({LINE: lines.numbers, "text": lines.texts})
        fits = pl.lit(value=False)
        if self.pattern is not None:
            text = pl.col("text")
            fits = text.str.contains(self.pattern) & text.str.contains(r"\}\s*$") & text.str.contains('"', literal=True)
        numbered = numbered.with_columns(fits=fits)
        broken: list[BrokenRow] = []
        others, blank = self._one_by_one(numbered.filter(~pl.col("fits")), broken)
        rows = self._at_once(numbered.filter("fits"))
        if others.height:
            rows = pl.concat([rows, others]).sort(LINE)
        said = rows.filter(~pl.all_horizontal(pl.exclude(LINE).str.strip_chars().fill_null("") == ""))
        return Piece(
            rows=said,
            broken=tuple(broken),
            blank=blank + rows.height - said.height,
            is_clean=is_clean(whole) and b"\\u" not in whole,
            last_line=first_line + lines.count - 1,
        )

    def _at_once(self, numbered: pl.DataFrame) -> pl.DataFrame:
        """Lines that fit the pattern."""
        if self.pattern is None or not numbered.height:
            return pl.DataFrame(schema=self.schema)
        found = numbered["text"].str.extract_groups(self.pattern).struct.unnest()
        return found.select(
            numbered[LINE],
            *(self._cell(pl.col(group)).alias(name) for group, name in zip(found.columns, self.names, strict=True)),
        )

    def _cell(self, value: pl.Expr) -> pl.Expr:
        """A value as JSON has it, as the text of a cell."""
        is_text = value.str.starts_with('"')
        number = value if self.decimal == "." else value.str.replace(".", self.decimal, literal=True)
        text = pl.when(is_text).then(value.str.strip_prefix('"').str.strip_suffix('"')).otherwise(number)
        return pl.when((value != "null") & (value != '""')).then(text)

    def _one_by_one(self, numbered: pl.DataFrame, broken: list[BrokenRow]) -> tuple[pl.DataFrame, int]:
        """Any lines, and how many of them are blank."""
        rows: list[list[str | int | None]] = []
        blank = 0
        for line, text, _ in numbered.iter_rows():
            if not (stripped := (text or "").strip("\ufeff \t")):
                blank += 1
                continue
            try:
                cells = objects.row(self.read_line(stripped), self.keys)
                rows.append([line, *(cell or None for cell in cells)])
            except BadLine as bad:
                broken.append(BrokenRow(line, bad.code, bad.detail, bad.cells))
        return pl.DataFrame(rows, schema=self.schema, orient="row"), blank
