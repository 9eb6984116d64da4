"""Workbooks and Parquet files as pieces of rows; a child process opens them, see `children`."""

import io
import os
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
import orjson
import polars as pl

from customers.files import children, packing
from customers.files.frames import ARROW
from customers.files.pieces import LINE, BrokenRow, Piece, cell_name, is_clean, is_plain
from customers.files.sampling import XLSX, Dialect
from customers.files.wording import gettext_noop

# On two cores 100,000 rows came in within 1.7 s so; one child that read the sheet whole took 2.4. Sheets pack at 1:10.
MOST_SHARERS = 2
SHARED_FROM, SHARED_TO = 512 * 1024, 64 * 1024**2


def read(file: BinaryIO, dialect: Dialect, width: int) -> Iterator[Piece]:
    """The rows below the header. Raises Bomb, TooSlow, DamagedFile, NoSheet."""
    sharers = 1 if dialect.format != XLSX or dialect.is_gzipped else _sharers(file)
    job = {
        "format": dialect.format,
        "rows": None,
        "sheet": dialect.sheet,
        "first": dialect.rows_from,
        "width": width,
        "decimal": dialect.decimal,
        "sharers": sharers,
    }
    jobs = [{**job, "turn": turn} for turn in range(sharers)]
    answers = children.ask_in_turns(file, jobs, memory=children.ROWS_MEMORY, seconds=children.ROWS_SECONDS)
    for kind, content in answers:
        yield _of_arrow(content, width) if kind == ARROW else _of_packed(content, width, dialect.decimal)


def _sharers(file: BinaryIO) -> int:
    """How many children read a workbook: a small one is read before a second is there, a huge one needs the memory."""
    size = file.seek(0, io.SEEK_END)
    return min(MOST_SHARERS, os.cpu_count() or 1) if SHARED_FROM <= size <= SHARED_TO else 1


def _of_arrow(content: bytes, width: int) -> Piece:
    rows = pl.read_ipc_stream(content)
    last = int(rows[LINE][-1])
    return _without_blank(rows, width, (), 0, is_clean=is_clean(content), last=last)


def _of_packed(content: bytes, width: int, decimal: str) -> Piece:
    """A piece of a workbook, as `packing` has them."""
    begin = content.index(b"\n") + 1
    head = orjson.loads(content[: begin - 1])
    lines = np.frombuffer(content, np.int64, head["rows"], begin)
    rows, numbers = {LINE: pl.Series(LINE, lines)}, []
    clean, plain = True, decimal == "."
    begin += lines.nbytes
    for position, (kind, length) in enumerate(head["columns"]):
        packed, name = content[begin : begin + length], cell_name(position)
        begin += length
        if kind == packing.NUMBERS:
            rows[name] = pl.Series(name, np.frombuffer(packed, np.float64))
            numbers.append(name)
            continue
        texts = packed.decode().split(packing.BETWEEN) if kind == packing.TEXTS else orjson.loads(packed)
        rows[name] = pl.Series(name, texts if len(lines) else [], pl.String)
        clean = clean and is_clean(packed) and (kind == packing.TEXTS or b"\\u" not in packed)
        plain = plain and kind == packing.TEXTS and b"\n" not in packed and is_plain(packed, packing.BETWEEN)
    detail = gettext_noop("This row has {cells} cells, the header has {header}.")
    broken = tuple(
        BrokenRow(line, "too_many_cells", detail.format(cells=len(cells), header=width), tuple(cells))
        for line, cells in head["broken"]
    )
    said = _written(pl.DataFrame(rows), numbers, decimal)
    if plain and not head["blank"] and said[cell_name(0)].null_count() == 0:
        return Piece(said, broken, 0, clean, head["last"], is_plain=True)
    return _without_blank(said, width, broken, head["blank"], is_clean=clean, last=head["last"])


def _written(rows: pl.DataFrame, numbers: list[str], decimal: str) -> pl.DataFrame:
    """Rows with null for an empty text and for NaN, and with their `numbers`, none of which is as large as 1e15, as
    text with the 15 digits that spreadsheets show, tiny ones with an exponent.

    Polars writes as many digits as it takes to read the same number again: where those are 15 at most, it is the same.
    """
    number, texts = pl.col(numbers), pl.col(pl.String)
    whole = number.cast(pl.Int64, strict=False)
    as_text = (
        pl.when(whole == number).then(whole.cast(pl.String)).when(number.is_not_nan()).then(number.cast(pl.String))
    )
    # All at once: each question takes Polars a third of a millisecond, whatever it is asked.
    written = rows.with_columns(as_text, pl.when(texts != "").then(texts))
    is_tiny = number.str.starts_with("0.0000") | number.str.starts_with("-0.0000")
    is_long = is_tiny | number.str.contains("e", literal=True) | (number.str.len_bytes() > 16)
    for long in written.select(is_long.fill_null(value=False)) if numbers else ():
        if long.any():
            spelled = [f"{one:.15g}" for one in rows[long.name].filter(long)]
            written = written.with_columns(written[long.name].scatter(long.arg_true(), spelled))
    return (
        written
        if decimal == "." or not numbers
        else written.with_columns(number.str.replace(".", decimal, literal=True))
    )


def _without_blank(
    rows: pl.DataFrame, width: int, broken: tuple[BrokenRow, ...], blank: int, *, is_clean: bool, last: int
) -> Piece:
    """The piece without rows of blanks alone."""
    cells = [cell_name(position) for position in range(width)]
    said = rows.filter(~pl.all_horizontal(pl.col(cells).str.strip_chars().fill_null("") == ""))
    return Piece(said, broken, blank + rows.height - said.height, is_clean, last)
