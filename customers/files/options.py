"""What people say of a file instead of having it found out."""

import codecs
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

from customers.files.cells import DateOrder
from customers.files.plaintext import DELIMITERS, ENCODINGS
from customers.files.schema import BadFactor, BadOption
from customers.files.wording import gettext_noop

LEAST_FACTOR, GREATEST_FACTOR = 1e-12, 1e12


@dataclass(frozen=True, slots=True)
class ReadingOptions:
    """What people say of a file instead of having it found out; None leaves it to the file.

    encoding    one of ENCODINGS                 delimiter   one of DELIMITERS
    decimal     "." or ","                       date_order  what the first number of 03/04/2024 is
    sheet       name of the sheet of a workbook  has_header  whether the first row names the columns
    header_row  number of the row of a sheet that names its columns; what is above it is left out
    factors     header → what the numbers below it are multiplied with
    """

    encoding: str | None = None
    delimiter: str | None = None
    decimal: str | None = None
    date_order: DateOrder | None = None
    sheet: str | None = None
    has_header: bool | None = None
    header_row: int | None = None
    factors: Mapping[str, float] | None = None

    @property
    def delimiter_name(self) -> str:
        """The delimiter in words; "" where it is left to the file."""
        return DELIMITERS[self.delimiter] if self.delimiter else ""

    def to_json(self) -> dict[str, Any]:
        """What is said, and only that."""
        return {one.name: said for one in fields(self) if (said := getattr(self, one.name)) is not None}

    @classmethod
    def from_json(cls, said: Mapping[str, Any]) -> Self:
        """The same from JSON; null, an empty text or nothing at all leaves a field to the file. Raises BadOption."""
        known = [one.name for one in fields(cls)]
        for field in said:
            if field not in known:
                raise BadOption(field=gettext_noop("an option"), value=field, known=", ".join(known))
        return cls(**{field: _option(field, value) for field, value in said.items() if value not in (None, "")})


AS_FOUND = ReadingOptions()
_ORDERS = (DateOrder.DAY_FIRST, DateOrder.MONTH_FIRST)
_CHOICES: Mapping[str, Mapping[Any, Any]] = {
    "delimiter": {**{sign: sign for sign in DELIMITERS}, **{name: sign for sign, name in DELIMITERS.items()}},
    "decimal": {".": ".", ",": ","},
    "date_order": {str(order): order for order in _ORDERS},
    "has_header": {True: True, False: False},
}


def read_factor(value: Any, header: str) -> float:
    """What numbers are multiplied with, as people or programs write it: 1000, "0.001", "0,5". Raises BadFactor."""
    try:
        factor = float(value.strip().replace(",", ".") if isinstance(value, str) else value)
    except (TypeError, ValueError, OverflowError) as error:
        raise BadFactor(factor=value, header=header) from error
    if isinstance(value, bool) or not LEAST_FACTOR <= abs(factor) <= GREATEST_FACTOR:
        raise BadFactor(factor=value, header=header)
    return factor


def _option(field: str, value: Any) -> Any:
    if field == "factors":
        # A header with a NUL is of no file that could be kept.
        if isinstance(value, Mapping) and not any("\0" in str(header) for header in value):
            return {str(header): read_factor(factor, str(header)) for header, factor in value.items()}
        raise BadOption(field=field, value=value, known=gettext_noop("an object from header to number"))
    if field == "header_row":
        if isinstance(value, int) and not isinstance(value, bool) and value >= 1:
            return value
        raise BadOption(field=field, value=value, known=gettext_noop("the number of a row, from 1 on"))
    if field == "sheet":
        if isinstance(value, str) and "\0" not in value:
            return value
        raise BadOption(field=field, value=value, known=gettext_noop("the name of a sheet"))
    if field == "encoding":
        try:
            name = codecs.lookup(value).name if isinstance(value, str) else ""
        except (LookupError, ValueError):
            name = ""
        name = {"utf-8-sig": "utf-8", "ascii": "utf-8"}.get(name, name)
        if name in ENCODINGS:
            return name
        raise BadOption(field=field, value=value, known=", ".join(ENCODINGS))
    choices = _CHOICES[field]
    # 1 equals true, and is none.
    if isinstance(value, bool) == (field == "has_header") and isinstance(value, (str, bool)) and value in choices:
        return choices[value]
    shown = ["tab" if choice == "\t" else str(choice).lower() for choice in dict.fromkeys(choices.values())]
    raise BadOption(field=field, value=value, known=" or ".join(shown))
