"""NDJSON as columns of text: one object per line.

The keys of the first rows are the columns. A line that is no flat object, or that has a value under another key, is a
broken row: it is given back with the reason, and nothing of it is lost silently.
"""

from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

import polars as pl

from customers.files import decoding, objects
from customers.files.objects import BadLine
from customers.files.pieces import LINE, BrokenRow, Piece, cell_name, is_clean
from customers.files.sampling import Dialect
from customers.files.schema import BLOCK_BYTES, LineTooLong


def read(file: BinaryIO, dialect: Dialect) -> Iterator[Piece]:
    """The lines in their order. Raises LineTooLong."""
    read_line = objects.reader(dialect.decimal)
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
            piece = _piece(whole, line, dialect.keys, read_line)
            line = piece.last_line + 1
            yield piece


def _piece(whole: bytes, first_line: int, keys: tuple[str, ...], read_line: Any) -> Piece:
    lines: list[int] = []
    rows: list[Sequence[Any]] = []
    broken: list[BrokenRow] = []
    blank = 0
    texts = whole.decode().removesuffix("\n").split("\n")
    for line, text in enumerate(texts, start=first_line):
        try:
            if not text.strip("\ufeff \t"):
                blank += 1
                continue
            pairs = read_line(text.strip("\ufeff \t"))
            named, values = zip(*pairs, strict=True) if pairs else ((), ())
            # Nearly always; the rest is looked at one by one.
            is_plain = named == keys and not any(type(value) in (tuple, list) for value in values)
            rows.append(values if is_plain else objects.row(pairs, keys))
            lines.append(line)
        except BadLine as bad:
            broken.append(BrokenRow(line, bad.code, bad.detail, bad.cells))
    columns = [_column(column) for column in zip(*rows, strict=True)] or [[]] * len(keys)
    schema = {LINE: pl.Int64, **{cell_name(position): pl.String for position in range(len(keys))}}
    frame = pl.DataFrame([lines, *columns], schema=schema, orient="col")
    said = frame.filter(~pl.all_horizontal(pl.exclude(LINE).str.strip_chars().fill_null("") == ""))
    return Piece(
        rows=said,
        broken=tuple(broken),
        blank=blank + frame.height - said.height,
        is_clean=is_clean(whole) and b"\\u" not in whole,
        last_line=first_line + len(texts) - 1,
    )


def _column(values: Sequence[Any]) -> list[str | None]:
    if set(map(type, values)) <= {str, type(None)}:
        return [value or None for value in values]
    return [objects.text(value) or None for value in values]
