"""A file of any format as columns of text, piece by piece: nothing is guessed or lost, and memory stays bounded."""

from collections.abc import Iterator
from typing import BinaryIO, cast

import numpy as np

from customers.files import delimited, records, sheets, unpacking
from customers.files.pieces import LINE, BrokenRow, Piece, cell_name
from customers.files.sampling import XLSX, Dialect

__all__ = ["LINE", "BrokenRow", "Piece", "cell_name", "count_lines", "count_rows", "read_table"]

COUNTED_AT_ONCE = 1024 * 1024


def count_lines(file: BinaryIO) -> int:
    """About how many lines a file has: exact unless it is UTF-16 or quotes line ends."""
    file.seek(0)
    lines, last = 0, b"\n"
    # In blocks that a processor keeps at hand, and not with bytes.count: 0.02 instead of 0.06 s for 90 MB.
    while block := file.read(COUNTED_AT_ONCE):
        signs = np.frombuffer(block, np.uint8)
        lines += int(np.count_nonzero(signs == ord("\n"))) or block.count(b"\r")
        last = block[-1:]
    return lines + (last not in b"\r\n")


def count_rows(file: BinaryIO, dialect: Dialect) -> int | None:
    """About how many rows a file has, to tell how far reading is; None when only reading all of it would tell."""
    if dialect.count is not None:
        return dialect.count
    if dialect.is_gzipped or dialect.format == XLSX:
        return None
    return max(0, count_lines(file) - dialect.rows_from + 1)


def read_table(file: BinaryIO, dialect: Dialect, width: int) -> Iterator[Piece]:
    """The rows below the header, in the order of the file; each of them is in exactly one piece, good or broken.

    `line` is the line of a text, the number that a sheet shows beside a row, or counts the rows of a Parquet file.
    Raises LineTooLong, Bomb, TooSlow, DamagedFile.
    """
    if dialect.is_gzipped:
        file = cast(BinaryIO, unpacking.Unpacked(file))
    match dialect.format:
        case "xlsx" | "parquet":
            return sheets.read(file, dialect, width)
        case "ndjson":
            return records.read(file, dialect)
    return delimited.read(file, dialect, width)
