"""The same customers in every format that files come in: each is read as the others, or as people say it is."""

import gzip
import io
from typing import Any

import pytest

from customers import attributes
from customers.files import checking, mapping, reading, sampling
from customers.files.reading import LINE, cell_name
from customers.files.sampling import ReadingOptions, Sample
from customers.files.schema import BadOption, FileProblem

PEOPLE = "customer id,first name,age,joined\n1,Zoë,33,2024-03-31\n2,,54,2023-12-01\n"


def looked_at(raw: bytes, **said: Any) -> Sample:
    """The sample of a file; `said` are options as JSON has them."""
    options = ReadingOptions.from_json(said)
    return sampling.take_sample(io.BytesIO(raw), mapping.known_headers(attributes.columns()), options=options)


def rows(raw: bytes, **said: Any) -> dict[int, tuple[str | None, ...]]:
    """Line → cells of every row."""
    sample = looked_at(raw, **said)
    found = reading.read_table(io.BytesIO(raw), sample.dialect, len(sample.headers))
    names = [LINE, *(cell_name(position) for position in range(len(sample.headers)))]
    return {line: tuple(cells) for piece in found for line, *cells in piece.rows.select(names).iter_rows()}


def accepted(raw: bytes, **said: Any) -> list[dict[str, Any]]:
    """What would be saved of every good row."""
    columns = attributes.columns()
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
)
def test_a_packed_file_that_cannot_be_is_refused_with_what_to_do(packed: bytes, code: str) -> None:
    with pytest.raises(FileProblem) as refused:
        rows(packed)
    assert refused.value.code == code
    assert refused.value.remedy
