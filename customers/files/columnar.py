"""Parquet files, in the child process: their columns as text from which the same values can be read again."""

import io
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

import polars as pl

from customers.files.frames import ARROW
from customers.files.pieces import LINE, cell_name
from customers.files.schema import MOST_COLUMNS, Bomb, NestedColumns, TooManyColumns
from customers.files.wording import gettext_noop

MOST_CELLS = 1_000_000_000
MOST_BYTES = 4 * 1024**3
PIECE_ROWS = 50_000
PIECE_BYTES = 16 * 1024**2
# Whole numbers up to here are exact in a float.
_EXACT = 2**53


def first_rows(file: BinaryIO, job: Mapping[str, Any]) -> dict[str, Any]:
    """`headers`, `rows` (text) and `count` (how many there are)."""
    frame, count = _opened(file)
    names = frame.collect_schema().names()
    sample = _as_text(frame, job["decimal"]).head(job["rows"]).collect()
    return {"headers": names, "rows": [[cell or "" for cell in row] for row in sample.iter_rows()], "count": count}


def rows(file: BinaryIO, job: Mapping[str, Any]) -> Iterator[tuple[bytes, bytes]]:
    """Pieces as Arrow's stream format: LINE and `cell_0` … as text."""
    frame, _ = _opened(file)
    text = _as_text(frame, job["decimal"])
    line, total = 1, 0
    for piece in text.collect_batches(chunk_size=PIECE_ROWS, maintain_order=True):
        lines = pl.int_range(line, line + piece.height, dtype=pl.Int64, eager=True)
        line += piece.height
        size = int(piece.select(pl.sum_horizontal(pl.all().str.len_bytes().sum())).item() or 0)
        total += size
        if total > MOST_BYTES:
            raise Bomb(
                found=gettext_noop("its text takes more than {gigabytes} GB").format(gigabytes=MOST_BYTES // 1024**3)
            )
        # The same long text may stand in many rows of a small file.
        height = max(1, piece.height * PIECE_BYTES // max(size, PIECE_BYTES))
        for part in piece.with_columns(lines.alias(LINE)).iter_slices(height):
            answer = io.BytesIO()
            part.write_ipc_stream(answer)
            yield ARROW, answer.getvalue()


def _opened(file: BinaryIO) -> tuple[pl.LazyFrame, int]:
    frame = pl.scan_parquet(file, parallel="none", glob=False)
    schema = frame.collect_schema()
    if len(schema) > MOST_COLUMNS:
        raise TooManyColumns(count=len(schema), limit=MOST_COLUMNS)
    nested = [name for name, kind in schema.items() if kind.is_nested() or kind == pl.Object]
    if nested:
        raise NestedColumns(columns=", ".join(nested))
    count = int(frame.select(pl.len()).collect().item())
    if count * len(schema) > MOST_CELLS:
        raise Bomb(
            found=gettext_noop("it has {count:,} rows of {columns} columns").format(count=count, columns=len(schema))
        )
    return frame, count


def _as_text(frame: pl.LazyFrame, decimal: str) -> pl.LazyFrame:
    return frame.select(
        _text(pl.col(name), kind, decimal).alias(cell_name(position))
        for position, (name, kind) in enumerate(frame.collect_schema().items())
    )


def _text(column: pl.Expr, kind: pl.DataType, decimal: str) -> pl.Expr:
    """A column as text: whole floats without a point, dates without a midnight, null where nothing is said."""
    if isinstance(kind, pl.Duration):
        return column.dt.to_string("iso")
    text = column.cast(pl.String)
    if kind.is_float() or kind.is_decimal():
        if kind.is_float():
            is_whole = (column == column.round()) & (column.abs() < _EXACT)
            whole = column.cast(pl.Int64, strict=False).cast(pl.String)
            text = pl.when(is_whole).then(whole).when(~column.is_nan()).then(text)
        return text if decimal == "." else text.str.replace(".", decimal, literal=True)
    if isinstance(kind, pl.Datetime):
        zone = "%:z" if kind.time_zone else ""
        moment = column.dt.strftime(f"%Y-%m-%d %H:%M:%S%.f{zone}")
        return pl.when(column.dt.time() == pl.time(0, 0, 0)).then(column.dt.strftime("%Y-%m-%d")).otherwise(moment)
    return pl.when(text != "").then(text)
