"""XLSX workbooks, in the child process: what they unpack to is counted, and calamine reads them."""

import datetime as dt
import io
import math
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from typing import IO, Any, BinaryIO, cast

from python_calamine import CalamineSheet, CalamineWorkbook, PasswordError, SheetTypeEnum, SheetVisibleEnum

from customers.files import cutting
from customers.files.frames import PACKED, TURN
from customers.files.packing import pack, packed_numbers, packed_texts
from customers.files.schema import Bomb, EmptyFile, EncryptedWorkbook, NoSheet, NotText
from customers.files.wording import gettext_noop

MOST_ENTRIES = 100
# Sheets pack at 1:10 to 1:40.
MOST_RATIO = 250
FREE_BYTES = 100 * 1024**2
MOST_CELLS = 50_000_000
# What the texts of a sample may take, which a workbook holds once however many cells show them.
MOST_OF_TEXTS = 64 * 1024**2
# Fewer rows, and whoever gets them is busier with pieces than with rows: 100,000 rows took 0.1 s more in fives.
PIECE_CELLS, FEWEST_ROWS = 200_000, 1000
# Whole numbers below this are written without an exponent.
MOST_DIGITS = 1e15
_BLOCK = 1024**2
# The longest beginning of a sheet that a sample looks at.
_LONGEST_BEGINNING = 32 * 1024**2

_END_OF_ROW = re.compile(rb"</((?:\w+:)?)row>")
_END_OF_TEXT = re.compile(rb"</(?:\w+:)?si>")
_SHARED_TEXT = re.compile(rb't="s"[^>]*>\s*<(?:\w+:)?v>([0-9]{1,9})<')


def first_rows(file: BinaryIO, job: Mapping[str, Any]) -> dict[str, Any]:
    """`sheets` (their names), `sheet` (the one that was read), `rows` (text) and `lines` (their numbers)."""
    with zipfile_of(file) as archive:
        beginning = io.BytesIO()
        _write_beginning(archive, beginning, rows=job["rows"] + 1000)
        _count_texts(archive, beginning.getvalue())
    workbook = _opened(beginning)
    names = _names(workbook)
    found: dict[str, Any] = {}
    for name in [_chosen(names, job["sheet"])] if job["sheet"] else names:
        said = [
            (line, [_text(cell, job["decimal"]) or "" for cell in row])
            for line, row in _numbered(workbook.get_sheet_by_name(name))
            if any(cell != "" for cell in row)
        ][: job["rows"]]
        if said and (not found or len(said) > 1):
            lines, rows = zip(*said, strict=True)
            found = {"sheets": names, "sheet": name, "lines": lines, "rows": rows}
        # A sheet of a single row is a title before the table, unless no other has more.
        if len(said) > 1:
            break
    if not found:
        raise EmptyFile()
    return found


def rows(file: BinaryIO, job: Mapping[str, Any]) -> Iterator[tuple[bytes, bytes]]:
    """Pieces of a sheet, as `packing` has them.

    Of `sharers` children each reads every so many-th part of the sheet, beginning with the one of its own `turn`, and
    says after each that its turn is over.
    """
    sharers, cells = job["sharers"], 0
    with zipfile_of(file) as archive:
        taken = cutting.take(archive)
        emptied = _opened(taken.emptied())
        name = _chosen(_names(emptied), job["sheet"])
        place = cast(float, emptied.get_sheet_by_name(name).to_python()[0][0])
        for part in taken.parts(taken.sheets[int(place)], job["turn"], sharers):
            sheet = _opened(part).get_sheet_by_name(name)
            if sheet.start is not None:
                cells += sheet.height * (sheet.start[1] + sheet.width)
                if cells * sharers > MOST_CELLS:
                    raise Bomb(found=gettext_noop("its sheet has more than {most:,} cells").format(most=MOST_CELLS))
            for piece in _pieces(sheet, job["first"], job["width"], job["decimal"]):
                yield PACKED, piece
            yield TURN, b""


def _pieces(sheet: CalamineSheet, first: int, width: int, decimal: str) -> Iterator[bytes]:
    if sheet.start is None:
        return
    rows, line, left = sheet.to_python(), sheet.start[0] + 1, [""] * sheet.start[1]
    most = max(FEWEST_ROWS, PIECE_CELLS // width)
    for begin in range(max(0, first - line), len(rows), most):
        some = rows[begin : begin + most]
        yield _piece([[*left, *row] for row in some] if left else some, line + begin, width, decimal)


def _piece(rows: list[list[Any]], line: int, width: int, decimal: str) -> bytes:
    """Consecutive rows, all equally wide, of which the first is that of `line`."""
    last = line + len(rows) - 1
    columns = list(zip(*rows, strict=True))
    if len(columns) == width and "" not in columns[0]:
        # As almost always: nothing has to be asked of each row.
        return pack(range(line, last + 1), _all_packed(columns, decimal), broken=(), blank=0, last=last)
    blank = 0
    lines: list[int] = []
    whole: list[list[Any]] = []
    broken: list[tuple[int, list[str]]] = []
    for number, row in enumerate(rows, start=line):
        if not any(row) and all(cell == "" for cell in row):
            blank += 1
        elif len(row) > width and any(cell != "" for cell in row[width:]):
            broken.append((number, [_text(cell, decimal) or "" for cell in row]))
        else:
            lines.append(number)
            whole.append([*row, *[""] * (width - len(row))][:width])
    columns = list(zip(*whole, strict=True)) if whole else [()] * width
    return pack(lines, _all_packed(columns, decimal), broken=broken, blank=blank, last=last)


def _all_packed(columns: Sequence[Sequence[Any]], decimal: str) -> list[tuple[str, bytes]]:
    return [_packed(column, decimal) for column in columns]


def zipfile_of(file: BinaryIO) -> zipfile.ZipFile:
    """The archive that a workbook is. Raises Bomb by what its directory says, NotText, EncryptedWorkbook."""
    # Before the directory is read, which may be as large as the file.
    file.seek(0)
    listed = sum(block.count(b"PK\x01\x02") for block in iter(lambda: file.read(_BLOCK), b""))
    if listed > 2 * MOST_ENTRIES:
        raise Bomb(
            found=gettext_noop("the workbook consists of {listed} parts, at most {most} can be").format(
                listed=listed, most=MOST_ENTRIES
            )
        )
    try:
        archive = zipfile.ZipFile(file)
    except zipfile.BadZipFile as error:
        raise NotText(found=gettext_noop("it begins like an XLSX workbook, and is cut off or changed")) from error
    entries = archive.infolist()
    if not any(entry.filename.casefold().startswith("xl/") for entry in entries):
        raise NotText(found=gettext_noop("it is a ZIP archive, and no workbook"))
    if any(entry.filename.casefold().endswith("workbook.bin") for entry in entries):
        raise NotText(found=gettext_noop("it is a binary workbook (XLSB)"))
    if any(entry.flag_bits & 1 for entry in entries):
        raise EncryptedWorkbook()
    if len(entries) > MOST_ENTRIES:
        raise Bomb(
            found=gettext_noop("the workbook consists of {listed} parts, at most {most} can be").format(
                listed=len(entries), most=MOST_ENTRIES
            )
        )
    unpacked = sum(entry.file_size for entry in entries)
    packed = sum(entry.compress_size for entry in entries)
    if unpacked > cutting.MOST_UNPACKED or (unpacked > FREE_BYTES and unpacked > MOST_RATIO * packed):
        raise Bomb(found=gettext_noop("the workbook unpacks to {unpacked:,} bytes").format(unpacked=unpacked))
    return archive


def _write_beginning(archive: zipfile.ZipFile, target: IO[bytes], rows: int) -> None:
    """The workbook with the first `rows` of each sheet only."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as written:
        for entry in archive.infolist():
            if not entry.filename.casefold().endswith((".xml", ".rels")):
                continue
            with written.open(zipfile.ZipInfo(entry.filename), "w", force_zip64=True) as member:
                blocks = cutting.blocks(archive, entry)
                beginning = next(blocks, b"")
                if cutting.is_sheet(beginning):
                    member.write(cutting.without_errors(_beginning(beginning, blocks, rows)))
                    continue
                member.write(beginning)
                for block in blocks:
                    member.write(block)


def _beginning(beginning: bytes, blocks: Iterator[bytes], rows: int) -> bytes:
    """A sheet up to the end of a row, as a whole sheet again."""
    while True:
        ends = [*_END_OF_ROW.finditer(beginning)]
        if len(ends) <= rows and len(beginning) < _LONGEST_BEGINNING:
            block = next(blocks, b"")
            if not block:
                return beginning
            beginning += block
            continue
        if not ends:
            raise Bomb(
                found=gettext_noop("its first row is longer than {megabytes} MB").format(
                    megabytes=_LONGEST_BEGINNING // 1024**2
                )
            )
        last, prefix = ends[: rows + 1][-1], ends[0][1]
        return b"%s</%ssheetData></%sworksheet>" % (beginning[: last.end()], prefix, prefix)


def _count_texts(archive: zipfile.ZipFile, beginning: bytes) -> None:
    """What the cells of a beginning come to, whose texts stand elsewhere in the workbook, once for all. Raises Bomb."""
    lengths = [length for entry in archive.infolist() for length in _lengths_of_texts(archive, entry)]
    if beginning.count(b't="s"') * max(lengths, default=0) > MOST_OF_TEXTS:
        places = (int(found[1]) for found in _SHARED_TEXT.finditer(beginning))
        if sum(lengths[place] for place in places if place < len(lengths)) > MOST_OF_TEXTS:
            raise Bomb(found=f"the texts of its first rows take more than {MOST_OF_TEXTS // 1024**2} MB")


def _lengths_of_texts(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Iterator[int]:
    if not entry.filename.casefold().endswith("sharedstrings.xml"):
        return
    left = b""
    for block in cutting.blocks(archive, entry):
        *ended, left = _END_OF_TEXT.split(left + block)
        if len(left) > MOST_OF_TEXTS:
            raise Bomb(found=f"one of its texts is longer than {MOST_OF_TEXTS // 1024**2} MB")
        yield from map(len, ended)


def _opened(file: IO[bytes]) -> CalamineWorkbook:
    file.seek(0)
    try:
        return CalamineWorkbook.from_filelike(file)
    except PasswordError as error:
        raise EncryptedWorkbook() from error


def _names(workbook: CalamineWorkbook) -> list[str]:
    """The sheets with cells that people can see, in their order."""
    names = [
        sheet.name
        for sheet in workbook.sheets_metadata
        if sheet.typ == SheetTypeEnum.WorkSheet and sheet.visible == SheetVisibleEnum.Visible
    ]
    if not names:
        raise EmptyFile()
    return names


def _chosen(names: list[str], name: str) -> str:
    if name not in names:
        raise NoSheet(sheet=name, sheets=", ".join(names))
    return name


def _numbered(sheet: CalamineSheet) -> Iterator[tuple[int, list[Any]]]:
    """The rows of a sheet from its first cell on, each from column A on, with their numbers."""
    if sheet.start is None:
        return
    left = [""] * sheet.start[1]
    for line, row in enumerate(sheet.to_python(), start=sheet.start[0] + 1):
        yield line, [*left, *row] if left else row


def _number(number: float, decimal: str) -> str:
    """As people see it: whole numbers without a point, others with the 15 digits that spreadsheets show."""
    if number.is_integer() and abs(number) < 1e21:
        return str(int(number))
    text = f"{number:.15g}"
    return text if decimal == "." else text.replace(".", decimal)


def _packed(column: Sequence[Any], decimal: str) -> tuple[str, bytes]:
    """The cells of a column: as numbers where they are nothing else, which the parent writes as `_number` does."""
    kinds = set(map(type, column))
    if kinds <= {str}:
        return packed_texts(column)
    if kinds <= {float, str}:
        known = column if str not in kinds else [cell for cell in column if cell != ""]
        if set(map(type, known)) == {float} and _are_plain(known):
            return packed_numbers(column if known is column else [math.nan if cell == "" else cell for cell in column])
    return packed_texts([_text(cell, decimal) or "" for cell in column])


def _are_plain(numbers: Sequence[float]) -> bool:
    """Whether all of them are numbers indeed, and none so large that it is written with an exponent."""
    sizes = list(map(abs, numbers))
    return sum(sizes) < math.inf and max(sizes) < MOST_DIGITS


def _text(cell: Any, decimal: str) -> str | None:
    """A cell as text; None when it is empty."""
    if isinstance(cell, str):
        return cell or None
    if isinstance(cell, float):
        return _number(cell, decimal)
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, dt.datetime):
        return cell.date().isoformat() if cell.time() == dt.time.min else cell.isoformat(sep=" ")
    return str(cell)
