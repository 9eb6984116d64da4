"""What reading makes of a file, whatever its format: pieces of rows as text."""

from dataclasses import dataclass

import numpy as np
import polars as pl

# No key of an attribute begins so, which its rows may have beside it.
LINE = "_line"


def cell_name(position: int) -> str:
    """The name in a piece's frame of the column at this position of the file, from 0."""
    return f"cell_{position}"


@dataclass(frozen=True, slots=True)
class BrokenRow:
    """A row that has no cells to check: its line, a code, a sentence, and what could be made of its cells."""

    line: int
    code: str
    detail: str
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Piece:
    """Some consecutive rows of a file.

    rows      LINE Int64 (of the file, from 1) and `cell_0` … `cell_<width - 1>` String, null where a cell is empty
    broken    rows that could not be told apart into cells
    blank     rows that say nothing at all; they are no rows
    is_clean  whether every character in it could be read
    last_line the last line that it took
    is_plain  whether it is known that every cell is ASCII, without quotation marks, commas and newlines, and begins and
              ends with no blank
    """

    rows: pl.DataFrame
    broken: tuple[BrokenRow, ...]
    blank: int
    is_clean: bool
    last_line: int
    is_plain: bool = False


_REPLACED = "\ufffd".encode()


def is_clean(text: bytes) -> bool:
    """Whether every character of some UTF-8 could be read."""
    return b"\0" not in text and (text.isascii() or _REPLACED not in text)


def is_plain(text: bytes, delimiter: str) -> bool:
    """Whether all cells of some UTF-8, with a delimiter or a newline between two of them, are as Piece calls plain.

    A fifth of what it takes to strip every cell and to look whether it must be quoted.
    """
    if not text:
        return True
    if not text.isascii() or b'"' in text or (delimiter != "," and b"," in text):
        return False
    characters = np.frombuffer(text, np.uint8)
    is_edge = (characters == ord(delimiter)) | (characters == ord("\n"))
    is_blank = (characters <= ord(" ")) & ~is_edge
    is_loose = (is_blank[1:] & is_edge[:-1]) | (is_blank[:-1] & is_edge[1:])
    return not (is_blank[0] or is_blank[-1] or is_loose.any())
