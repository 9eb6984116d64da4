"""Small files that unpack to anything: each is refused, and costs the process that was asked for it next to nothing."""

import gzip
import io
import random
import struct
import subprocess
import sys
import textwrap
import zipfile
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from customers.files import mapping, reading, sampling, workbooks
from customers.files.schema import Bomb
from tests.customers.test_formats import HEADER, PEOPLE_SHEET
from tests.customers.workbooks import number, sheet, text, workbook

MB = 1024 * 1024
SHEET = "xl/worksheets/sheet1.xml"
MOST_MEMORY = 150 * MB


def with_part(raw: bytes, name: str, content: bytes) -> bytes:
    """A workbook with one of its parts replaced, or added."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(raw)) as old, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as new:
        for entry in old.infolist():
            if entry.filename != name:
                new.writestr(entry.filename, old.read(entry))
        new.writestr(name, content)
    return file.getvalue()


def beginning_and_blanks(size: int) -> bytes:
    with zipfile.ZipFile(io.BytesIO(workbook(One=PEOPLE_SHEET))) as archive:
        return archive.read(SHEET)[:-50] + b" " * size


def packed_zeros() -> bytes:
    return gzip.compress(bytes(200 * MB))


def packed_rows() -> bytes:
    return gzip.compress(b"customer id,age\n" + b"1,30\n" * (40 * MB))


def blank_sheet() -> bytes:
    return with_part(workbook(One=PEOPLE_SHEET), SHEET, beginning_and_blanks(200 * MB))


def sheet_that_lies_about_its_size() -> bytes:
    raw = with_part(workbook(One=PEOPLE_SHEET), SHEET, beginning_and_blanks(50 * MB))
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        size = archive.getinfo(SHEET).file_size
    return raw.replace(struct.pack("<I", size), struct.pack("<I", 2000))


def two_cells_far_apart() -> bytes:
    return workbook(One='<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>1</v></c></row>')


def one_long_text_in_every_cell() -> bytes:
    cells = '<c t="s"><v>0</v></c>' * 300
    rows = "".join(f'<row r="{line}">{cells}</row>' for line in range(1, 2000))
    long = b'<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><si><t>%s</t></si></sst>'
    return with_part(workbook(One=rows), "xl/sharedStrings.xml", long % (b"x" * MB))


def countless_parts() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for part in range(20_000):
            archive.writestr(f"xl/{part}", b"")
    return file.getvalue()


def a_directory_as_large_as_the_file() -> bytes:
    name, count = b"xl/1", 500_000
    record = struct.pack("<4s6H3I5H2I", b"PK\x01\x02", 20, 20, 0, 0, 0, 33, 0, 0, 0, len(name), 0, 0, 0, 0, 0, 0) + name
    begin = b"PK\x03\x04" + bytes(26)
    end = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 65535, 65535, len(record) * count, len(begin), 0)
    return begin + record * count + end


def more_parts_than_a_workbook_has() -> bytes:
    file = io.BytesIO(workbook(One=sheet({1: HEADER, 2: [number(1), text("Ann")]})))
    with zipfile.ZipFile(file, "a") as archive:
        for part in range(workbooks.MOST_ENTRIES):
            archive.writestr(f"xl/media/{part}", b"")
    return file.getvalue()


BOMBS = [
    packed_zeros,
    packed_rows,
    blank_sheet,
    sheet_that_lies_about_its_size,
    two_cells_far_apart,
    one_long_text_in_every_cell,
    countless_parts,
    a_directory_as_large_as_the_file,
    more_parts_than_a_workbook_has,
]
LOOK = textwrap.dedent(
    """
    import re, resource, sys
    from pathlib import Path
    from customers.files import sampling
    from customers.files.schema import Bomb
    try:
        with open(sys.argv[1], "rb") as file:
            sampling.take_sample(file)
    except Bomb:
        own = int(re.search(r"VmHWM:\\s*(\\d+)", Path("/proc/self/status").read_text())[1])
        print(max(own, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss))
    """
)


@pytest.mark.parametrize("make", BOMBS, ids=lambda make: make.__name__)
def test_a_bomb_is_refused_before_anything_is_taken_in(make: Callable[[], bytes], tmp_path: Path) -> None:
    bomb = tmp_path / "bomb"
    bomb.write_bytes(make())
    # In a process of its own, because only that has a memory of its own.
    looked = subprocess.run(
        [sys.executable, "-c", LOOK, str(bomb)],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    assert looked.stdout, "it was taken in"
    assert int(looked.stdout) * 1024 < MOST_MEMORY


def test_a_packed_file_that_becomes_a_bomb_later_is_refused_while_it_is_read() -> None:
    varied = "".join(f"{random.randrange(10**6)},{age}\n" for age in range(1500)).encode()
    harmless = b"customer id,age\n" + varied * (20 * MB // len(varied))
    raw = gzip.compress(harmless) + gzip.compress(b"1,30\n" * (4 * MB)) * 20
    file = io.BytesIO(raw)
    sample = sampling.take_sample(file)
    with pytest.raises(Bomb, match="unpack to more than"):
        for _ in reading.read_table(file, sample.dialect, 2):
            pass


def test_the_same_long_text_in_many_rows_of_parquet_comes_in_small_pieces() -> None:
    file = io.BytesIO()
    pl.DataFrame({"customer id": ["x" * MB] * 60}).write_parquet(file)
    assert file.tell() < MB
    sample = sampling.take_sample(file, mapping.known_headers(()))
    assert len(sample.rows) < 5
    pieces = list(reading.read_table(file, sample.dialect, 1))
    assert sum(piece.rows.height for piece in pieces) == 60
    assert max(piece.rows["cell_0"].str.len_bytes().sum() for piece in pieces) <= 16 * MB


def test_a_workbook_beyond_the_sample_is_refused_while_it_is_read() -> None:
    few = sheet({1: HEADER, **{line: [number(line), text("Ann")] for line in range(2, 2500)}})
    file = io.BytesIO(workbook(One=few + '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'))
    sample = sampling.take_sample(file)
    assert len(sample.rows) == 1000
    with pytest.raises(Bomb):
        list(reading.read_table(file, sample.dialect, len(sample.headers)))
