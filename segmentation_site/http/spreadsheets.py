"""Tables that leave as CSV, for people who open them in a spreadsheet."""

import csv
import io
from collections.abc import Iterable, Iterator

# A spreadsheet takes a cell that begins with one of these for a formula, and would carry it out.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
LINES_AT_ONCE = 500


def harmless(cell: str) -> str:
    """The cell as it is, or behind an apostrophe where a spreadsheet would carry it out; numbers stay numbers."""
    if not cell.startswith(_FORMULA):
        return cell
    try:
        float(cell)
    except ValueError:
        return f"'{cell}"
    return cell


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
