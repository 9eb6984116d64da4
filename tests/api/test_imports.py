"""Programs import files: sent in one request, followed until the end, with rejected rows given back."""

import csv
import io
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from customers.models import Customer, Import, ImportStatus, RejectedRow
from segmentation_site.http.requests import FORM_BYTES
from tests import given
from tests.api.answers import pointers, problem
from tests.api.calling import Caller, data

IMPORTS = "/imports"
AGES = b"id,age\n1,30\n2,40\n"
ENDED = {"done", "failed", "cancelled"}

pytestmark = pytest.mark.django_db


class Importer(Caller):
    """A program that imports."""

    def __init__(self) -> None:
        super().__init__("imports:write")

    def send(self, content: bytes = AGES, name: str = "ages.csv", fields: dict[str, str] | None = None) -> Any:
        """The answer to an upload with these fields."""
        form = {"file": SimpleUploadedFile(name, content), **(fields or {})}
        return self._client.post(f"/api/v1{IMPORTS}", form)

    def follow(self, address: str) -> dict[str, Any]:
        """The import once it has ended."""

        def look() -> dict[str, Any] | None:
            one: dict[str, Any] = data(self.get(address))
            return one if one["status"] in ENDED else None

        ended = given.eventually(look, what=f"the end of {address}")
        assert ended is not None
        return ended


@pytest.mark.usefixtures("worker")
def test_the_mall_is_imported_by_a_program_and_again_without_a_change(mall_file: Path) -> None:
    importer = Importer()
    answer = importer.send(mall_file.read_bytes(), "Mall_Customers.csv")
    started = data(answer, 202)
    assert answer["Location"] == f"http://testserver/api/v1/imports/{started['id']}"
    one = importer.follow(answer["Location"])
    assert (one["status"], one["error"]) == ("done", None)
    counts = ["rows", "created", "updated", "unchanged", "rejected"]
    assert [one[name] for name in counts] == [200, 200, 0, 0, 0]
    assert Customer.objects.count() == 200
    again = importer.follow(importer.send(mall_file.read_bytes())["Location"])
    assert [again[name] for name in counts] == [200, 0, 0, 200, 0]


@pytest.mark.usefixtures("worker")
def test_rejected_rows_come_back_as_csv_with_their_lines_and_reasons() -> None:
    importer = Importer()
    rows = b"id,name,age,city\n1,x,30,Paris\n,x,40,=1+1\n3,x,old,-5\n"
    mapping = '{"name": ""}'
    one = importer.follow(importer.send(rows, fields={"mapping": mapping})["Location"])
    assert (one["status"], one["rows"], one["created"], one["rejected"]) == ("done", 3, 1, 2)
    answer = importer.get(f"{IMPORTS}/{one['id']}/rejects")
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert one["id"] in answer["Content-Disposition"]
    text = b"".join(answer.streaming_content).decode("utf-8-sig")
    header, *rejected = list(csv.reader(io.StringIO(text)))
    assert header == ["id", "name", "age", "city", "Rejected line", "Rejected field", "Rejected because"]
    # A spreadsheet would carry out =1+1; a number stays one.
    assert [row[:5] for row in rejected] == [["", "x", "40", "'=1+1", "3"], ["3", "x", "old", "-5", "4"]]
    assert [row[5] for row in rejected] == ["external_id", "age"]
    assert all(row[6] for row in rejected)


@pytest.mark.usefixtures("worker")
def test_a_dry_run_counts_and_changes_nothing() -> None:
    importer = Importer()
    one = importer.follow(importer.send(fields={"dry_run": "true"})["Location"])
    assert (one["dry_run"], one["status"], one["rows"], one["created"]) == (True, "done", 2, 2)
    assert not Customer.objects.exists()


@pytest.mark.usefixtures("worker")
def test_an_import_that_only_updates_gives_unknown_customers_back() -> None:
    importer = Importer()
    importer.follow(importer.send()["Location"])
    one = importer.follow(importer.send(b"id,age\n1,31\n9,50\n", fields={"mode": "update"})["Location"])
    assert (one["mode"], one["updated"], one["rejected"]) == ("update", 1, 1)
    assert not Customer.objects.filter(external_id="9").exists()


def test_an_import_has_the_fields_of_the_interface() -> None:
    one = data(Importer().send(), 202)
    row = Import.objects.get()
    assert one == {
        "id": row.public_id,
        "import": row.public_id,
        "kind": "customers",
        "mode": "upsert",
        "key": "external_id",
        "empty_cells": "leave",
        "dry_run": False,
        "file_name": "ages.csv",
        "status": "queued",
        "phase": "",
        "progress_done": 0,
        "progress_total": None,
        "rows": None,
        "created": None,
        "updated": None,
        "unchanged": None,
        "rejected": None,
        "seconds": None,
        "created_at": row.created_at.isoformat().replace("+00:00", "Z"),
        "finished_at": None,
        "error": None,
    }


def test_imports_are_listed_page_by_page_the_newest_first() -> None:
    importer = Importer()
    sent = [data(importer.send(), 202)["id"] for _ in range(5)]
    assert [one["id"] for one in importer.pull(IMPORTS, {"page_size": 2})] == sent[::-1]
    first = data(importer.get(IMPORTS, {"page_size": 2}))
    sent.append(data(importer.send(), 202)["id"])
    second = data(importer.get(first["next"]))
    # What came in between neither repeats nor hides an import.
    assert [one["id"] for one in first["results"] + second["results"]] == [sent[4], sent[3], sent[2], sent[1]]


def test_an_import_that_waits_is_cancelled_at_once_and_only_once() -> None:
    importer = Importer()
    address = f"{IMPORTS}/{data(importer.send(), 202)['id']}"
    assert data(importer.post(f"{address}/cancel"), 202)["status"] == "cancelled"
    assert data(importer.get(address))["finished_at"]
    problem(importer.post(f"{address}/cancel"), 409, "not_active")


def test_what_an_import_is_asked_for_beside_an_end_is_refused() -> None:
    importer = Importer()
    address = f"{IMPORTS}/{data(importer.send(), 202)['id']}"
    for deed in ("cancel", "undo"):
        answer = importer.post(f"{address}/{deed}", {"dry_run": True})
        assert pointers(problem(answer, 400, "invalid_request")) == {"/dry_run": "unknown_field"}


def test_a_file_that_somebody_is_still_mapping_on_the_pages_can_be_thrown_away() -> None:
    importer = Importer()
    data(importer.send(), 202)
    Import.objects.update(status=ImportStatus.UPLOADED)
    row = Import.objects.get()
    assert data(importer.post(f"{IMPORTS}/{row.public_id}/cancel"), 202)["status"] == "cancelled"
    assert not row.file.storage.exists(str(row.file.name))


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"", 400, "empty_file"),
        (b"id,age\n", 400, "no_rows"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", 415, "not_text"),
        (b"age,city\n30,Paris\n", 400, "no_id_column"),
        (b"id,id\n1,2\n", 400, "duplicate_header"),
    ],
)
def test_a_file_that_is_no_table_of_customers_is_refused_and_not_kept(content: bytes, status: int, code: str) -> None:
    document = problem(Importer().send(content), status, code)
    assert pointers(document)
    assert not Import.objects.exists()


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"mode": "replace"}, "/mode"),
        ({"kind": "elephants"}, "/kind"),
        ({"mapping": "age"}, "/mapping"),
        ({"mapping": "[1]"}, "/mapping"),
        ({"mapping": '{"age": 1}'}, "/mapping"),
        ({"mapping": '{"age": "height"}'}, "/mapping"),
        ({"mapping": '{"years": "age"}'}, "/mapping"),
        ({"mapping": "{" * 5000}, "/mapping"),
        ({"source": "a shop " * 20}, "/source"),
        ({"source": "a\0shop"}, "/source"),
        ({"reading": '{"sheet": "\\u0000"}'}, "/reading"),
        ({"reading": '{"sheet": 1}'}, "/reading"),
        ({"reading": '{"factors": {"a\\u0000ge": 2}}'}, "/reading"),
        ({"dry_run": "yes"}, "/dry_run"),
        ({"dryrun": "true"}, "/dryrun"),
        ({"a/b~c": "1"}, "/a~1b~0c"),
    ],
)
def test_a_field_that_cannot_be_is_named(fields: dict[str, str], pointer: str) -> None:
    answer = Importer().send(fields=fields)
    document = problem(answer, 400, answer.json()["code"])
    assert list(pointers(document)) == [pointer]
    assert not Import.objects.exists()


def test_every_field_that_cannot_be_is_told_at_once() -> None:
    client = Importer()._client
    twice = [SimpleUploadedFile("a.csv", AGES), SimpleUploadedFile("b.csv", AGES)]
    answer = client.post("/api/v1/imports", {"file": twice, "mode": ["create", "update"], "colour": "red"})
    told = pointers(problem(answer, 400, "invalid_request"))
    assert told == {"/mode": "repeated_field", "/colour": "unknown_field", "/file": "repeated_field"}
    answer = client.post("/api/v1/imports", {"file": "id,age", "mode": SimpleUploadedFile("a.csv", AGES)})
    assert pointers(problem(answer, 400, "invalid_request")) == {"/file": "invalid", "/mode": "invalid"}
    answer = client.post("/api/v1/imports", {"mode": "create"})
    assert pointers(problem(answer, 400, "invalid_request")) == {"/file": "required"}


def test_more_than_can_be_imported_is_refused_before_it_is_read_whoever_sends_it(settings: Any, viewer: User) -> None:
    settings.IMPORT_MAX_BYTES = 1000
    content = AGES.ljust(FORM_BYTES + 1001, b"\n")
    problem(Importer().send(content), 413, "file_too_large")
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(viewer)
    browser.cookies["csrftoken"] = "x" * 32
    problem(browser.post("/api/v1/imports", {"file": SimpleUploadedFile("a.csv", content)}), 413, "file_too_large")
    problem(browser.post("/api/v1/imports", {"file": SimpleUploadedFile("a.csv", AGES)}), 403, "permission_denied")


def test_the_name_of_a_file_is_only_a_name() -> None:
    one = data(Importer().send(name="../../etc/pass\u202ewd.csv"), 202)
    assert one["file_name"] == "passwd.csv"
    assert ".." not in str(Import.objects.get().file.name)


def test_rejects_are_streamed_in_the_order_of_the_file() -> None:
    importer = Importer()
    data(importer.send(), 202)
    row = Import.objects.get()
    RejectedRow.objects.bulk_create(
        RejectedRow(source_import=row, line=line, reasons=[{"field": "age", "code": "x", "detail": "No."}], cells={})
        for line in range(5002, 1, -1)
    )
    answer = importer.get(f"{IMPORTS}/{row.public_id}/rejects")
    assert answer.streaming
    lines = list(csv.reader(io.StringIO(b"".join(answer.streaming_content).decode("utf-8-sig"))))
    assert [int(line[-3]) for line in lines[1:]] == list(range(2, 5003))


def test_a_list_of_imports_costs_as_many_queries_for_twenty_as_for_ten(
    django_assert_max_num_queries: Any,
) -> None:
    importer = Importer()
    for _ in range(20):
        importer.send()
    importer.get(IMPORTS)
    for size in (10, 20):
        with django_assert_max_num_queries(2):
            assert len(data(importer.get(IMPORTS, {"page_size": size}))["results"]) == size
