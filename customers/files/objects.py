"""One line of NDJSON as the cells of a row. Numbers stay as they are written, so that no digit of them is lost."""

import json
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from customers.files.schema import NotText
from customers.files.wording import gettext_noop

Pairs = tuple[tuple[str, Any], ...]


class BadLine(ValueError):
    """A line that is no row: a code, a sentence, and what could be made of its cells."""

    def __init__(self, code: str, detail: str, cells: Sequence[str]) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.cells = tuple(cells)


def reader(decimal: str = ".") -> Callable[[str], Pairs]:
    """What makes a line the pairs of its object, in their order; objects in it are tuples, lists are lists.

    It raises BadLine.
    """
    as_written: Callable[[str], str] = str if decimal == "." else lambda number: number.replace(".", decimal)
    decoder = json.JSONDecoder(
        parse_int=str, parse_float=as_written, parse_constant=str, object_pairs_hook=tuple, strict=False
    )

    def read(line: str) -> Pairs:
        try:
            found = decoder.decode(line)
        except (ValueError, RecursionError) as error:
            raise BadLine("bad_json", gettext_noop("This line is no well-formed JSON."), (line,)) from error
        # An empty object is an empty tuple.
        if not isinstance(found, tuple):
            raise BadLine(
                "not_an_object", gettext_noop("This line is JSON, but no object with keys and values."), (line,)
            )
        return tuple((_known(key), _known(value)) for key, value in found) if "\\u" in line else found

    return read


def _known(value: Any) -> Any:
    """A text without halves of characters, which JSON can name and nothing can store."""
    if isinstance(value, str) and not value.isascii():
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return value


def text(value: Any) -> str:
    """A value as the text of a cell."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else json.dumps(_plain(value), ensure_ascii=False)


def _plain(value: Any) -> Any:
    """Objects that were read as pairs, as objects again, as deep as there is any need to show them."""
    if isinstance(value, tuple):
        return dict(value)
    return value


def row(pairs: Pairs, keys: Sequence[str]) -> list[str]:
    """The cells of an object under the keys that are columns. Raises BadLine.

    A value under a key that is no column would be lost, and so would one of two under the same key, or be guessed from
    a list: such a line is no row. An unknown key without a value says nothing.
    """
    said = dict(pairs)
    cells = [text(said.get(key)) for key in keys]
    beyond = [(key, text(value)) for key, value in pairs if key not in keys and text(value)]
    if len(said) < len(pairs):
        raise BadLine(
            "duplicate_key", gettext_noop("A key comes more than once in this line."), [*cells, *map(str, pairs)]
        )
    if beyond:
        detail = gettext_noop(
            "There is no column “{key}”: it is no key of the first rows, which say what the columns are."
        ).format(key=beyond[0][0][:60])
        raise BadLine("unknown_key", detail, [*cells, *(f"{key}: {value}" for key, value in beyond)])
    nested = next((key for key, value in pairs if isinstance(value, (tuple, list))), None)
    if nested is not None:
        raise BadLine(
            "nested_value",
            gettext_noop("“{key}” holds a list or a record, not a single value.").format(key=nested[:60]),
            cells,
        )
    return cells


def is_line(beginning: str) -> bool:
    """Whether a text begins as NDJSON does. Raises NotText for JSON of another kind."""
    first = beginning.split("\n", 1)[0].strip("\ufeff \t")
    if first in ("{", "[") or re.match(r"\[\s*[{\[]", first):
        raise NotText(found=gettext_noop("it is JSON, but not one object per line"))
    return re.match(r"\{\s*[\"}]", first) is not None


def first_rows(beginning: str, most: int, decimal: str = ".") -> tuple[tuple[str, ...], list[list[str]]]:
    """The keys of the first objects, in the order in which they come up, and the cells of those."""
    read = reader(decimal)
    found: list[Pairs] = []
    for line in beginning.split("\n"):
        with suppress(BadLine):
            if len(found) < most and (pairs := read(line.strip("\ufeff \t"))):
                found.append(pairs)
    keys = tuple(dict.fromkeys(key for pairs in found for key, _ in pairs))
    return keys, [[text(dict(pairs).get(key)) for key in keys] for pairs in found]
