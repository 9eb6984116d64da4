"""How a text is written: its encoding, its delimiter, and its first rows."""

import csv
import io
import re
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice

from customers.files.schema import EmptyFile, NotText, split_unit, squash
from customers.files.wording import gettext_noop

HEAD_BYTES = 1024 * 1024
# What people may say instead: codec → how they read it.
ENCODINGS = {
    "utf-8": "UTF-8",
    "utf-16-le": "UTF-16-LE",
    "utf-16-be": "UTF-16-BE",
    "utf-32-le": "UTF-32-LE",
    "utf-32-be": "UTF-32-BE",
    "cp1252": "Windows-1252",
    "iso8859-1": "ISO 8859-1",
    "iso8859-15": "ISO 8859-15",
    "cp1250": "Windows-1250",
    "iso8859-2": "ISO 8859-2",
    "cp1251": "Windows-1251",
    "koi8-r": "KOI8-R",
    "cp1253": "Windows-1253",
    "cp1254": "Windows-1254",
    "mac-roman": "Mac Roman",
    "cp437": "DOS 437",
    "cp850": "DOS 850",
    "shift_jis": "Shift JIS",
    "euc_jp": "EUC-JP",
    "gb18030": "GB 18030",
    "big5": "Big5",
    "euc_kr": "EUC-KR",
}
DELIMITERS = {
    ",": gettext_noop("comma"),
    ";": gettext_noop("semicolon"),
    "\t": gettext_noop("tab"),
    "|": gettext_noop("bar"),
}

_MARKS = (
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe\0\0", "utf-32-le"),
    (b"\0\0\xfe\xff", "utf-32-be"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
)
_MAGIC = (
    (b"PK\x05\x06", gettext_noop("it is an empty ZIP archive")),
    (b"%PDF", gettext_noop("it is a PDF")),
    (b"\x89PNG\r\n", gettext_noop("it is a PNG picture")),
    (b"\xff\xd8\xff", gettext_noop("it is a JPEG picture")),
    (b"GIF8", gettext_noop("it is a GIF picture")),
    (b"7z\xbc\xaf\x27\x1c", gettext_noop("it is a 7z archive")),
    (b"SQLite format 3\0", gettext_noop("it is an SQLite database")),
    (b"\x7fELF", gettext_noop("it is a program")),
    (b"MZ\x90\0", gettext_noop("it is a program")),
)
# More control characters than this share of the head, and it is no text; a stray NUL byte is a matter of its row.
_MOST_CONTROLS = 0.01
_STRAY_CONTROLS = 3
_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")
_SEPARATOR_LINE = re.compile(r"^sep=([,;\t|])$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Text:
    """The first megabyte of a file, as text with plain newlines.

    mark       length in bytes of the byte order mark before it
    skipped    lines before the first one that says something, or that says what the delimiter is
    separator  the delimiter, where a line of its own says so ("sep=;")
    """

    encoding: str
    mark: int
    text: str
    skipped: int
    separator: str


def read_text(head: bytes, encoding: str | None = None) -> Text:
    """What a file begins with, of which `head` is everything or the first megabyte. Raises EmptyFile, NotText."""
    is_whole = len(head) < HEAD_BYTES
    mark = next((len(mark) for mark, marked in _MARKS if head.startswith(mark) and marked == encoding), 0)
    if encoding is None:
        encoding, mark = _encoding(head)
    elif not head:
        raise EmptyFile()
    lines = _text(head[mark:], encoding, is_whole).split("\n")
    skipped = next((number for number, line in enumerate(lines) if line.strip()), None)
    if skipped is None:
        if not is_whole:
            raise NotText(found=gettext_noop("its first million characters are blank"))
        raise EmptyFile()
    separator = _SEPARATOR_LINE.match(lines[skipped].strip("\ufeff\r "))
    if separator:
        skipped += 1 + next((n for n, line in enumerate(lines[skipped + 1 :]) if line.strip()), 0)
    text = "\n".join(lines[skipped:])
    if not text.strip():
        raise EmptyFile()
    return Text(encoding, mark, text, skipped, separator[1] if separator else "")


def _encoding(head: bytes) -> tuple[str, int]:
    if not head:
        raise EmptyFile()
    for magic, found in _MAGIC:
        if head.startswith(magic):
            raise NotText(found=found)
    for bytes_, encoding in _MARKS:
        if head.startswith(bytes_):
            return encoding, len(bytes_)
    # Text in a European language has its NUL bytes at every second place in UTF-16, and hardly any elsewhere.
    pairs = len(head) // 2
    if pairs and head[0::2].count(0) > 0.4 * pairs > 10 * head[1::2].count(0):
        return "utf-16-be", 0
    if pairs and head[1::2].count(0) > 0.4 * pairs > 10 * head[0::2].count(0):
        return "utf-16-le", 0
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        # The head may end in the middle of a character.
        if not (error.end == len(head) and error.start >= len(head) - 3 and len(head) == HEAD_BYTES):
            return ("utf-8" if is_mostly_utf8(head) else "cp1252"), 0
    return "utf-8", 0


def is_mostly_utf8(head: bytes) -> bool:
    """Whether what is not ASCII is more often good UTF-8 than not: then the rest is damage, not another encoding."""
    text = head.decode("utf-8", "replace")
    broken = text.count("\ufffd")
    return sum(letter > "\x7f" for letter in text) - broken > broken


def _text(head: bytes, encoding: str, is_whole: bool) -> str:
    text = normal_line_ends(head.decode(encoding, "replace"))
    if len(_CONTROLS.findall(text)) > max(_STRAY_CONTROLS, _MOST_CONTROLS * len(text)):
        raise NotText(
            found=gettext_noop("most of its first bytes are not characters")
            if "\0" in text
            else gettext_noop("it is full of control characters")
        )
    if not is_whole and "\n" in text:
        # The last line may be cut off.
        text = text[: text.rindex("\n") + 1]
    return text


def normal_line_ends(text: str) -> str:
    """Every kind of line end as one newline."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def first_rows(text: str, delimiter: str, most: int) -> list[list[str]]:
    """Rows that are not blank. A quotation mark that is never closed ends the sample.

    Reading the file deals with it.
    """
    found: list[list[str]] = []
    lines = csv.reader(io.StringIO(text.replace("\0", "\ufffd"), newline=""), delimiter=delimiter)
    with suppress(csv.Error):
        found.extend(islice((row for row in lines if any(cell.strip() for cell in row)), most))
    return found or [text.split("\n", 1)[0].split(delimiter)]


def lines_of_first_row(text: str, delimiter: str) -> int:
    """More than one when a quoted header goes over several lines."""
    lines = csv.reader(io.StringIO(text.replace("\0", "\ufffd"), newline=""), delimiter=delimiter)
    try:
        next(lines)
    except csv.Error:
        return 1
    return lines.line_num


def likely_delimiter(text: str, known: Collection[str]) -> str:
    """The delimiter whose first row has the most known headers, then whose rows agree most on their number of cells."""

    def score(delimiter: str) -> tuple[int, float, int]:
        table = first_rows(text[:65536], delimiter, 50)
        width = len(table[0])
        if width == 1:
            return (0, 0.0, 0)
        recognised = sum(is_known(cell, known) for cell in table[0])
        return (recognised, sum(len(row) == width for row in table) / len(table), width)

    return max(DELIMITERS, key=score)


def is_known(header: str, known: Collection[str]) -> bool:
    """Whether a header is among the squashed ones, with or without the unit in its brackets."""
    return squash(header) in known or squash(split_unit(header)[0]) in known
