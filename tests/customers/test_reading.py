"""Reading and checking, tried with files that nobody would think of: no row is lost, doubled or read otherwise."""

import csv
import gzip
import io
import itertools
import json
from collections.abc import Callable
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from customers import attributes
from customers.files import cells, checking, decoding, delimited, mapping, reading, sampling
from customers.files.cells import DateOrder, Reason, Style
from customers.files.mapping import MappedColumn
from customers.files.reading import LINE, Piece, cell_name
from customers.files.sampling import Dialect
from customers.files.schema import BLOCK_BYTES, Column, FileProblem, Kind, LineTooLong
from tests.customers.test_formats import looked_at, parquet
from tests.customers.workbooks import number, sheet, workbook
from tests.customers.workbooks import text as cell_of_text

WIDTH = 3
LETTERS = "ab1é ,;\"\n'="
# What a file may hold between its delimiters, well-formed or not.
WILD = st.text(alphabet=LETTERS, max_size=60)
# What a program may write into a cell; no cell of more lines than a row may have.
CELL = st.text(alphabet="ab1é ,;\"'=\n", max_size=8)
UNQUOTED = st.lists(st.sampled_from(["", " ", "a", "1", "é;", "'="]), max_size=7)
TABLE = st.lists(st.lists(CELL, min_size=WIDTH, max_size=WIDTH), min_size=1, max_size=25)


def dialect(delimiter: str = ",") -> Dialect:
    return Dialect("utf-8", mark=0, delimiter=delimiter, rows_from=1, has_header=False)


def pieces(text: str, block: int, delimiter: str = ",") -> list[Piece]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(delimited, "BLOCK_BYTES", block)
        patched.setattr(decoding, "PIECE_BYTES", block)
        return list(reading.read_table(io.BytesIO(text.encode()), dialect(delimiter), WIDTH))


def rows(found: list[Piece]) -> dict[int, tuple[str, ...]]:
    """Line → cells of every row that could be read."""
    names = [cell_name(position) for position in range(WIDTH)]
    listed = [row for piece in found for row in piece.rows.select(LINE, *names).iter_rows()]
    by_line = {line: tuple(cell or "" for cell in row) for line, *row in listed}
    assert len(by_line) == len(listed), "no line begins two rows"
    return by_line


def broken(found: list[Piece]) -> dict[int, str]:
    """Line → code of every row that could not."""
    return {row.line: row.code for piece in found for row in piece.broken}


def is_blank(row: list[str]) -> bool:
    return not any(cell.strip() for cell in row)


@settings(deadline=None, max_examples=300)
@given(table=TABLE, delimiter=st.sampled_from(",;\t|"), quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
def test_what_a_program_wrote_is_read_row_for_row_and_cell_for_cell(
    table: list[list[str]], delimiter: str, quoting: Any
) -> None:
    file = io.StringIO()
    csv.writer(file, delimiter=delimiter, quoting=quoting, lineterminator="\n").writerows(table)
    found = pieces(file.getvalue(), BLOCK_BYTES, delimiter)
    assert list(rows(found).values()) == [tuple(row) for row in table if not is_blank(row)]
    assert not broken(found)


@settings(deadline=None, max_examples=300)
@given(text=WILD)
def test_every_line_of_any_text_is_in_exactly_one_row_or_says_nothing(text: str) -> None:
    lines = text.split("\n")
    found = pieces(text, BLOCK_BYTES)
    said = [*rows(found).items(), *((row.line, row.cells) for piece in found for row in piece.broken)]
    taken = [line + more for line, row in said for more in range("".join(row).count("\n") + 1)]
    assert len(taken) == len(set(taken))
    left = [line for number, line in enumerate(lines, start=1) if number not in taken]
    assert not [line for line in left if line.strip(' ,"')]


@settings(deadline=None, max_examples=300)
@given(lines=st.lists(UNQUOTED.map(",".join), min_size=1, max_size=40))
def test_without_quotation_marks_a_line_is_a_row_and_a_row_has_as_many_cells_as_the_header(lines: list[str]) -> None:
    found = pieces("\n".join(lines), BLOCK_BYTES)
    said = {number: line.split(",") for number, line in enumerate(lines, start=1) if line.strip(" ,")}
    fits = {number: len(row) >= WIDTH and is_blank(row[WIDTH:]) for number, row in said.items()}
    assert rows(found) == {number: tuple(row[:WIDTH]) for number, row in said.items() if fits[number]}
    assert broken(found) == {
        number: "too_many_cells" if len(row) > WIDTH else "too_few_cells"
        for number, row in said.items()
        if not fits[number]
    }


@settings(deadline=None, max_examples=300)
@given(text=WILD.filter(lambda text: text.strip("\n ")), block=st.integers(70, 120), copies=st.integers(1, 6))
def test_where_a_file_is_cut_into_pieces_changes_nothing(text: str, block: int, copies: int) -> None:
    text = "\n".join([text] * copies)
    whole, cut = pieces(text, BLOCK_BYTES), pieces(text, block)
    assert rows(cut) == rows(whole)
    assert broken(cut) == broken(whole)


@settings(deadline=None, max_examples=400)
@given(st.text(alphabet='ab1é ,;"\n\t\x0b\x1f\xa0', max_size=30), st.sampled_from(",;\t"))
def test_what_is_called_plain_needs_neither_stripping_nor_quoting(text: str, delimiter: str) -> None:
    for piece in pieces(text, 64, delimiter):
        for cell in itertools.chain.from_iterable(rows([piece]).values()):
            assert not piece.is_plain or (cell == cell.strip() and cell.isascii() and not set(cell) & set('",\n'))


@pytest.mark.parametrize("category", ["gold", "gold, old", 'the "best"', "two\nlines"])
def test_words_of_our_own_for_what_a_plain_file_says_are_quoted_where_they_must_be(category: str) -> None:
    column = Column("tier", "Tier", Kind.CATEGORY, categories={category: ("g",)})
    (piece,) = pieces("1,g,x\n2,g,y\n", 64)
    assert piece.is_plain
    checked = checking.check(piece, [MappedColumn(1, "tier", column)], ["a", "tier", "b"])
    assert checked.accepted["tier"].to_list() == [category] * 2
    assert checked.is_plain == (category == "gold")


def test_a_line_that_never_ends_is_refused_and_not_read_into_memory() -> None:
    with pytest.raises(LineTooLong, match="Line 2 is longer"):
        pieces("a,b,c\n" + "x" * 500, 100)


COLUMNS = {
    **{column.key: column for column in attributes.built_in()},
    "vip": Column("vip", "VIP", Kind.BOOLEAN),
    "left_on": Column("left_on", "Left on", Kind.DATE, is_past=True),
}
SAID = {
    Kind.NUMBER: [
        "1.5",
        "-3",
        "1,234.5",
        "1.234,5",
        "1e3",
        "1e999",
        "+",
        ".",
        "1 000",
        "99",
        "131",
        "0x1",
        "inf",
        "12abc",
    ],
    Kind.DATE: [
        "2024-02-29",
        "2023-02-29",
        "1.2.2003",
        "3/3/2001",
        "03/04/2001",
        "25/12/1999",
        "12/25/1999",
        "2024-1-5 10:00",
        "1700-01-01",
        "0000-00-00",
        "13/13/2001",
        "2199-01-01",
        "1.2.2190",
    ],
    Kind.CATEGORY: ["F", "weiblich", "MALE", "robot", "granted", "Yes", "opt-in"],
    Kind.BOOLEAN: ["yes", "No", "1", "0", "ja", "maybe", "TRUE"],
    Kind.EMAIL: ["a@b.co", "a@b", "a b@c.de", "é@ü.de", "@", "a@b..c"],
    Kind.TEXT: ["None", "=1+1", "x" * 51, "x" * 201, "  Zoë  ", "{}", "{label}", "'=1", "'\tx", "'-", "'"],
}
BLANK = ["", " ", "n/a", "NULL", "-", "?", "\u00a0"]


@st.composite
def columns_with_cells(draw: st.DrawFn) -> tuple[MappedColumn, list[str]]:
    column = COLUMNS[draw(st.sampled_from(sorted(COLUMNS)))]
    odd = st.text(alphabet="0123456789.,-+/eE' :aé@=\t\0\ufffd", max_size=10)
    said = draw(st.lists(st.sampled_from([*SAID[column.kind], *BLANK]) | odd, min_size=1, max_size=20))
    style = Style(draw(st.sampled_from(".,")), draw(st.sampled_from(list(DateOrder))))
    factor = draw(st.sampled_from([1.0, 0.001, 100.0, 1.1])) if column.kind is Kind.NUMBER else 1.0
    return MappedColumn(0, column.label, column, factor, style), said


@settings(deadline=None, max_examples=600)
@given(columns_with_cells())
def test_a_worker_says_of_every_cell_what_the_mapping_page_said_of_it(given_: tuple[MappedColumn, list[str]]) -> None:
    one, said = given_
    lines = range(2, 2 + len(said))
    frame = pl.DataFrame(
        {LINE: lines, cell_name(0): [cell or None for cell in said]}, {LINE: pl.Int64, cell_name(0): pl.String}
    )
    checked = checking.check(Piece(frame, (), 0, is_clean=False, last_line=lines[-1]), [one], [one.header])
    by_cell = {
        line: cells.read_cell(one.column, cell, one.style, one.factor) for line, cell in zip(lines, said, strict=True)
    }
    accepted = dict(checked.accepted.iter_rows())
    assert accepted == {line: read for line, read in by_cell.items() if not isinstance(read, Reason)}
    rejected = {line: json.loads(reasons) for line, reasons, _ in checked.rejected.iter_rows()}
    assert rejected == {
        line: [{"field": one.column.key, "code": read.code, "detail": read.detail}]
        for line, read in by_cell.items()
        if isinstance(read, Reason)
    }


@settings(deadline=None, max_examples=300)
@given(raw=st.binary(max_size=200) | WILD.map(str.encode) | WILD.map(lambda text: text.encode("utf-16")))
def test_any_bytes_are_a_table_or_are_refused_in_words(raw: bytes) -> None:
    columns = attributes.built_in()
    refused = []
    try:
        sample = sampling.take_sample(io.BytesIO(raw), mapping.known_headers(columns))
        mapped = mapping.apply(sample, columns, {sample.headers[0]: "external_id"})
    except FileProblem as problem:
        refused.append(problem)
    if refused:
        assert str(refused[0]).endswith(refused[0].remedy)
        assert refused[0].remedy
        return
    found = list(reading.read_table(io.BytesIO(raw), sample.dialect, len(sample.headers)))
    checked = [checking.check(piece, mapped, sample.headers) for piece in found]
    rejected = sum(one.rejected.height for one in checked)
    assert sum(one.accepted.height for one in checked) + rejected == sum(
        piece.rows.height + len(piece.broken) for piece in found
    )


HEADERS = ("customer id", "first name", "age", "birth date")
NAME = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=8)
VALUE = st.none() | NAME | st.booleans() | st.integers(-(10**18), 10**18) | st.floats(allow_nan=False)
VALUES = st.lists(st.tuples(VALUE, VALUE, VALUE, VALUE), min_size=1, max_size=12)
Row = tuple[Any, ...]


def as_text(said: Any) -> str:
    return "" if said is None else str(said)


def as_csv(table: list[Row]) -> bytes:
    file = io.StringIO()
    csv.writer(file).writerows([HEADERS, *[[as_text(said) for said in row] for row in table]])
    return file.getvalue().encode()


def as_ndjson(table: list[Row]) -> bytes:
    return "".join(json.dumps(dict(zip(HEADERS, row, strict=True))) + "\n" for row in table).encode()


def as_workbook(table: list[Row]) -> bytes:
    cells = [
        ["" if said is None else cell_of_text(said) if isinstance(said, str) else number(float(said)) for said in row]
        for row in table
    ]
    return workbook(One=sheet({1: [cell_of_text(header) for header in HEADERS], **dict(enumerate(cells, start=2))}))


def as_parquet(table: list[Row]) -> bytes:
    columns = zip(*[[as_text(said) or None for said in row] for row in table], strict=True)
    return parquet(**{name: pl.Series(column, dtype=pl.String) for name, column in zip(HEADERS, columns, strict=True)})


def lines_that_went(raw: bytes, **said: Any) -> list[int]:
    """The lines of accepted and of rejected rows. Raises FileProblem."""
    columns = attributes.built_in()
    sample = looked_at(raw, **said)
    mapped = mapping.apply(sample, columns, {sample.headers[-1]: "birth_date", sample.headers[0]: "external_id"})
    pieces = reading.read_table(io.BytesIO(raw), sample.dialect, len(sample.headers))
    checked = [checking.check(piece, mapped, sample.headers) for piece in pieces]
    return [line for one in checked for part in (one.accepted, one.rejected) for line in part[LINE]]


def went_or_refused(raw: bytes, **said: Any) -> list[int]:
    """The same, or nothing when the file is refused in words."""
    refused = []
    try:
        return lines_that_went(raw, **said)
    except FileProblem as problem:
        refused.append(problem)
    assert refused[0].remedy
    assert str(refused[0]).endswith(refused[0].remedy)
    return []


WRITERS = [(as_csv, 2, 100), (as_ndjson, 1, 100), (as_workbook, 2, 40), (as_parquet, 1, 12)]


@pytest.mark.parametrize(("write", "first", "examples"), WRITERS, ids=["csv", "ndjson", "xlsx", "parquet"])
def test_every_row_in_is_a_row_accepted_or_rejected(
    write: Callable[[list[Row]], bytes], first: int, examples: int
) -> None:
    @settings(deadline=None, max_examples=examples, suppress_health_check=[HealthCheck.too_slow])
    @given(table=VALUES, is_packed=st.booleans())
    def holds(table: list[Row], is_packed: bool) -> None:
        raw = gzip.compress(write(table)) if is_packed else write(table)
        is_said = [any(as_text(said).strip() for said in row) for row in table]
        if not any(is_said):
            return
        lines = lines_that_went(raw)
        assert sorted(lines) == [line for line, said in enumerate(is_said, start=first) if said]

    holds()


WRITTEN = {
    "csv": as_csv,
    "ndjson": as_ndjson,
    "xlsx": as_workbook,
    "parquet": as_parquet,
}
ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-32", "cp1252", "shift_jis"]
ENDS = ["\n", "\r\n", "\r"]
PLAIN = [("1", "Zoë", "30", "2001-02-03"), ("2", None, "31", None), ("3", 'a"b,\n', "x", "3/4/2001")]


@pytest.mark.parametrize(("kind", "examples"), [("csv", 200), ("ndjson", 200), ("xlsx", 60), ("parquet", 15)])
def test_a_damaged_file_is_read_as_far_as_it_says_something_or_refused_in_words(kind: str, examples: int) -> None:
    whole = WRITTEN[kind](PLAIN)

    @settings(deadline=None, max_examples=examples, suppress_health_check=[HealthCheck.too_slow])
    @given(
        cut=st.integers(0, len(whole)),
        gone=st.integers(0, 9),
        put=st.binary(max_size=12)
        | st.sampled_from([b"\0", b'"', b"\xef\xbb\xbf", b"\xff\xfe", b"\r\n\r", b"{", b"\x1f\x8b"]),
        is_packed=st.booleans(),
    )
    def holds(cut: int, gone: int, put: bytes, is_packed: bool) -> None:
        raw = whole[:cut] + put + whole[cut + gone :]
        if is_packed:
            raw = gzip.compress(raw)
        lines = went_or_refused(raw)
        assert len(lines) == len(set(lines))

    holds()


@settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.too_slow])
@given(
    table=st.lists(st.tuples(NAME, NAME), min_size=1, max_size=8),
    encoding=st.sampled_from(ENCODINGS),
    end=st.lists(st.sampled_from(ENDS), min_size=1, max_size=3),
    headers=st.sampled_from([("id", "first name"), ("id", "id"), ("", ""), ("first name", "x" * 300)]),
    is_packed=st.booleans(),
)
def test_a_text_in_any_encoding_with_any_line_ends_is_a_table_or_refused(
    table: list[tuple[str, str]], encoding: str, end: list[str], headers: tuple[str, str], is_packed: bool
) -> None:
    lines = [";".join(f'"{cell}"' for cell in row) for row in [headers, *table]]
    raw = "".join(line + end[n % len(end)] for n, line in enumerate(lines)).encode(encoding, "replace")
    raw = gzip.compress(raw) if is_packed else raw
    for said in ({}, {"encoding": "cp1252", "has_header": True}):
        went = went_or_refused(raw, **said)
        assert len(went) == len(set(went))


def test_a_cell_of_a_megabyte_is_a_cell_in_every_format() -> None:
    long = "x" * 1024**2
    for write in (as_ndjson, as_parquet, as_csv):
        lines = lines_that_went(write([("1", "a", None, None), ("2", long, None, None)]))
        assert len(lines) == 2


@settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.too_slow])
@given(
    table=st.lists(
        st.dictionaries(st.sampled_from(HEADERS), VALUE | st.just('a\\"é\n'), min_size=1), min_size=1, max_size=9
    ),
    separators=st.sampled_from([(",", ":"), (", ", ": "), (" ,\t", "  :")]),
    is_ascii=st.booleans(),
)
def test_however_an_object_is_written_its_values_are_the_cells(
    table: list[dict[str, Any]], separators: tuple[str, str], is_ascii: bool
) -> None:
    lines = [json.dumps(one, separators=separators, ensure_ascii=is_ascii) for one in table]
    raw = "\n".join([json.dumps(dict.fromkeys(HEADERS)), *lines]).encode()
    sample = looked_at(raw)
    (found,) = reading.read_table(io.BytesIO(raw), sample.dialect, len(HEADERS))
    names = [cell_name(position) for position in range(len(HEADERS))]
    read = {line: cells for line, *cells in found.rows.select(LINE, *names).iter_rows()}
    expected = {
        line: [json_text(one.get(header)) or None for header in HEADERS]
        for line, one in enumerate(table, start=2)
        if any(json_text(said).strip() for said in one.values())
    }
    assert read == expected


def json_text(said: Any) -> str:
    """A value as JSON writes it, but texts without their quotation marks, and nothing for null."""
    return said if isinstance(said, str) else "" if said is None else json.dumps(said)
