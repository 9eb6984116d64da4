"""Workbooks and Parquet files as pieces of rows; a child process opens them, see `children`."""

import io
import os
from collections.abc import Iterator
from typing import BinaryIO

import orjson
import polars as pl

from customers.files import children
from customers.files.frames import ARROW
from customers.files.pieces import LINE, BrokenRow, Piece, cell_name, is_clean
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
        yield _of_arrow(content, width) if kind == ARROW else _of_json(content, width)


def _sharers(file: BinaryIO) -> int:
    """How many children read a workbook: a small one is read before a second is there, a huge one needs the memory."""
    size = file.seek(0, io.SEEK_END)
    return min(MOST_SHARERS, os.cpu_count() or 1) if SHARED_FROM <= size <= SHARED_TO else 1


def _of_arrow(content: bytes, width: int) -> Piece:
    rows = pl.read_ipc_stream(content)
    last = int(rows[LINE][-1])
    return _without_blank(rows, width, (), 0, is_clean=is_clean(content), last=last)


def _of_json(content: bytes, width: int) -> Piece:
    found = orjson.loads(content)
    schema = {LINE: pl.Int64, **{cell_name(position): pl.String for position in range(width)}}
    rows = pl.DataFrame([found["lines"], *found["columns"]], schema=schema, orient="col")
    detail = gettext_noop("This row has {cells} cells, the header has {header}.")
    broken = tuple(
        BrokenRow(line, "too_many_cells", detail.format(cells=len(cells), header=width), tuple(cells))
        for line, cells in found["broken"]
    )
    clean = is_clean(content) and b"\\u" not in content
    return _without_blank(rows, width, broken, found["blank"], is_clean=clean, last=found["last"])


def _without_blank(
    rows: pl.DataFrame, width: int, broken: tuple[BrokenRow, ...], blank: int, *, is_clean: bool, last: int
) -> Piece:
    """The piece without rows of blanks alone."""
    cells = [cell_name(position) for position in range(width)]
    said = rows.filter(~pl.all_horizontal(pl.col(cells).str.strip_chars().fill_null("") == ""))
    return Piece(said, broken, blank + rows.height - said.height, is_clean, last)
