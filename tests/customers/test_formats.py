"""The same customers in every format that files come in: each is read as the others, or as people say it is."""

import datetime as dt
import gzip
import io
from random import Random
from typing import Any

import polars as pl
import pytest

from customers import attributes
from customers.files import checking, mapping, reading, sampling, sheets
from customers.files.reading import LINE, cell_name
from customers.files.sampling import ReadingOptions, Sample
from customers.files.schema import BadOption, FileProblem, NoSheet
from tests.customers.workbooks import DATE, MOMENT, number, sheet, text, workbook

PEOPLE = "customer id,first name,age,joined\n1,Zoë,33,2024-03-31\n2,,54,2023-12-01\n"


def looked_at(raw: bytes, **said: Any) -> Sample:
    """The sample of a file; `said` are options as JSON has them."""
    options = ReadingOptions.from_json(said)
    return sampling.take_sample(io.BytesIO(raw), mapping.known_headers(attributes.built_in()), options=options)


def rows(raw: bytes, **said: Any) -> dict[int, tuple[str | None, ...]]:
    """Line → cells of every row."""
    sample = looked_at(raw, **said)
    found = reading.read_table(io.BytesIO(raw), sample.dialect, len(sample.headers))
    names = [LINE, *(cell_name(position) for position in range(len(sample.headers)))]
    return {line: tuple(cells) for piece in found for line, *cells in piece.rows.select(names).iter_rows()}


def accepted(raw: bytes, **said: Any) -> list[dict[str, Any]]:
    """What would be saved of every good row."""
    columns = attributes.built_in()
    sample = looked_at(raw, **said)
    mapped = mapping.apply(sample, columns, mapping.complete(sample, columns, {}))
    pieces = reading.read_table(io.BytesIO(raw), sample.dialect, len(sample.headers))
    checked = [checking.check(piece, mapped, sample.headers) for piece in pieces]
    return [row for one in checked for row in one.accepted.drop(LINE).to_dicts()]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_a_packed_text_is_read_as_the_text(delimiter: str, encoding: str) -> None:
    text = PEOPLE.replace(",", delimiter).encode(encoding)
    packed = gzip.compress(text[:40]) + gzip.compress(text[40:])
    assert rows(packed) == rows(text) == {2: ("1", "Zoë", "33", "2024-03-31"), 3: ("2", None, "54", "2023-12-01")}
    assert looked_at(packed).dialect.is_gzipped
    assert "compressed with gzip" in looked_at(packed).dialect.facts


def test_what_people_say_of_a_file_counts_more_than_what_it_looks_like() -> None:
    assert rows("id;city\n1;Łódź\n".encode("cp1250"), encoding="windows-1250") == {2: ("1", "Łódź")}
    assert rows(b"id,a;b\n1,2;3\n", delimiter="semicolon") == {2: ("1,2", "3")}
    assert rows(b"id,age\n1,30\n", has_header=False) == {1: ("id", "age"), 2: ("1", "30")}
    assert looked_at(b"1,2\n3,4\n", has_header=True).headers == ("1", "2")
    assert accepted(b'id,income\n1,"1.234"\n')[0]["annual_income"] == 1.234
    assert accepted(b'id,income\n1,"1.234"\n', decimal=",")[0]["annual_income"] == 1234
    day_first, month_first = (
        accepted(b"id,birth date\n1,03/04/2001\n", date_order=order)[0]["birth_date"]
        for order in ("day_first", "month_first")
    )
    assert (str(day_first), str(month_first)) == ("2001-04-03", "2001-03-04")


def test_the_first_look_honours_what_people_say_too() -> None:
    birth_date, income = attributes.column("birth_date"), attributes.column("annual_income")
    text = b'id,birth date,income\n1,03/04/2001,"1.5"\n'
    assert looked_at(text).filled("birth date", birth_date).valid == 0
    assert looked_at(text, date_order="day_first").filled("birth date", birth_date).valid == 100
    assert looked_at(text, decimal=",").filled("income", income).valid == 0


@pytest.mark.parametrize(
    ("said", "named"),
    [
        ({"encoding": "klingon"}, "encoding"),
        ({"encoding": "unicode_escape"}, "encoding"),
        ({"encoding": 7}, "encoding"),
        ({"delimiter": "#"}, "delimiter"),
        ({"delimiter": ["a"]}, "delimiter"),
        ({"decimal": "'"}, "decimal"),
        ({"date_order": "undecided"}, "date_order"),
        ({"has_header": "maybe"}, "has_header"),
        ({"has_header": 1}, "has_header"),
        ({"sheet": 3}, "sheet"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_an_option_that_cannot_be_is_refused_by_its_name(said: dict[str, Any], named: str) -> None:
    with pytest.raises(BadOption, match=named):
        ReadingOptions.from_json(said)


def test_options_come_back_from_json_as_they_went() -> None:
    said = {"encoding": "cp1252", "delimiter": "\t", "decimal": ",", "date_order": "day_first", "has_header": False}
    assert ReadingOptions.from_json(said).to_json() == said
    assert ReadingOptions.from_json({"encoding": None, "delimiter": ""}) == ReadingOptions()


@pytest.mark.parametrize(
    ("packed", "code"),
    [
        (gzip.compress(gzip.compress(PEOPLE.encode())), "nested_gzip"),
        (gzip.compress(PEOPLE.encode())[:-9], "damaged_file"),
        (b"\x1f\x8b" + bytes(40), "damaged_file"),
        (gzip.compress(b""), "empty_file"),
    ],
    ids=["packed twice", "cut", "empty header", "nothing in it"],
)
def test_a_packed_file_that_cannot_be_is_refused_with_what_to_do(packed: bytes, code: str) -> None:
    with pytest.raises(FileProblem) as refused:
        rows(packed)
    assert refused.value.code == code
    assert refused.value.remedy


HEADER = [text("customer id"), text("first name"), text("age"), text("joined")]
PEOPLE_SHEET = sheet(
    {
        1: HEADER,
        2: [number(1), text("Zoë"), number("33"), number(45382, DATE)],
        3: [number("2.0"), "", number(54), number(45261, DATE)],
    }
)
PEOPLE_LINES = (
    '{"customer id": 1, "first name": "Zoë", "age": 33.0, "joined": "2024-03-31"}\n'
    '{"customer id": "2", "first name": null, "age": 54, "joined": "2023-12-01"}\n'
)


def parquet(**columns: Any) -> bytes:
    file = io.BytesIO()
    pl.DataFrame(columns).write_parquet(file)
    return file.getvalue()


PEOPLE_PARQUET = parquet(
    **{
        "customer id": [1.0, 2.0],
        "first name": ["Zoë", None],
        "age": [33, 54],
        "joined": [dt.date(2024, 3, 31), dt.date(2023, 12, 1)],
    }
)


@pytest.mark.parametrize("is_packed", [False, True], ids=["plain", "packed"])
@pytest.mark.parametrize(
    ("raw", "named"),
    [
        (PEOPLE.replace(",", "\t").encode(), "UTF-8"),
        (workbook(People=PEOPLE_SHEET), "XLSX"),
        (PEOPLE_LINES.encode(), "NDJSON"),
        (PEOPLE_LINES.encode("utf-16"), "NDJSON"),
        (PEOPLE_PARQUET, "Parquet"),
    ],
    ids=["tsv", "xlsx", "ndjson", "ndjson-utf-16", "parquet"],
)
def test_the_same_customers_are_the_same_in_every_format(raw: bytes, named: str, is_packed: bool) -> None:
    raw = gzip.compress(raw) if is_packed else raw
    assert accepted(raw) == accepted(PEOPLE.encode())
    assert looked_at(raw).dialect.facts[0].startswith(named)
    assert looked_at(raw).dialect.is_gzipped == is_packed


def test_cells_of_a_workbook_are_read_as_people_see_them() -> None:
    cells = [
        number(54),
        number("33.10"),
        number("0.30000000000000004"),
        number("1e3"),
        number(45382, DATE),
        number("45382.5", MOMENT),
        '<c r="{at}" t="b"><v>1</v></c>',
        '<c r="{at}" t="e"><v>#N/A</v></c>',
        '<c r="{at}" t="str"><f>1&amp;2</f><v>12</v></c>',
        text(' =1+1 t="e" <b>\nä'),
    ]
    raw = workbook(One=sheet({1: [text(f"column {n}") for n in range(len(cells))], 4: cells}))
    shown = ("54", "33.1", "0.3", "1000", "2024-03-31", "2024-03-31 12:00:00", "true", "#N/A", "12")
    assert rows(raw) == {4: (*shown, ' =1+1 t="e" <b>\nä')}
    assert rows(raw, decimal=",")[4][1:3] == ("33,1", "0,3")


def test_rows_of_a_sheet_keep_the_numbers_that_people_see_and_its_columns_their_place() -> None:
    raw = workbook(
        One='<row r="3"><c r="B3" t="str"><v>id</v></c><c r="C3" t="str"><v>age</v></c></row>'
        '<row r="5"><c r="B5"><v>7</v></c></row><row r="6"/>'
        '<row r="9"><c r="A9"><v>1</v></c><c r="B9"><v>8</v></c><c r="C9"><v>9</v></c></row>'
        '<row r="10"><c r="B10"><v>9</v></c></row>'
    )
    assert looked_at(raw).headers == ("Column 1", "id", "age")
    assert rows(raw) == {5: (None, "7", None), 9: ("1", "8", "9"), 10: (None, "9", None)}


def test_a_row_wider_than_any_of_the_first_thousand_is_given_back() -> None:
    many = {line: [number(line), number(30)] for line in range(2, 1102)}
    raw = workbook(One=sheet({1: [text("id"), text("age")], **many, 1102: [number(1), number(2), text("lost")]}))
    sample = looked_at(raw)
    found = list(reading.read_table(io.BytesIO(raw), sample.dialect, len(sample.headers)))
    assert [(row.line, row.code, row.cells[2]) for piece in found for row in piece.broken] == [
        (1102, "too_many_cells", "lost")
    ]
    assert sum(piece.rows.height for piece in found) == 1100


def test_titles_above_the_names_of_the_columns_are_left_out_unless_somebody_says_otherwise() -> None:
    rows = {
        1: [text("Customers of the spring")],
        3: [text("Made on"), text("2026-01-02")],
        5: [text("Client"), text("Age"), text("Home"), text("Note")],
        6: [text("c-1"), number(20), text("Lyon")],
        7: [text("c-2"), number(30), text("Paris"), text("vip")],
    }
    raw = workbook(One=sheet(rows))
    sample = looked_at(raw)
    assert (sample.headers, sample.dialect.header_row) == (("Client", "Age", "Home", "Note"), 5)
    assert sample.rows[0] == ("c-1", "20", "Lyon", "")
    assert list(sample.top) == [1, 3, 5, 6, 7]
    assert [piece.rows[LINE].to_list() for piece in reading.read_table(io.BytesIO(raw), sample.dialect, 4)] == [[6, 7]]
    chosen = looked_at(raw, header_row=3)
    assert (chosen.headers[:2], len(chosen.rows)) == (("Made on", "2026-01-02"), 3)
    with pytest.raises(FileProblem, match=r"Row 9 of this sheet cannot name the columns"):
        looked_at(raw, header_row=9)


def test_a_page_can_offer_the_sheets_of_a_workbook_and_people_choose_one() -> None:
    raw = workbook(Empty="", First=sheet({1: HEADER, 2: [number(1)]}), Second=sheet({1: HEADER, 2: [number(2)]}))
    sample = looked_at(raw)
    assert (sample.dialect.sheet, sample.dialect.sheets) == ("First", ("Empty", "First", "Second"))
    assert "sheet “First” (of 3)" in sample.dialect.facts
    assert rows(raw, sheet="Second")[2][0] == "2"
    with pytest.raises(NoSheet, match="Its sheets are: Empty, First, Second"):
        looked_at(raw, sheet="Third")


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ('{"id": 2, "age": [1]}', "nested_value"),
        ('{"id": 2, "age": {"years": 1}}', "nested_value"),
        ("[2, 30]", "not_an_object"),
        ("2", "not_an_object"),
        ('{"id": 2, "age": }', "bad_json"),
        ('{"id": 2}}', "bad_json"),
        ("[" * 100_000, "bad_json"),
        ('{"id": 2, "id": 3}', "duplicate_key"),
    ],
)
def test_a_line_that_is_no_flat_object_costs_only_itself(line: str, code: str) -> None:
    raw = f'{{"id": 1, "age": 30}}\n{line}\n\n{{"age": 31}}\n{{}}\n'.encode()
    sample = looked_at(raw)
    (found,) = reading.read_table(io.BytesIO(raw), sample.dialect, 2)
    assert [(row.line, row.code) for row in found.broken] == [(2, code)]
    assert found.rows[LINE].to_list() == [1, 4]


def test_a_key_that_comes_up_late_is_never_lost_silently() -> None:
    many = "".join(f'{{"id": {n}, "note": null}}\n' for n in range(1001))
    raw = f'{many}{{"id": 7, "late": ""}}\n{{"id": 8, "late": "x"}}\n'.encode()
    sample = looked_at(raw)
    assert sample.headers == ("id", "note")
    (found,) = reading.read_table(io.BytesIO(raw), sample.dialect, 2)
    assert found.rows.height == 1002
    assert [(row.line, row.code, row.cells[2]) for row in found.broken] == [(1003, "unknown_key", "late: x")]


def test_numbers_of_ndjson_keep_every_digit_and_letters_all_that_can_be_kept() -> None:
    raw = b'{"id": 12345678901234567890123, "age": 1.10, "name": "\\u00e9\\ud83d\\ude00 \\ud83d \\u0000"}\n'
    assert rows(raw) == {1: ("12345678901234567890123", "1.10", "é😀 \ufffd \0")}
    assert rows(raw, decimal=",")[1][1] == "1,10"


def test_columns_of_parquet_come_back_as_the_values_that_they_were() -> None:
    raw = parquet(
        id=[2**62, 1, None],
        number=[0.1, 54.0, float("nan")],
        large=[1e300, -1e-7, 2.0**60],
        yes=[True, None, False],
        moment=pl.Series(["2024-03-31", "2024-03-31 12:05:01.25", None]).str.to_datetime(),
        day=[dt.date(2024, 3, 31), None, None],
        raw=[b"a", "é".encode(), None],
        money=pl.Series(["1.50", "2.00", None]).cast(pl.Decimal(10, 2)),
        kind=pl.Series(["a", "b", None], dtype=pl.Categorical),
    )
    found = rows(raw)
    assert found[1] == (str(2**62), "0.1", "1e+300", "true", "2024-03-31", "2024-03-31", "a", "1.50", "a")
    assert found[2] == ("1", "54", "-1e-7", None, "2024-03-31 12:05:01.250", None, "é", "2.00", "b")
    assert found[3][1] is None
    assert float(found[3][2] or 0) == 2.0**60


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (parquet(id=[1], tags=[["a", "b"]]), "nested_columns"),
        (parquet(id=[1], place=[{"city": "x"}]), "nested_columns"),
        (parquet(id=[b"\xff\xfe"]), "damaged_file"),
        (parquet(id=[]), "no_rows"),
        (PEOPLE_PARQUET[:-20], "damaged_file"),
        (b"PAR1" + bytes(100), "damaged_file"),
        (workbook(One=""), "empty_file"),
        (workbook(One=sheet({1: HEADER})), "no_rows"),
        (workbook(One=PEOPLE_SHEET)[:-30], "not_text"),
        (b"PK\x03\x04" + bytes(200), "not_text"),
        (workbook(One="<row><c"), "damaged_file"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(3000), "old_workbook"),
        (
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(3000) + "EncryptedPackage".encode("utf-16-le"),
            "encrypted_workbook",
        ),
        (b'[\n{"id": 1}\n]', "not_text"),
        (b'[{"id": 1}]', "not_text"),
        (b'{\n"id": 1\n}', "not_text"),
        (b'{"id": 1\n', "not_text"),
        (b'{"id": 1, " id": 2}\n', "duplicate_header"),
    ],
    ids=range(18),
)
def test_what_is_no_table_in_any_format_is_refused_with_what_to_do(raw: bytes, code: str) -> None:
    with pytest.raises(FileProblem) as refused:
        rows(raw)
    assert refused.value.code == code
    assert refused.value.remedy


def test_how_many_rows_there_are_is_told_where_the_file_tells() -> None:
    counted = {
        raw: reading.count_rows(io.BytesIO(raw), looked_at(raw).dialect)
        for raw in (PEOPLE.encode(), PEOPLE_LINES.encode(), PEOPLE_PARQUET, gzip.compress(PEOPLE.encode()))
    }
    assert list(counted.values()) == [2, 2, 2, None]


def large_sheet(*, late: str = "") -> tuple[bytes, dict[int, tuple[str | None, ...]]]:
    """A workbook that is read in several parts by two children, with `late` near its end, and what its rows say."""
    random = Random(1)
    cells = {line: f"{random.getrandbits(200):x}" for line in range(2, 30_002)}
    rows_of_it = [f'<row r="1">{text("id").format(at="A1")}{text("note").format(at="B1")}</row>']
    for line, said in cells.items():
        numbered = f' r="{line}"' if line % 7 else ""
        error = f'<c r="B{line}" t="e"><v>#N/A</v></c>' if line % 100 == 0 else text(said).format(at=f"B{line}")
        rows_of_it.append(f'<row{numbered} ht="15"><c r="A{line}"><v>{line}</v></c>{error}</row>')
        if line == 29_000:
            rows_of_it.append(late)
    raw = workbook(One="".join(rows_of_it))
    assert len(raw) > sheets.SHARED_FROM
    return raw, {line: (str(line), "#N/A" if line % 100 == 0 else said) for line, said in cells.items()}


@pytest.mark.parametrize("late", ["", '<!-- <row r="3"> -->'], ids=["plain", "with a comment"])
def test_a_large_sheet_is_read_in_parts_and_comes_whole_and_in_order(late: str) -> None:
    raw, said = large_sheet(late=late)
    found = rows(raw)
    assert list(found) == list(said)
    assert found == said


def test_a_large_sheet_that_is_damaged_near_its_end_is_refused() -> None:
    raw, _ = large_sheet(late='<row r="29001"><c r="A29001" t="s"><v>x</v></c></row>')
    with pytest.raises(FileProblem) as refused:
        rows(raw)
    assert refused.value.code == "damaged_file"
