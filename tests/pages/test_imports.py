"""Importing through pages: upload, map, start, follow, read the report."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.utils import timezone

from customers import undoing
from customers.models import Customer, Import, ImportStatus, RejectedRow, Undo
from segmentation_site.jobs import leases
from segmentation_site.jobs.models import JobStatus
from tests.pages.given import carried_out, upload, uploaded

SignIn = Callable[[User], Client]
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def browser(signed_in: SignIn, analyst: User) -> Client:
    return signed_in(analyst)


def test_the_malls_own_headers_are_recognised(browser: Client, mall_file: Path) -> None:
    _, page, address = upload(browser, mall_file.read_bytes(), "Mall_Customers.csv")
    assert address.endswith("/map")
    one = Import.objects.get()
    assert one.status == ImportStatus.UPLOADED
    assert one.mapping == {
        "CustomerID": "external_id",
        "Gender": "gender",
        "Age": "age",
        "Annual Income (k$)": "annual_income",
        "Spending Score (1-100)": "spending_score",
    }
    assert "Start the import" in page
    assert "disabled" not in page


def test_start_queues_the_import_with_what_was_chosen(browser: Client) -> None:
    one = uploaded(browser, b"id,points,age\n1,30,20\n2,40,30\n")
    choices = {"column_0": "external_id", "column_1": "spending_score", "column_2": "", "mode": "create"}
    response = browser.post(f"/imports/{one.public_id}/map", {**choices, "start": "yes"})
    one.refresh_from_db()
    assert response["Location"] == f"/imports/{one.public_id}"
    assert (one.status, one.mode) == (JobStatus.QUEUED, "create")
    assert one.mapping == {"id": "external_id", "points": "spending_score"}
    assert Customer.objects.count() == 0


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "This file is empty"),
        (b"\n \n", "This file is empty"),
        (b"id,age\n", "no rows"),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20, "not a CSV file"),
        (b"id,age,age\n1,2,3\n", "more than one column"),
    ],
)
def test_a_file_that_is_no_table_is_refused_with_a_reason_and_nothing_kept(
    browser: Client, content: bytes, told: str
) -> None:
    status, page, address = upload(browser, content)
    assert (status, address) == (422, "/imports/new")
    assert told in page
    assert not Import.objects.exists()


def test_no_file_at_all_is_told(browser: Client) -> None:
    response = browser.post("/imports/new", {})
    assert response.status_code == 422
    assert "No file was chosen" in response.content.decode()


def test_names_of_files_and_columns_are_text_and_nothing_else(browser: Client) -> None:
    evil = '"><img src=x onerror=alert(1)>'
    _, page, _ = upload(browser, f'id,"{evil.replace(chr(34), chr(34) * 2)}"\n1,2\n'.encode(), f"{evil}.csv")
    assert "<img" not in page
    assert "&lt;img" in page


def test_a_file_thrown_away_is_gone(browser: Client) -> None:
    one = uploaded(browser, b"id,age\n1,20\n")
    stored = one.file.storage
    name = str(one.file.name)
    page = browser.post(f"/imports/{one.public_id}/cancel", follow=True).content.decode()
    assert "is thrown away. Nothing was imported." in page
    assert not stored.exists(name)


def test_the_same_file_again_says_when_it_came_in_before(browser: Client) -> None:
    first = uploaded(browser, b"id,age\n1,20\n")
    Import.objects.filter(pk=first.pk).update(status="done", rows=1, finished_at=timezone.now())
    page = upload(browser, b"id,age\n1,20\n", "another-name.csv")[1]
    assert "The same file came in before." in page
    assert f"/imports/{first.public_id}" in page


def finished(**values: object) -> Import:
    return Import.objects.create(
        **{
            "file_name": "customers.csv", "status": "done", "rows": 10, "created": 7, "updated": 1, "unchanged": 0,
            "rejected": 2, "mapping": {"CustomerID": "external_id", "Age": "age"}, **values,
        }
    )  # fmt: skip


def test_the_report_says_what_became_of_each_row(browser: Client) -> None:
    one = finished()
    for line in (3, 7):
        RejectedRow.objects.create(
            source_import=one,
            line=line,
            reasons=[{"field": "age", "code": "above_maximum", "detail": "“190” is above 130."}],
            cells={"CustomerID": str(line), "Age": "190"},
        )
    response = browser.get(f"/imports/{one.public_id}")
    page = response.content.decode()
    assert [bar.count for bar in response.context["reasons"]] == [2]
    assert "Age, for example: “190” is above 130." in page
    assert page.count('class="cell-wrong"') == 2


@pytest.mark.parametrize(
    ("state", "is_saved"),
    [({}, True), ({"is_dry_run": True}, False), ({"status": ImportStatus.UNDONE}, False)],
    ids=["imported", "only checked", "taken back"],
)
def test_rows_are_said_to_be_saved_where_they_are(browser: Client, state: dict[str, object], is_saved: bool) -> None:
    page = browser.get(f"/imports/{finished(rejected=1, **state).public_id}").content.decode()
    assert ("The good rows were saved." in page) is is_saved
    assert "Mend these in your file" in page


def test_rejected_rows_leave_as_csv_that_no_spreadsheet_carries_out(browser: Client) -> None:
    one = finished(rejected=1)
    RejectedRow.objects.create(
        source_import=one,
        line=5,
        reasons=[{"field": "age", "code": "not_a_number", "detail": "“=1+1” is not a number."}],
        cells={"CustomerID": "-5", "Age": "=1+1"},
    )
    response = browser.get(f"/imports/{one.public_id}/rejects")
    lines = response.getvalue().decode().splitlines()
    assert lines == [
        "Age,CustomerID,Rejected line,Rejected field,Rejected because",
        "'=1+1,-5,5,age,“=1+1” is not a number.",
    ]


def test_progress_is_a_fragment_that_ends_by_reloading_the_page(browser: Client) -> None:
    one = finished(status="running", started_at=timezone.now(), progress_done=50, progress_total=200)
    fragment = browser.get(f"/imports/{one.public_id}/progress", headers={"HX-Request": "true"})
    text = fragment.content.decode()
    assert 'aria-valuenow="25"' in text
    assert "50 of 200 rows" in text
    assert "HX-Refresh" not in fragment
    Import.objects.filter(pk=one.pk).update(status="done")
    assert browser.get(f"/imports/{one.public_id}/progress")["HX-Refresh"] == "true"


def test_a_failed_import_says_what_happened_and_that_nothing_changed(browser: Client) -> None:
    one = finished(status="failed", error_code="disk", error_detail="There was no room left on the disk.")
    page = browser.get(f"/imports/{one.public_id}").content.decode()
    assert "No customer was changed." in page
    assert "There was no room left on the disk." in page


def test_the_list_is_searched_filtered_and_paged_by_its_address(browser: Client) -> None:
    for number in range(60):
        finished(file_name=f"spring-{number}.csv", status="failed" if number % 2 else "done")
    finished(file_name="autumn.csv")
    page = browser.get("/imports/?search=spring")
    assert "autumn.csv" not in page.content.decode()
    further = browser.get("/imports/" + page.context["page"].next_url)
    seen = [one.pk for one in [*page.context["page"].rows, *further.context["page"].rows]]
    assert len(seen) == len(set(seen)) == 60
    failed = browser.get("/imports/?search=spring&status=failed").context["page"].rows
    assert {one.status for one in failed} == {"failed"}
    assert "No import matches" in browser.get("/imports/?search=winter%00").content.decode()


def test_a_viewer_sees_nothing_of_imports(signed_in: SignIn, viewer: User) -> None:
    one = finished()
    browser = signed_in(viewer)
    for address in ("/imports/", "/imports/new", f"/imports/{one.public_id}", f"/imports/{one.public_id}/rejects"):
        assert browser.get(address).status_code == 403
    assert Client().get("/imports/")["Location"].startswith("/accounts/login/")


def test_the_template_can_be_imported(browser: Client) -> None:
    template = b"".join(browser.get("/imports/template/customers.csv"))
    one = uploaded(browser, template)
    assert len(one.mapping) == len(template.splitlines()[0].split(b","))


def test_checking_saves_nothing_and_offers_to_import_it_now(browser: Client) -> None:
    one = uploaded(browser, b"id,age\n1,20\n2,x\n")
    browser.post(f"/imports/{one.public_id}/map", {"column_0": "external_id", "column_1": "age", "check": "yes"})
    carried_out(one)
    page = browser.get(f"/imports/{one.public_id}").content.decode()
    assert "This was a dry run." in page
    assert not Customer.objects.exists()
    answer = browser.post(f"/imports/{one.public_id}/again")
    again = carried_out(Import.objects.get(public_id=answer["Location"].split("/")[2]))
    assert (again.is_dry_run, again.created, again.rejected) == (False, 1, 1)


def test_rejected_rows_that_were_mended_can_be_imported_as_they_are(browser: Client) -> None:
    one = uploaded(browser, b"id,points,city\n1,x,=Lyon\n2,5,Paris\n")
    choices = {"column_0": "external_id", "column_1": "spending_score", "column_2": "city"}
    browser.post(f"/imports/{one.public_id}/map", {**choices, "start": "yes"})
    carried_out(one)
    rejects = b"".join(browser.get(f"/imports/{one.public_id}/rejects"))
    mended = uploaded(browser, rejects.replace(b",x,", b",7,", 1).replace(b"1,x", b"1,7", 1))
    assert mended.mapping == {"id": "external_id", "points": "spending_score", "city": "city"}
    browser.post(f"/imports/{mended.public_id}/map", {**choices, "start": "yes"})
    assert carried_out(mended).created == 1
    assert Customer.objects.get(external_id="1").city == "=Lyon"


def test_an_undo_says_what_it_will_do_and_does_it(browser: Client) -> None:
    one = uploaded(browser, b"id,age\n1,20\n2,30\n")
    browser.post(f"/imports/{one.public_id}/map", {"column_0": "external_id", "column_1": "age", "start": "yes"})
    carried_out(one)
    page = browser.get(f"/imports/{one.public_id}").content.decode()
    assert f"/imports/{one.public_id}/undo" in page
    asked = browser.get(f"/imports/{one.public_id}/undo").content.decode()
    assert "Undo this import?" in asked
    page = browser.post(f"/imports/{one.public_id}/undo", follow=True).content.decode()
    assert "progressbar" in page
    undo = Undo.objects.get()
    leases.carry_out(Undo, undo.pk, undoing.execute)
    page = browser.get(f"/imports/{one.public_id}").content.decode()
    assert "This import was taken back." in page
    assert "2 customers are gone again." in page
    assert "purchase" not in page[page.index("This import was taken back.") :][:300]
    assert not Customer.objects.exists()
    assert "it was taken back already" in browser.get(f"/imports/{one.public_id}/undo").content.decode()


def test_a_page_that_is_made_while_an_undo_ends_knows_of_it(browser: Client) -> None:
    one = uploaded(browser, b"id,age\n1,20\n")
    browser.post(f"/imports/{one.public_id}/map", {"column_0": "external_id", "column_1": "age", "start": "yes"})
    carried_out(one)
    waiting = [undoing.start_undo(one, by=None, ring=False).pk]

    def first_look_then_undo(execute: Callable[..., object], statement: str, *more: object) -> object:
        answer = execute(statement, *more)
        if waiting and "customers_" in statement:
            leases.carry_out(Undo, waiting.pop(), undoing.execute)
        return answer

    with connection.execute_wrapper(first_look_then_undo):
        page = browser.get(f"/imports/{one.public_id}").content.decode()
    assert Undo.objects.get().status == JobStatus.DONE
    assert "progressbar" in page
    assert "This import was taken back." in browser.get(f"/imports/{one.public_id}").content.decode()


def test_while_an_import_is_being_taken_back_no_second_form_is_offered_and_its_end_is_told(browser: Client) -> None:
    one = uploaded(browser, b"id,age\n1,20\n")
    browser.post(f"/imports/{one.public_id}/map", {"column_0": "external_id", "column_1": "age", "start": "yes"})
    carried_out(one)
    browser.post(f"/imports/{one.public_id}/undo")
    answer = browser.get(f"/imports/{one.public_id}/undo", follow=True)
    page = answer.content.decode()
    assert "This import is being taken back already." in page
    assert f'href="/imports/{one.public_id}/undo"' not in page

    browser.post(f"/imports/{one.public_id}/undo/cancel")
    page = browser.get(f"/imports/{one.public_id}").content.decode()
    assert "Taking it back was cancelled." in page
    assert f'href="/imports/{one.public_id}/undo"' in page
    assert Customer.objects.count() == 1

    Undo.objects.update(status="failed", error_detail="There was no room left on the disk.")
    page = browser.get(f"/imports/{one.public_id}").content.decode()
    assert "the import is still there" in page
    assert "There was no room left on the disk." in page


def test_an_import_says_why_it_cannot_be_taken_back_any_more(browser: Client) -> None:
    one = finished(undoable_until=timezone.now() - timedelta(days=1))
    page = browser.get(f"/imports/{one.public_id}").content.decode()
    assert "This import cannot be undone any more: what it replaced is kept for 90 days only" in page
    assert f"/imports/{one.public_id}/undo" not in page


def test_the_history_tells_purchases_from_customers_and_checks_from_imports(browser: Client) -> None:
    finished(file_name="people.csv", is_dry_run=True)
    finished(file_name="orders.csv", kind="transactions")
    page = browser.get("/imports/").content.decode()
    assert page.count("Dry run") == 1
    assert page.count(">Purchases<") == 2
    found = browser.get("/imports/?kind=transactions").context["page"].rows
    assert [one.file_name for one in found] == ["orders.csv"]


def test_purchases_come_in_through_the_same_pages(browser: Client) -> None:
    file = SimpleUploadedFile("orders.csv", b"customer id,order id,date,amount\n1,a,2024-01-02,10\n")
    answer = browser.post("/imports/new", {"file": file, "kind": "transactions"}, follow=True)
    assert "Shop or system" in answer.content.decode()
    one = Import.objects.get()
    columns = {"column_0": "external_id", "column_1": "order_id", "column_2": "at", "column_3": "amount"}
    browser.post(f"/imports/{one.public_id}/map", {**columns, "source": "Lyon", "start": "yes"})
    assert (carried_out(one).created, one.source) == (1, "Lyon")
    template = b"".join(browser.get("/imports/template/transactions.csv"))
    assert template.startswith(b"external_id,at,amount")
