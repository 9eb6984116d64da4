"""What a file may bring: columns with their kinds and limits, and what can be wrong with a file as a whole."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar

from customers.files.wording import gettext_noop

# A file is looked at in pieces of this size; a single line must fit into one.
BLOCK_BYTES = 16 * 1024 * 1024
MOST_COLUMNS = 500
LONGEST_HEADER = 200


class Kind(StrEnum):
    """What the values of a column are."""

    TEXT = "text"
    EMAIL = "email"
    NUMBER = "number"
    CATEGORY = "category"
    BOOLEAN = "boolean"
    DATE = "date"


@dataclass(frozen=True, slots=True)
class Column:
    """A column that values are imported into.

    unit         what numbers are counted in, as people read it ("k$", "years")
    minimum, maximum   limits of a number, both inclusive
    categories   stored value → the other spellings that files use for it, in lower case
    max_length   longest text in characters
    aliases      headers under which it is known besides its key and label, the most telling first; see `squash`
    factors      unit in a header's brackets, squashed → what a value is multiplied with ("$": 0.001 for a column in k$)
    is_required  a row without a value here cannot be saved
    is_past      a date that has not come yet cannot be
    """

    key: str
    label: str
    kind: Kind
    unit: str = ""
    minimum: float | None = None
    maximum: float | None = None
    categories: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    max_length: int | None = None
    aliases: tuple[str, ...] = ()
    factors: Mapping[str, float] = field(default_factory=dict)
    is_required: bool = False
    is_past: bool = False


def squash(header: str) -> str:
    """What is left of a header when case, accents, blanks and punctuation do not count: "E-Mail " → "email"."""
    plain = unicodedata.normalize("NFKD", header.casefold())
    return "".join(letter for letter in plain if letter.isalnum())


_BRACKETS = re.compile(r"[(\[{]([^)\]}]*)[)\]}]")


def split_unit(header: str) -> tuple[str, str]:
    """A header's name and the unit in its brackets, if any: "Annual Income (k$)" → ("Annual Income", "k$")."""
    found = _BRACKETS.search(header)
    return _BRACKETS.sub(" ", header).strip(), found.group(1).strip().casefold() if found else ""


class FileProblem(Exception):
    """Something wrong with a file as a whole, so that nothing of it is imported: a code, a sentence, a remedy.

    `about` says whether the file itself or the mapping of its columns is at fault.
    """

    about: ClassVar[str] = "file"
    code: ClassVar[str] = "file_problem"
    sentence: ClassVar[str] = gettext_noop("This file cannot be imported.")
    remedy: ClassVar[str] = ""

    def __init__(self, **facts: Any) -> None:
        self.facts = facts
        super().__init__(f"{self.sentence} {self.remedy}".strip().format(**facts))


class EmptyFile(FileProblem):
    code = "empty_file"
    sentence = gettext_noop("This file is empty.")
    remedy = gettext_noop("Choose a file with a header and at least one row.")


class NoRows(FileProblem):
    code = "no_rows"
    sentence = gettext_noop("This file has a header ({headers}) but no rows.")
    remedy = gettext_noop("Add at least one row below the header.")


class NotText(FileProblem):
    code = "not_text"
    sentence = gettext_noop("This file is not a CSV file, nor XLSX, NDJSON or Parquet: {found}.")
    remedy = gettext_noop("Save it as CSV (UTF-8) and upload it again.")


class DamagedFile(FileProblem):
    code = "damaged_file"
    sentence = gettext_noop("This file cannot be read to its end: {found}.")
    remedy = gettext_noop("Save it again in the program that it comes from, and upload it once more.")


class Bomb(FileProblem):
    code = "unpacks_to_too_much"
    sentence = gettext_noop("This file unpacks to more than can be taken in: {found}.")
    remedy = gettext_noop("Split it, or save it as CSV, and upload that.")


class NestedGzip(FileProblem):
    code = "nested_gzip"
    sentence = gettext_noop("This file is compressed with gzip more than once.")
    remedy = gettext_noop("Unpack it, and upload what is in it.")


class TooSlow(FileProblem):
    code = "too_slow"
    sentence = gettext_noop("This file could not be read within {seconds} seconds.")
    remedy = gettext_noop("Split it, or save it as CSV, and upload that.")


class OldWorkbook(FileProblem):
    code = "old_workbook"
    sentence = gettext_noop("This file is a workbook of Excel 2003 or older (XLS).")
    remedy = gettext_noop("Save it as XLSX or CSV (UTF-8) and upload that.")


class EncryptedWorkbook(FileProblem):
    code = "encrypted_workbook"
    sentence = gettext_noop("This workbook is protected with a password.")
    remedy = gettext_noop("Save it without one, and upload that.")


class NoSheet(FileProblem):
    about = "reading"
    code = "no_sheet"
    sentence = gettext_noop("There is no sheet {sheet!r} in this workbook. Its sheets are: {sheets}.")
    remedy = gettext_noop("Choose one of these.")


class NoHeaderRow(FileProblem):
    about = "reading"
    code = "no_header_row"
    sentence = gettext_noop("Row {row} of this sheet cannot name the columns of rows below it.")
    remedy = gettext_noop("Choose one of the rows {rows}.")


class NestedColumns(FileProblem):
    code = "nested_columns"
    sentence = gettext_noop("These columns hold lists or records, not single values: {columns}.")
    remedy = gettext_noop("Leave them out, or give each of their values a column of its own.")


class BadFactor(FileProblem):
    about = "mapping"
    code = "bad_factor"
    sentence = gettext_noop("{factor!r} is nothing that the numbers of {header!r} can be multiplied with.")
    remedy = gettext_noop("Write a number other than 0, such as 1000 or 0.001.")


class FactorWithoutNumbers(FileProblem):
    about = "mapping"
    code = "factor_without_numbers"
    sentence = gettext_noop(
        "{header!r} is read as {target}, which is no number: it cannot be multiplied with {factor}."
    )
    remedy = gettext_noop("Leave the factor out, or map the column to a number.")


class BadOption(FileProblem):
    about = "reading"
    code = "bad_option"
    sentence = gettext_noop("{value!r} is nothing that {field} can be. Known: {known}.")
    remedy = gettext_noop("Choose one of these, or leave it out: then the file itself decides.")


class NoHeader(FileProblem):
    code = "no_header"
    sentence = gettext_noop("The first line of this file looks like a row ({first}), not like the names of columns.")
    remedy = gettext_noop(
        "Put a line with the names of the columns on top, or say what each column is: Column 1, Column 2 and so on."
    )


class DuplicateHeader(FileProblem):
    code = "duplicate_header"
    sentence = gettext_noop("The header {header!r} stands over more than one column ({positions}).")
    remedy = gettext_noop("Give each column a name of its own.")


class TooManyColumns(FileProblem):
    code = "too_many_columns"
    sentence = gettext_noop("This file has {count} columns; at most {limit} can be read.")
    remedy = gettext_noop("Leave out the columns that are not needed.")


class LineTooLong(FileProblem):
    code = "line_too_long"
    sentence = gettext_noop("Line {line} is longer than {limit} MB.")
    remedy = gettext_noop("Check that the file has line breaks, and that its quotation marks are closed.")


class UnknownHeader(FileProblem):
    about = "mapping"
    code = "unknown_header"
    sentence = gettext_noop("There is no column {header!r} in this file. Its columns are: {headers}.")
    remedy = gettext_noop("Correct the name.")


class UnknownTarget(FileProblem):
    about = "mapping"
    code = "unknown_target"
    sentence = gettext_noop("{target!r} is not something that is known of customers. Known: {known}.")
    remedy = gettext_noop("Choose one of these.")


class TargetTakenTwice(FileProblem):
    about = "mapping"
    code = "target_taken_twice"
    sentence = gettext_noop("Both {first!r} and {second!r} were mapped to {target}.")
    remedy = gettext_noop("Map only one of them.")


class NoIdColumn(FileProblem):
    about = "mapping"
    code = "no_id_column"
    sentence = gettext_noop("No column of this file was recognised as {label}. Its columns are: {headers}.")
    remedy = gettext_noop("Name one of them customer_id, or say which one it is.")


class MalformedChoice(FileProblem):
    about = "mapping"
    code = "malformed_mapping"
    sentence = gettext_noop("{choice!r} does not say which column means what.")
    remedy = gettext_noop(
        'Write HEADER=target, for example "Annual Income (k$)=annual_income"; nothing after = leaves a column out.'
    )
