"""Customers who are erased are gone from everything that is kept, and do not come in again."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client

from customers import erasing, importing, starting, undoing, writing
from customers.models import WRITERS_LOCK, Customer, Edit, Import, RejectedRow, SavedMapping, Transaction, Undo
from segmentation_site.access.models import AuditEntry
from segmentation_site.jobs import leases
from segmentation_site.jobs.leases import Lease
from tests import given
from tests.api.calling import Caller
from tests.customers.given import carried_out, counts, imported, started, values, why

SignIn = Callable[[User], Client]
pytestmark = pytest.mark.django_db(transaction=True)
HEADER = "id,email,age\n"


def test_with_a_customer_go_purchases_earlier_values_and_places() -> None:
    imported(HEADER + "1,ada@example.org,30\n2,bob@example.org,40\n")
    imported(HEADER + "1,ada@example.org,31\n2,bob@example.org,41\n")
    imported("customer,order,date,amount\n1,a,2026-01-01,5\n2,b,2026-01-01,6\n", kind="transactions")
    assert erasing.erase(["1", "nobody"]) == ["1"]
    assert values("age") == {"2": 41}
    assert (Edit.objects.count(), Transaction.objects.count()) == (1, 1)


def test_who_was_erased_is_skipped_by_files_by_id_and_by_address_and_nothing_of_them_is_kept() -> None:
    imported(HEADER + "1,ada@example.org,30\n")
    erasing.erase(["1"])
    again = imported(HEADER + "1,,30\n7,Ada@Example.org,200\n7,ada@example.org,30\n2,bob@example.org,40\n")
    assert counts(again) == (1, 0, 0, 3)
    assert why(again) == {2: {"suppressed"}, 3: {"suppressed"}, 4: {"suppressed"}}
    assert [row.cells for row in RejectedRow.objects.all()] == [{}, {}, {}]
    assert not again.file
    assert not default_storage.exists(f"imports/{again.public_id}.upload")


def test_the_files_of_earlier_imports_go_with_whoever_is_erased() -> None:
    one = imported(HEADER + "1,ada@example.org,30\n")
    name = str(one.file.name)
    assert default_storage.exists(name)
    erasing.erase(["1"])
    assert not default_storage.exists(name)


def test_who_was_erased_is_refused_by_the_api() -> None:
    imported(HEADER + "1,ada@example.org,30\n")
    erasing.erase(["1"])
    answer = Caller("customers:write").put("/customers/1", {"age": 30})
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, "suppressed")
    (written,) = writing.write([{"external_id": "8", "email": "ADA@example.org"}])
    assert [wrong.code for wrong in written.reasons] == ["suppressed"]


def test_rejected_rows_of_whoever_is_erased_are_emptied_and_those_of_others_are_not() -> None:
    one = imported(
        HEADER + "1,ada@example.org,30\n1,ada@example.org,999\n9, ADA@example.org,-5\n3,eve@example.org,1000\n"
    )
    erasing.erase(["1"])
    left = {row.line: (row.reasons[0]["code"], row.cells) for row in RejectedRow.objects.filter(source_import=one)}
    assert {line: code for line, (code, _) in left.items()} == {3: "erased", 4: "erased", 5: "above_maximum"}
    assert [cells for _, cells in left.values()] == [{}, {}, {"id": "3", "email": "eve@example.org", "age": "1000"}]


def test_what_the_admin_noted_of_corrections_goes_too(signed_in: SignIn, admin: User) -> None:
    imported(HEADER + "1,ada@example.org,30\n2,bob@example.org,40\n")
    client = signed_in(admin)
    for one in Customer.objects.order_by("pk"):
        words = {"external_id": one.external_id, "email": one.email, "consent": "denied", "gender": "", "age": "33"}
        assert client.post(f"/admin/customers/customer/{one.pk}/change/", words).status_code == 302
    assert LogEntry.objects.filter(object_repr__contains="1").exists()
    erasing.erase(["1"])
    kept = str(Customer.objects.get().pk)
    assert set(LogEntry.objects.values_list("object_id", flat=True)) == {kept}


def test_names_of_files_and_headers_that_name_whoever_is_erased_go_too() -> None:
    imported(HEADER + "1,ada@example.org,30\n")
    for name in ("a.csv", "Of ADA@example.org.csv"):
        starting.receive(ContentFile(b"id,age\n3,50\n", name=name), by=None)
    first = Import.objects.get(file_name="a.csv")
    headers = {"1": "", "Ada@Example.org": "email", "30": ""}
    plan = {"plan": {"headers": list(headers)}}
    Import.objects.filter(pk=first.pk).update(mapping=headers, reading={"has_header": True}, params=plan)
    for mapping in (headers, {"id": "external_id"}):
        SavedMapping.objects.create(signature=str(len(mapping)), mapping=mapping)
    erasing.erase(["1"])
    first.refresh_from_db()
    assert (first.mapping, first.reading, first.params) == ({}, {}, {})
    assert not Import.objects.filter(file_name__icontains="ada").exists()
    assert [one.mapping for one in SavedMapping.objects.filter(signature__in=["1", "3"])] == [{"id": "external_id"}]


def test_a_number_that_looks_like_the_id_of_somebody_erased_empties_nobody_elses_row() -> None:
    imported(HEADER + "30,ada@example.org,30\n")
    imported(HEADER + "31,nonsense,30\n")
    erasing.erase(["30"])
    assert RejectedRow.objects.get().cells == {"id": "31", "email": "nonsense", "age": "30"}


def test_files_that_may_hold_somebody_erased_are_deleted_and_later_ones_are_not() -> None:
    before = imported(HEADER + "1,ada@example.org,30\n")
    erasing.erase(["1"])
    after = imported(HEADER + "2,bob@example.org,40\n")
    before.refresh_from_db()
    assert not before.file
    assert after.file
    assert not default_storage.exists(f"imports/{before.public_id}.upload")
    assert default_storage.exists(str(after.file))


def test_somebody_who_is_erased_while_a_file_is_on_its_way_does_not_come_in_with_it() -> None:
    imported(HEADER + "1,ada@example.org,30\n")

    def erase_elsewhere() -> None:
        erasing.erase(["1"])
        connection.close()

    class Interrupted:
        """The lease; when only the turn to write is still to come, somebody erases."""

        def __init__(self, lease: Lease[Import]) -> None:
            self.lease = lease

        def __getattr__(self, name: str) -> Any:
            return getattr(self.lease, name)

        def phase(self, name: str, *rest: Any) -> None:
            if name == "merging" and Customer.objects.filter(external_id="1").exists():
                with ThreadPoolExecutor(1) as aside:
                    aside.submit(erase_elsewhere).result()
            self.lease.phase(name, *rest)

    one = carried_out(
        started(HEADER + "1,ada@example.org,31\n2,bob@example.org,40\n"),
        lambda one, lease: importing.execute(one, cast(Lease[Import], Interrupted(lease))),
    )
    assert counts(one) == (1, 0, 0, 1)
    assert values("age") == {"2": 40}
    assert not one.file


def test_erasing_waits_for_whoever_writes_customers() -> None:
    imported(HEADER + "1,ada@example.org,30\n")
    with given.somebody_holds(f"SELECT pg_advisory_xact_lock({WRITERS_LOCK})"):
        erased = given.aside(lambda: erasing.erase(["1"]))
        given.wait_for_somebody_who_waits()
        assert Customer.objects.exists()
    assert erased.result() == ["1"]


def test_taking_back_an_import_brings_nobody_back_who_was_erased_since() -> None:
    imported(HEADER + "1,ada@example.org,30\n2,bob@example.org,40\n")
    changing = imported(HEADER + "1,ada@example.org,31\n2,bob@example.org,41\n")
    erasing.erase(["1"])
    undo = undoing.start_undo(changing, by=None, ring=False)
    leases.carry_out(Undo, undo.pk, undoing.execute)
    assert values("age") == {"2": 40}


def test_an_answer_that_names_them_is_not_given_again() -> None:
    client = Client(headers={"Authorization": f"Bearer {Caller('imports:write').secret}"})
    imported(HEADER + "1,ada@example.org,30\n2,bob@example.org,40\n")

    def asked_twice(name: str) -> str | None:
        form = {"file": SimpleUploadedFile(name, b"id,age\n3,30\n")}
        return client.post("/api/v1/imports", form, headers={"Idempotency-Key": name}).get("Idempotency-Replayed")

    assert [asked_twice("Ada@example.org.csv"), asked_twice("bob@example.org.csv")] == [None, None]
    assert erasing.erase(["1"]) == ["1"]
    assert [asked_twice("Ada@example.org.csv"), asked_twice("bob@example.org.csv")] == [None, "true"]


def test_a_key_needs_the_right_to_erase_and_unknown_customers_are_not_found() -> None:
    imported(HEADER + "1,ada@example.org,30\n")
    assert Caller("customers:write").delete("/customers/1").status_code == 403
    assert Caller("customers:erase").delete("/customers/2").status_code == 404
    assert Caller("customers:erase").delete("/customers/1").status_code == 204
    assert Caller("customers:erase").delete("/customers/1").status_code == 404


def test_the_trail_says_that_somebody_was_erased_and_not_who(admin: User, signed_in: SignIn) -> None:
    imported(HEADER + "ada-lovelace,ada@example.org,30\n")
    client, address = signed_in(admin), f"/customers/{Customer.objects.get().pk}/erase"
    assert "What goes" in client.get(address).content.decode()
    wrong = client.post(address, {"external_id": "ada"})
    assert wrong.status_code == 422
    assert "Nothing was erased" in wrong.content.decode()
    assert Customer.objects.count() == 1
    assert client.post(address, {"external_id": "ada-lovelace"})["Location"] == "/customers/"
    assert not Customer.objects.exists()
    entry = AuditEntry.objects.get(action="customer erased")
    assert entry.actor == "admin"
    assert "ada" not in f"{entry.subject} {entry.detail}"


def test_only_admins_erase_on_pages(signed_in: SignIn) -> None:
    imported(HEADER + "1,ada@example.org,30\n")
    client: Client = signed_in(given.person("manager"))
    address = f"/customers/{Customer.objects.get().pk}"
    assert "/erase" not in client.get(address).content.decode()
    assert client.post(f"{address}/erase", {"external_id": "1"}).status_code == 403
    assert Customer.objects.exists()


def test_the_command_erases_several_and_says_whom_it_does_not_know(capsys: pytest.CaptureFixture[str]) -> None:
    imported(HEADER + "1,ada@example.org,30\n2,bob@example.org,40\n3,eve@example.org,50\n")
    call_command("erase_customer", "1", "2")
    assert capsys.readouterr().out == "Erased: 2.\n"
    with pytest.raises(CommandError, match="There is no customer 1"):
        call_command("erase_customer", "1", "3", "--json")
    assert capsys.readouterr().out == '{"erased":1,"unknown":["1"]}\n'
    assert Import.objects.count() == 1
    assert not Customer.objects.exists()


def test_the_suppression_list_and_keys_outlive_a_new_secret_key(settings: Any) -> None:
    imported(HEADER + "1,ada@example.org,30\n")
    erasing.erase(["1"])
    caller = Caller("customers:write")
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "another secret key " * 4
    assert caller.put("/customers/1", {"age": 30}).json()["errors"][0]["code"] == "suppressed"
    assert counts(imported(HEADER + "1,,30\n2,bob@example.org,40\n")) == (1, 0, 0, 1)
    settings.SECRET_KEY_FALLBACKS = []
    assert caller.put("/customers/1", {"age": 30}).status_code == 401
