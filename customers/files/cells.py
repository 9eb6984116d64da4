"""What one cell says: the patterns and sentences that sampling (cell by cell) and checking (column by column) share.

The patterns are within what Python's and Rust's regular expressions have in common.
"""

import datetime as dt
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from customers.files.schema import Column, Kind
from customers.files.wording import gettext_noop

# How files write "nothing" where no text is expected; in a name "None" or "NA" may be one.
BLANKS = frozenset({"", "-", "--", "?", "n/a", "na", "#n/a", "nan", "null", "none", "nil", "(null)", "not available"})

# Grouping characters are a blank, a no-break blank or an apostrophe in both styles, and the style's own.
NUMBER_WITH_POINT = (
    r"^[+-]?(?:[0-9]+|[0-9]{1,3}(?:[, '’\x{a0}\x{202f}][0-9]{3})+)?(?:\.[0-9]*)?(?:[eE][+-]?[0-9]{1,3})?$"
)
NUMBER_WITH_COMMA = (
    r"^[+-]?(?:[0-9]+|[0-9]{1,3}(?:[. '’\x{a0}\x{202f}][0-9]{3})+)?(?:,[0-9]*)?(?:[eE][+-]?[0-9]{1,3})?$"
)
# A pattern of digits in every position may be empty; this asks for one before any exponent.
HAS_DIGIT = r"^[^eE]*[0-9]"
EMAIL = r"^[^\s@,;<>()\[\]\"\\]+@[^\s@,;<>()\[\]\"\\.]+(?:\.[^\s@,;<>()\[\]\"\\.]+)+$"
ISO_DATE = r"^([0-9]{4})[-/.]([0-9]{1,2})[-/.]([0-9]{1,2})(?:[T ][0-9:.,+Zz -]*)?$"
OTHER_DATE = r"^([0-9]{1,2})[-/.]([0-9]{1,2})[-/.]([0-9]{4})(?:[T ][0-9:.,+Zz -]*)?$"
EARLIEST, LATEST = dt.date(1800, 1, 1), dt.date(2200, 12, 31)

TRUE = frozenset({"true", "t", "yes", "y", "1", "on", "ja", "oui", "si", "sí"})
FALSE = frozenset({"false", "f", "no", "n", "0", "off", "nein", "non"})

# Characters that neither a database nor a reader can do anything with: NUL, and what took the place of broken bytes.
UNREADABLE = r"[\x00\x{fffd}]"

# How a text begins that was written so that no spreadsheet takes it for a formula; the apostrophe is not part of it.
GUARDED = tuple(f"'{sign}" for sign in "=+-@\t\r")

SHOWN = 60


def _for_python(pattern: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\x\{([0-9a-f]+)\}", lambda found: re.escape(chr(int(found[1], 16))), pattern))


class DateOrder(StrEnum):
    """How dates such as 03/04/2024 are read: what their first number is. Dates with the year first are always read."""

    DAY_FIRST = "day_first"
    MONTH_FIRST = "month_first"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class Style:
    """How a column writes its numbers and dates; decided once for the whole column from its first rows."""

    decimal: str = "."
    date_order: DateOrder = DateOrder.UNDECIDED


USUAL = Style()


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a cell cannot be saved; `detail` names the cell."""

    code: str
    detail: str


# Code → sentence with one {} for the cell. Facts about the column are filled in by `sentence`.
SENTENCES = {
    "missing": gettext_noop("There is no {label}."),
    "not_a_number": gettext_noop("“{}” is not a number."),
    "below_minimum": gettext_noop("“{}” is below {minimum}."),
    "above_maximum": gettext_noop("“{}” is above {maximum}."),
    "not_a_date": gettext_noop("“{}” is not a date; write it as year-month-day, such as 2024-03-31."),
    "ambiguous_date": gettext_noop("“{}” can be read in two ways; write it as year-month-day, such as 2024-03-31."),
    "in_the_future": gettext_noop("“{}” is in the future."),
    "not_an_email": gettext_noop("“{}” is not an e-mail address."),
    "not_a_category": gettext_noop("“{}” is none of: {categories}."),
    "not_a_boolean": gettext_noop("“{}” is neither yes nor no."),
    "too_long": gettext_noop("“{}” is longer than {max_length} characters."),
    "unreadable": gettext_noop("“{}” contains a character that cannot be read; save the file as UTF-8."),
}


def sentence(column: Column, code: str) -> str:
    """The sentence for a code with the facts of the column in it, and `{}` where the cell belongs, if it is named."""
    facts = {
        "{label}": column.label[:1].lower() + column.label[1:],
        "{minimum}": _short(column.minimum),
        "{maximum}": _short(column.maximum),
        "{max_length}": str(column.max_length),
        "{categories}": ", ".join(column.categories),
    }
    text = SENTENCES[code]
    for place, fact in facts.items():
        text = text.replace(place, fact.replace("{", "(").replace("}", ")"))
    return text


def _short(number: float | None) -> str:
    return "" if number is None else f"{number:g}"


def shown(cell: str) -> str:
    """A cell as a sentence names it: not too much of it, and nothing that cannot be shown."""
    cell = cell.replace("\0", "\ufffd")
    return cell if len(cell) <= SHOWN else cell[: SHOWN - 1] + "…"


def spellings(column: Column) -> dict[str, str]:
    """Every accepted spelling of the column's categories, in lower case → the value that is stored."""
    accepted = {other: value for value, others in column.categories.items() for other in others}
    return accepted | {value.lower(): value for value in column.categories}


def is_blank(column: Column, cell: str) -> bool:
    """Whether the cell says nothing."""
    stripped = cell.strip()
    return not stripped or (column.kind not in (Kind.TEXT, Kind.EMAIL) and stripped.lower() in blanks(column))


def blanks(column: Column) -> frozenset[str]:
    """How files write "nothing" in this column; a word that names one of its categories means that category."""
    return BLANKS - spellings(column).keys() if column.categories else BLANKS


def scaled(number: str, factor: float) -> float:
    """A plain number (digits, a point, an exponent) times `factor`, as on paper: 0.57 times 100 is 57."""
    return float(Decimal(number) * Decimal(repr(factor)))


_NUMBER = {".": _for_python(NUMBER_WITH_POINT), ",": _for_python(NUMBER_WITH_COMMA)}
_HAS_DIGIT = re.compile(HAS_DIGIT)
_EMAIL = re.compile(EMAIL)
_ISO_DATE = re.compile(ISO_DATE)
_OTHER_DATE = re.compile(OTHER_DATE)
_UNREADABLE = _for_python(UNREADABLE)
GROUPING = r"[ '’\x{a0}\x{202f}]"
_GROUPING = _for_python(GROUPING)


def read_cell(
    column: Column, cell: str, style: Style = USUAL, factor: float = 1.0
) -> str | float | bool | dt.date | Reason | None:
    """The value that a cell stands for, None when it says nothing, or the reason why it cannot be saved."""
    text = said = cell.strip()
    if column.kind in (Kind.TEXT, Kind.EMAIL) and said.startswith(GUARDED):
        text = said[1:].strip()
    found = _read(column, text, style, factor)
    return Reason(found.code, found.detail.replace("{}", shown(said))) if isinstance(found, Reason) else found


def _read(column: Column, text: str, style: Style, factor: float) -> str | float | bool | dt.date | Reason | None:
    if is_blank(column, text):
        return _wrong(column, "missing") if column.is_required else None
    if _UNREADABLE.search(text):
        return _wrong(column, "unreadable")
    match column.kind:
        case Kind.NUMBER:
            return _number(column, text, style, factor)
        case Kind.DATE:
            return _date(column, text, style)
        case Kind.CATEGORY:
            return spellings(column).get(text.lower()) or _wrong(column, "not_a_category")
        case Kind.BOOLEAN:
            lower = text.lower()
            return lower in TRUE if lower in TRUE | FALSE else _wrong(column, "not_a_boolean")
    if column.max_length is not None and len(text) > column.max_length:
        return _wrong(column, "too_long")
    if column.kind == Kind.EMAIL and not _EMAIL.match(text):
        return _wrong(column, "not_an_email")
    return text


def _wrong(column: Column, code: str) -> Reason:
    return Reason(code, sentence(column, code))


def _number(column: Column, text: str, style: Style, factor: float) -> float | Reason:
    if not _NUMBER[style.decimal].match(text) or not _HAS_DIGIT.match(text):
        return _wrong(column, "not_a_number")
    group = "," if style.decimal == "." else "."
    plain = _GROUPING.sub("", text).replace(group, "").replace(style.decimal, ".")
    value = float(plain) if factor == 1 else scaled(plain, factor)
    if not math.isfinite(value):
        return _wrong(column, "not_a_number")
    if column.minimum is not None and value < column.minimum:
        return _wrong(column, "below_minimum")
    if column.maximum is not None and value > column.maximum:
        return _wrong(column, "above_maximum")
    return value


def _date(column: Column, text: str, style: Style) -> dt.date | Reason:
    if found := _ISO_DATE.match(text):
        year, month, day = (int(part) for part in found.groups())
    elif found := _OTHER_DATE.match(text):
        first, second, year = (int(part) for part in found.groups())
        order = style.date_order
        # Dots are written where the day comes first; there is no second way to read them.
        if "." in text[:3] or first == second:
            order = DateOrder.DAY_FIRST
        elif order == DateOrder.UNDECIDED:
            if first <= 12 and second <= 12:
                return _wrong(column, "ambiguous_date")
            order = DateOrder.DAY_FIRST if first > 12 else DateOrder.MONTH_FIRST
        day, month = (first, second) if order == DateOrder.DAY_FIRST else (second, first)
    else:
        return _wrong(column, "not_a_date")
    try:
        date = dt.date(year, month, day)
    except ValueError:
        return _wrong(column, "not_a_date")
    if not EARLIEST <= date <= LATEST:
        return _wrong(column, "not_a_date")
    return _wrong(column, "in_the_future") if column.is_past and date > last_day() else date


def last_day() -> dt.date:
    """The last day that has begun somewhere on earth: no later one can be past."""
    return (dt.datetime.now(dt.UTC) + dt.timedelta(hours=14)).date()


def style_of(column: Column, cells: Iterable[str], delimiter: str = ",") -> Style:
    """How a column writes its numbers and dates, from cells that can be read in one way only.

    Where none of them decides, a decimal point is assumed, unless the file is separated by semicolons and its numbers
    hold commas: programs write it so where the comma is the decimal sign.
    """
    cells = [cell.strip() for cell in cells]
    if column.kind == Kind.NUMBER:
        return Style(decimal=_decimal(cells, delimiter))
    if column.kind == Kind.DATE:
        return Style(date_order=_date_order(cells))
    return USUAL


def _decimal(cells: list[str], delimiter: str) -> str:
    votes = {".": 0, ",": 0}
    has_comma = False
    for cell in cells:
        point, comma = _NUMBER["."].match(cell) is not None, _NUMBER[","].match(cell) is not None
        has_comma = has_comma or (comma and "," in cell)
        if point != comma:
            votes["." if point else ","] += 1
    if votes["."] == votes[","]:
        return "," if has_comma and delimiter == ";" else "."
    return max(votes, key=lambda sign: votes[sign])


def _date_order(cells: list[str]) -> DateOrder:
    votes = {DateOrder.DAY_FIRST: 0, DateOrder.MONTH_FIRST: 0}
    for cell in cells:
        if found := _OTHER_DATE.match(cell):
            first, second = int(found[1]), int(found[2])
            if first > 12 >= second:
                votes[DateOrder.DAY_FIRST] += 1
            elif second > 12 >= first:
                votes[DateOrder.MONTH_FIRST] += 1
    if votes[DateOrder.DAY_FIRST] == votes[DateOrder.MONTH_FIRST]:
        return DateOrder.UNDECIDED
    return max(votes, key=lambda order: votes[order])
