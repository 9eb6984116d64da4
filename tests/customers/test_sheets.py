"""Cells of workbooks as people see them, whichever way a child process hands them on."""

import io
from random import Random

import pytest

from customers.files import reading
from customers.files.pieces import cell_name
from customers.files.schema import NoRows
from tests.customers.test_formats import looked_at, rows
from tests.customers.workbooks import number, sheet, text, workbook


@pytest.mark.parametrize("decimal", [".", ","])
def test_a_column_of_numbers_has_the_digits_that_spreadsheets_show(decimal: str) -> None:
    random = Random(1)
    numbers = [
        0.0,
        0.1 + 0.2,
        1 / 3,
        -1e-5,
        9.7e-5,
        0.0001,
        1e-7,
        5e-324,
        999_999_999_999_999.0,
        -2.5,
        123456789012345.6,
    ]
    numbers += [random.uniform(-1, 1) * 10.0 ** random.randint(-12, 14) for _ in range(500)]
    numbers += [round(one, random.randint(0, 6)) for one in numbers]
    cells = {line: [number(repr(one))] for line, one in enumerate(numbers, start=2)}
    raw = workbook(People=sheet({1: [text("customer id")], **cells}))
    seen = [str(int(one)) if one.is_integer() else f"{one:.15g}".replace(".", decimal) for one in numbers]
    assert [found for (found,) in rows(raw, decimal=decimal).values()] == seen


def test_gaps_in_a_column_of_numbers_and_odd_signs_in_texts_stay_what_they_are() -> None:
    said = {
        1: [text("customer id"), text("age"), text("city")],
        2: [text("a"), number(33), text("Lyon")],
        3: [text("b"), "", text("Bern_x001E_Nord")],
        4: [text("c"), number(54.5), text("Wien")],
    }
    found = rows(workbook(People=sheet(said)))
    assert found == {2: ("a", "33", "Lyon"), 3: ("b", None, "Bern\x1eNord"), 4: ("c", "54.5", "Wien")}


def test_a_sheet_with_a_single_row_is_no_table_where_another_has_one() -> None:
    title, people = sheet({1: [text("Read me")]}), sheet({1: [text("customer id")], 2: [text("a")]})
    assert looked_at(workbook(Notes=title, People=people, Others=people)).dialect.sheet == "People"
    assert rows(workbook(Notes=title, People=people)) == {2: ("a",)}
    with pytest.raises(NoRows):
        looked_at(workbook(Notes=title, Empty=sheet({})))
    with pytest.raises(NoRows):
        looked_at(workbook(Notes=title, People=people), sheet="Notes")


@pytest.mark.parametrize(
    ("cell", "is_plain"),
    [("Lyon", True), (" Lyon", False), ("Lyon ", False), ("Lyon, Rhône", False), ('"Lyon"', False), ("Ly\non", False)],
)
def test_texts_that_need_neither_stripping_nor_quoting_are_known_as_such(cell: str, is_plain: bool) -> None:
    people = {line: [text(f"c{line}"), text(cell), number(line)] for line in range(2, 5)}
    raw = workbook(People=sheet({1: [text("customer id"), text("city"), text("age")], **people}))
    found = io.BytesIO(raw)
    (piece,) = reading.read_table(found, looked_at(raw).dialect, 3)
    assert piece.is_plain == is_plain
    assert piece.rows[cell_name(1)].to_list() == [cell] * 3
