"""Importing from the command line: one JSON object, or words; and an exit code that a script can rely on."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from customers.models import Customer, Import
from tests.customers.given import values

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Any:
    def call(*arguments: object) -> dict[str, Any]:
        call_command(*map(str, arguments), "--json")
        out = capsys.readouterr().out
        assert out.count("\n") == 1, "one JSON object and nothing else"
        found: dict[str, Any] = json.loads(out)
        return found

    return call


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "people.csv"
    path.write_text("id,points,age\n1,30,20\n2,x,30\n")
    return path


def test_it_prints_what_the_interface_promises(run: Any, mall_file: Path) -> None:
    first, again = run("import_customers", mall_file), run("import_customers", mall_file)
    assert set(first) >= {"import", "status", "rows", "created", "updated", "unchanged", "rejected", "seconds"}
    assert (first["status"], first["rows"], first["created"], first["rejected"]) == ("done", 200, 200, 0)
    assert (again["created"], again["unchanged"]) == (0, 200)
    assert Import.objects.filter(public_id=first["import"], status="done").exists()


def test_headers_are_mapped_and_rows_told(run: Any, file: Path) -> None:
    report = run("import_customers", file, "--map", "points=spending_score", "--map", "age=")
    assert (report["created"], report["rejected"]) == (1, 1)
    assert values("spending_score") == {"1": 30}
    assert values("age") == {"1": None}


def test_a_factor_after_the_attribute_multiplies_exactly(run: Any, file: Path) -> None:
    file.write_text("id,points\n1,0.57\n2,1.1\n3,0.29\n")
    run("import_customers", file, "--map", "points=spending_score*100")
    assert values("spending_score") == {"1": 57, "3": 29}
    run("import_customers", file, "--map", "points=spending_score * 1,0e1")
    assert values("spending_score") == {"1": 5.7, "2": 11, "3": 2.9}


def test_without_json_people_read_counts_and_reasons(file: Path) -> None:
    out = io.StringIO()
    call_command("import_customers", str(file), "--map", "points=spending_score", stdout=out)
    assert "2 rows: 1 created, 0 updated, 0 unchanged, 1 rejected." in out.getvalue()
    assert "line 3: spending_score: “x” is not a number." in out.getvalue()


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["nothing-here.csv"], 2, "cannot be read"),
        (["{file}", "--map", "points"], 2, "HEADER=target"),
        (["{file}", "--map", "points=shoe_size"], 2, "shoe_size"),
        (["{empty}"], 1, "This file is empty"),
    ],
)
def test_what_cannot_be_imported_is_told_by_words_and_exit_code(
    file: Path, tmp_path: Path, arguments: list[str], code: int, told: str
) -> None:
    (tmp_path / "empty.csv").touch()
    filled = [one.format(file=file, empty=tmp_path / "empty.csv") for one in arguments]
    with pytest.raises(CommandError) as refused:
        call_command("import_customers", *filled)
    assert refused.value.returncode == code
    assert told in str(refused.value)
    assert not Customer.objects.exists()


def test_demo_customers_go_through_the_real_importer_and_one_in_a_hundred_is_bad() -> None:
    out = io.StringIO()
    call_command("seed_demo", "--customers", "1000", "--seed", "3", stdout=out)
    one = Import.objects.get()
    assert (one.rows, one.created, one.rejected) == (1000, 990, 10)
    before = values("annual_income")
    call_command("seed_demo", "--customers", "1000", "--seed", "3", stdout=out)
    assert Import.objects.order_by("-pk")[0].unchanged == 990
    assert values("annual_income") == before


def test_ctrl_c_cancels_and_keeps_nothing(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from customers import importing

    def interrupted(*args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(importing, "_check_and_stage", interrupted)
    with pytest.raises(KeyboardInterrupt):
        call_command("import_customers", str(file))
    assert Import.objects.get().status == "cancelled"
    assert not Customer.objects.exists()
