"""Files as they come out of programs: each is read as it was meant, or refused with what to do."""

import csv
import io
import string
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from customers.models import Customer, Import, RejectedRow
from customers.problems import ImportProblem
from tests.customers.given import counts, imported, started, values, why

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize(
    ("content", "code", "told"),
    [
        (b"", "empty_file", "This file is empty. Choose a file with a header"),
        (b" \r\n\r\n", "empty_file", "This file is empty"),
        (b"id,age\n", "no_rows", "has a header (id, age) but no rows"),
        (b"foo,bar\nx,y\n", "no_id_column", "Its columns are: foo, bar. Name one of them customer_id"),
        (b"19,Male,1\n19,Male,2\n", "no_header", "looks like a row (19, Male, 1)"),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20, "not_text", "not a CSV file"),
        (b"\x7fELF" + bytes(range(256)) * 9, "not_text", "not a CSV file"),
        (b"id,age,age\n1,2,3\n", "duplicate_header", "stands over more than one column"),
    ],
)
def test_what_is_no_table_of_customers_is_refused_at_once_and_nothing_is_kept(
    content: bytes, code: str, told: str
) -> None:
    with pytest.raises(ImportProblem) as refused:
        started(content)
    assert refused.value.code == code
    assert told in refused.value.detail
    assert not Import.objects.exists()


@pytest.mark.parametrize(
    ("mapping", "code"),
    [
        ({"Nonsense": "age"}, "unknown_header"),
        ({"points": "shoe_size"}, "unknown_target"),
        ({"points": "age"}, "target_taken_twice"),
    ],
)
def test_a_mapping_that_cannot_be_is_refused(mapping: dict[str, str], code: str) -> None:
    with pytest.raises(ImportProblem) as refused:
        started("id,years,points\n1,30,40\n", mapping=mapping | {"years": "age"})
    assert (refused.value.code, refused.value.pointer) == (code, "/mapping")
    assert not Import.objects.exists()


def test_without_a_header_ids_and_words_that_can_mean_one_thing_only_are_recognised() -> None:
    imported("7,male,1,a@b.co,30\n8,Female,0,,31\n9,female,1,c@d.co,32\n")
    assert values("gender") == {"7": "male", "8": "female", "9": "female"}
    assert values("email") == {"7": "a@b.co", "8": "", "9": "c@d.co"}
    assert set(values("consent").values()) == {"unknown"}


def test_texts_that_were_written_safe_for_spreadsheets_come_back_as_they_were() -> None:
    imported("id,first name,city,email\n1,'=1+1,'s-Gravenhage,'-a@b.co\n2,'+x,'@y,\n")
    assert values("first_name") == {"1": "=1+1", "2": "+x"}
    assert values("city") == {"1": "'s-Gravenhage", "2": "@y"}
    assert values("email")["1"] == "-a@b.co"


def test_a_mapping_says_what_unknown_headers_mean_and_leaves_columns_out() -> None:
    imported("number,lifetime,age\n7,33,1\n", mapping={"number": "external_id", "lifetime": "age", "age": ""})
    assert values("age") == {"7": 33}


@pytest.mark.parametrize(
    ("content", "income"),
    [
        (b"id;annual income\n1;1.234,5\n2;7,25\n", {"1": 1234.5, "2": 7.25}),
        (b"id\tannual income\n1\t1,234.5\n", {"1": 1234.5}),
        (b"id|income\n1|15\n", {"1": 15}),
        (b"sep=;\nid;income\n1;15\n", {"1": 15}),
        ("\ufeffid,income\r\n1,15\r\n".encode(), {"1": 15}),
        (b"id,income\r1,15\r2,16\r", {"1": 15, "2": 16}),
        ("id,income\n1,15\n".encode("utf-16"), {"1": 15}),
        (b"id,Annual income ($)\n1,15000\n", {"1": 15}),
        (b"ID , INCOME \n1,15\n", {"1": 15}),
        (b"id,income\n\n1,15\n,\n2,n/a\n", {"1": 15, "2": None}),
    ],
)
def test_spellings_of_programs_and_countries_are_read_as_they_were_meant(
    content: bytes, income: dict[str, float | None]
) -> None:
    imported(content)
    assert values("annual_income") == income


def test_names_in_windows_1252_keep_their_letters() -> None:
    imported("id,first name,city\n1,Zoë,Köln\n".encode("cp1252"))
    assert values("city") == {"1": "Köln"}


def test_quoted_cells_may_hold_delimiters_quotes_and_lines() -> None:
    one = imported('id,first name,last name,age\n1,"Ann, ""the"" first","two\nlines",30\n2,5" pipe,x,31\n3,Bo,y,32\n')
    assert counts(one)[3] == 0
    assert values("first_name") == {"1": 'Ann, "the" first', "2": '5" pipe', "3": "Bo"}
    assert values("last_name")["1"] == "two\nlines"


def test_a_row_of_another_width_and_an_open_quotation_mark_cost_only_themselves() -> None:
    one = imported('id,first name,age\n1,Ann,30\n2,Bo\n3,Cy,32,extra\n4,"Di,33\n5,Ed,34\n')
    assert why(one) == {3: {"too_few_cells"}, 4: {"too_many_cells"}, 5: {"bad_quotes"}}
    assert set(values("age")) == {"1", "5"}


def test_empty_cells_beyond_the_header_say_nothing_and_a_full_one_costs_its_row() -> None:
    one = imported(
        'id,first name,age\n1,Ann,30,\n2,Bo,,,\n3,Cy,32,,lost\n4,"Di, the ""2nd""",34,,\n5,"Ed\nEd",35,,lost\n6,F,36\n'
    )
    assert why(one) == {4: {"too_many_cells"}, 6: {"too_many_cells"}}
    assert values("age") == {"1": 30, "2": None, "4": 34, "6": 36}


def test_hostile_cells_are_text_and_nothing_else() -> None:
    hostile = ["=cmd()", "<script>alert(1)</script>", "'; DROP TABLE customers_customer; --", "{external_id}", "%s"]
    lines = "".join(f'{number},"{text}"\n' for number, text in enumerate(hostile))
    one = imported(f"id,first name\n{lines}9,with\0nul\n")
    assert values("first_name") == {str(number): text for number, text in enumerate(hostile)}
    assert why(one) == {7: {"unreadable"}}


def test_a_date_that_can_be_read_in_two_ways_is_asked_for_and_not_guessed() -> None:
    one = imported("id,birth date\n1,2001-02-03\n2,03/04/2001\n")
    assert why(one) == {3: {"ambiguous_date"}}
    other = imported("id,birth date\n3,03/04/2001\n4,25/04/2001\n")
    assert counts(other)[3] == 0
    assert {number: str(date) for number, date in values("birth_date").items()} == {
        "1": "2001-02-03",
        "3": "2001-04-03",
        "4": "2001-04-25",
    }


# Of at most 28 lines in a row of four, within what a row may have.
CELL = st.text(alphabet=string.ascii_letters + string.digits + " ,;\"\n\r\t.'=<é", max_size=7)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    rows=st.lists(st.lists(CELL, min_size=1, max_size=4), min_size=1, max_size=12),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
)
def test_every_row_of_any_file_is_saved_or_given_back_or_blank(rows: list[list[str]], quoting: Any) -> None:
    RejectedRow.objects.all().delete()
    Customer.objects.all().delete()
    file = io.StringIO()
    csv.writer(file, quoting=quoting).writerows([["id", "first name", "age"], *rows])
    said = [row for row in rows if any(cell.strip() for cell in row)]
    if not said:
        with pytest.raises(ImportProblem, match="no rows"):
            started(file.getvalue())
        return
    one = imported(file.getvalue())
    assert one.rows == len(said)
    assert Customer.objects.count() + RejectedRow.objects.filter(source_import=one).count() == len(said)
    assert Customer.objects.count() == one.created
