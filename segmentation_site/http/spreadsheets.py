"""Tables that leave as CSV, for people who open them in a spreadsheet."""

import csv
import io
import re
from collections.abc import Iterable, Iterator

# A spreadsheet takes a cell that begins with one of these for a formula, and would carry it out; a number is none.
# Both patterns are within what Python's and PostgreSQL's regular expressions have in common.
FORMULA_PATTERN = "^[=+@\t\r-]"
NUMBER_PATTERN = r"^[+-]?[0-9]+([.][0-9]+)?([eE][+-]?[0-9]+)?$"
LINES_AT_ONCE = 500

_FORMULA, _NUMBER = re.compile(FORMULA_PATTERN), re.compile(NUMBER_PATTERN)


def harmless(cell: str) -> str:
    """The cell as it is, or behind an apostrophe where a spreadsheet would carry it out; numbers stay numbers."""
    return f"'{cell}" if _FORMULA.match(cell) and not _NUMBER.match(cell) else cell


def csv_lines(rows: Iterable[Iterable[str]]) -> Iterator[bytes]:
    """Rows of text as UTF-8 CSV, some hundred lines at a time."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    for number, row in enumerate(rows, start=1):
        writer.writerow([harmless(cell) for cell in row])
        if number % LINES_AT_ONCE == 0:
            yield buffer.getvalue().encode()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue().encode()
