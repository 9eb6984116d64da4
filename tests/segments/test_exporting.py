"""Members as files: who is in them, in which form, for how long, and who may have them."""

import csv
import hashlib
import io
import json
import os
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import openpyxl  # type: ignore[import-untyped]
import polars as pl
import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connections
from django.test import Client
from django.utils import timezone

from customers import erasing
from customers.models import Customer
from segmentation_site.access.models import AuditEntry
from segmentation_site.jobs import leases
from segments import delivering, exporting, pruning
from segments.browsing.members import Members
from segments.models import Export, Run, Segment, Segmentation
from tests import given as people
from tests.api.answers import pointers, problem
from tests.api.calling import Caller, data
from tests.segments import given

SignIn = Callable[[User], Client]
pytestmark = pytest.mark.django_db(transaction=True)
HOSTILE = ["=1+1", "@SUM(A1)", "+cmd|' /C calc'!A0", "-2+3", "\t=1", 'Ünï\u200b, "quoted"\nline']


@pytest.fixture
def published(segmentation: Segmentation) -> Run:
    for place, customer in enumerate(Customer.objects.order_by("pk")):
        customer.consent = "granted" if place % 2 else "denied"
        customer.first_name = HOSTILE[place % len(HOSTILE)]
        customer.email = f" Ada.{place}@GMAIL.com" if place % 3 else ""
        customer.phone = "(0)20 7946 0000" if place % 5 == 0 else ""
        customer.country = "United Kingdom"
        customer.save()
    return given.publish(given.run(segmentation))


@pytest.fixture
def caller() -> Caller:
    return Caller("exports:write")


def done(caller: Caller, **body: Any) -> dict[str, Any]:
    """An export that was asked for over the API and carried out."""
    told = data(caller.post("/exports", body), 202)
    leases.carry_out(Export, Export.objects.get(public_id=told["id"]).pk, delivering.execute)
    return data(caller.get(f"/exports/{told['id']}"))


def content(caller: Caller, export: dict[str, Any]) -> bytes:
    answer = caller.get(export["file"])
    assert answer.status_code == 200
    return b"".join(answer.streaming_content)


def expected(run: Run, *, contactable: bool = True) -> dict[str, str]:
    """External id → segment, of those who should be in a file."""
    ids = {one.pk: one for one in Customer.objects.all() if not contactable or one.consent == "granted"}
    members = given.members_by_segment_id(run)
    return {ids[pk].external_id: segment for segment, who in members.items() for pk in who if pk in ids}


def rows_of(format_: str, raw: bytes, folder: Path) -> list[dict[str, Any]]:
    if format_ == "csv":
        return list(csv.DictReader(io.StringIO(raw.decode(), newline="")))
    if format_ == "ndjson":
        return [json.loads(line) for line in raw.splitlines()]
    if format_ == "parquet":
        return pl.read_parquet(io.BytesIO(raw)).to_dicts()
    book = folder / "members.xlsx"
    book.write_bytes(raw)
    header, *lines = openpyxl.load_workbook(book).active.iter_rows(values_only=True)
    return [dict(zip(map(str, header), line, strict=True)) for line in lines]


@pytest.mark.parametrize("format_", ["csv", "ndjson", "xlsx", "parquet"])
def test_a_file_of_each_format_has_exactly_the_members_with_what_was_asked_for(
    published: Run, caller: Caller, format_: str, tmp_path: Path
) -> None:
    export = done(
        caller, segmentation=published.segmentation.slug, format=format_, columns=["first_name", "age", "consent"]
    )
    raw = content(caller, export)
    rows = rows_of(format_, raw, tmp_path)
    assert {str(row["external_id"]): row["segment_id"] for row in rows} == expected(published)
    assert export["rows"] == len(rows) == 100
    assert export["size"] == len(raw)
    ages = {one.external_id: one.age for one in Customer.objects.all()}
    assert all(float(row["age"]) == ages[str(row["external_id"])] for row in rows)
    names = {one.external_id: one.first_name for one in Customer.objects.all()}
    for row in rows:
        known, written = names[str(row["external_id"])], row["first_name"]
        is_for_spreadsheets = format_ in ("csv", "xlsx")
        assert written.removeprefix("'") == known
        assert written.startswith("'") == (is_for_spreadsheets and known[0] in "=+-@\t")
    assert (Path(settings.MEDIA_ROOT) / str(Export.objects.get().file.name)).stat().st_mode & 0o777 == 0o600


def test_one_segment_leaves_the_others_at_home_and_everybody_comes_when_asked_for(
    published: Run, caller: Caller
) -> None:
    segment = Segment.objects.filter(segmentation=published.segmentation).first()
    assert segment is not None
    export = done(caller, segment=segment.public_id, contactable_only=False)
    rows = rows_of("csv", content(caller, export), Path())
    wanted = {key for key, there in expected(published, contactable=False).items() if there == segment.public_id}
    assert {row["external_id"] for row in rows} == wanted
    assert {row["segment_name"] for row in rows} == {segment.name}


@pytest.mark.parametrize(
    ("preset", "header", "plain_email", "plain_phone"),
    [
        ("google", ["Email", "Phone"], "ada{}@gmail.com", "+442079460000"),
        ("meta", ["email", "phone", "fn", "ln", "ct", "country"], "ada.{}@gmail.com", "442079460000"),
        ("tiktok", ["Email_SHA256", "Phone_SHA256"], "ada.{}@gmail.com", "+442079460000"),
    ],
)
def test_a_platforms_file_has_the_hashes_that_it_asks_for_and_nothing_else(
    published: Run, caller: Caller, preset: str, header: list[str], plain_email: str, plain_phone: str
) -> None:
    export = done(caller, segmentation=published.segmentation.slug, hashed=preset)
    first, *rows = csv.reader(io.StringIO(content(caller, export).decode(), newline=""))
    assert first == header
    contactable = [
        (place, one) for place, one in enumerate(Customer.objects.order_by("pk")) if one.consent == "granted"
    ]

    def digest(text: str) -> str:
        return hashlib.sha256(text.encode()).hexdigest() if text else ""

    wanted = {
        (digest(plain_email.format(place) if one.email else ""), digest(plain_phone if one.phone else ""))
        for place, one in contactable
        if one.email or one.phone
    }
    assert {(row[0], row[1]) for row in rows} == wanted
    assert export["rows"] == len([one for _, one in contactable if one.email or one.phone])
    assert export["left_out"] == len([one for _, one in contactable if not one.email and not one.phone])
    assert all(len(cell) in (0, 64) for row in rows for cell in row)


def test_what_cannot_be_exported_is_refused_at_its_place(
    published: Run, caller: Caller, segmentation: Segmentation
) -> None:
    slug = segmentation.slug
    for body, code, pointer in (
        ({}, "invalid_request", "/segment"),
        ({"segmentation": slug, "segment": "sgm_x"}, "invalid_request", "/segment"),
        ({"segmentation": "none"}, "invalid_request", "/segmentation"),
        ({"segment": "sgm_none"}, "invalid_request", "/segment"),
        ({"segmentation": slug, "format": "pdf"}, "invalid_request", "/format"),
        ({"segmentation": slug, "hashed": "myspace"}, "invalid_request", "/hashed"),
        ({"segmentation": slug, "columns": [7]}, "invalid_request", "/columns/0"),
        ({"segmentation": slug, "columns": ["age", "shoe_size"]}, "unknown_column", "/columns/1"),
        ({"segmentation": slug, "hashed": "meta", "format": "xlsx"}, "only_csv", "/format"),
    ):
        assert list(pointers(problem(caller.post("/exports", body), 400, code))) == [pointer]
    other = given.segmentation("Empty", ["age"], k=2)
    problem(caller.post("/exports", {"segmentation": other.slug}), 409, "nothing_published")
    problem(Caller("members:read").post("/exports", {"segmentation": slug}), 403, "permission_denied")
    assert not Export.objects.exists()


def test_asking_twice_with_one_key_makes_one_export(published: Run, caller: Caller) -> None:
    body = {"segmentation": published.segmentation.slug}
    first = data(caller.post("/exports", body, idempotency_key="one"), 202)
    assert data(caller.post("/exports", body, idempotency_key="one"), 202)["id"] == first["id"]
    assert Export.objects.count() == 1
    problem(caller.get(f"/exports/{first['id']}/file"), 409, "export_not_done")


def test_a_file_is_gone_after_its_days_and_so_is_what_a_dead_worker_left(published: Run, caller: Caller) -> None:
    export = done(caller, segmentation=published.segmentation.slug)
    folder = Path(settings.MEDIA_ROOT) / "exports"
    Export.objects.update(expires_at=timezone.now() - timedelta(minutes=1))
    told = problem(caller.get(export["file"]), 410, "export_gone")
    assert "kept for 7 days" in told["detail"]
    left, being_written = folder / "left.csv", folder / "being-written.csv"
    for path in (left, being_written):
        path.touch()
    day_before_yesterday = time.time() - 2 * 24 * 60 * 60
    os.utime(left, (day_before_yesterday, day_before_yesterday))
    assert exporting.prune() == 2
    assert list(folder.glob(f"{export['id']}*")) == []
    assert (left.exists(), being_written.exists()) == (False, True)
    assert data(caller.get(f"/exports/{export['id']}"))["file"] is None


def test_who_is_erased_is_in_no_file_that_can_be_had_whether_made_or_being_made(
    published: Run, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    export = done(caller, segmentation=published.segmentation.slug)
    erasing.erase(["2"])
    assert "erased" in problem(caller.get(export["file"]), 410, "export_gone")["detail"]
    assert list((Path(settings.MEDIA_ROOT) / "exports").glob(f"{export['id']}*")) == []

    count = Members.count
    erased: list[str] = []

    def count_and_erase(members: Any) -> int:
        """Somebody is erased by others after the file's snapshot was taken."""
        found = count(members)
        if not erased:

            def erase() -> None:
                erasing.erase(["4"])
                connections.close_all()

            other = threading.Thread(target=erase)
            other.start()
            other.join()
            erased.append("4")
        return found

    monkeypatch.setattr(Members, "count", count_and_erase)
    second = done(caller, segmentation=published.segmentation.slug)
    rows = rows_of("csv", content(caller, second), Path())
    assert erased == ["4"]
    assert {"2", "4"} & {row["external_id"] for row in rows} == set()
    assert second["rows"] == len(rows) == 98


def test_a_run_that_an_export_waits_for_keeps_its_members(published: Run, caller: Caller, settings: Any) -> None:
    settings.RUNS_KEPT = 0
    told = data(caller.post("/exports", {"segmentation": published.segmentation.slug}), 202)
    given.publish(given.run(published.segmentation, seed=5))
    pruning.prune()
    leases.carry_out(Export, Export.objects.get(public_id=told["id"]).pk, delivering.execute)
    assert data(caller.get(f"/exports/{told['id']}"))["rows"] == 100
    assert pruning.prune() == 1


def test_another_attempt_leaves_one_whole_file(published: Run, caller: Caller) -> None:
    told = data(caller.post("/exports", {"segmentation": published.segmentation.slug}), 202)
    folder = Path(settings.MEDIA_ROOT) / "exports"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{told['id']}-0123456789ab.csv").write_text("external_id\nhalf of what a dead worker", encoding="utf-8")
    leases.carry_out(Export, Export.objects.get(public_id=told["id"]).pk, delivering.execute)
    assert len(list(folder.glob(f"{told['id']}*"))) == 1
    assert data(caller.get(f"/exports/{told['id']}"))["rows"] == 100


def test_the_audit_trail_says_who_exported_and_who_fetched(published: Run, caller: Caller) -> None:
    export = done(caller, segmentation=published.segmentation.slug, columns=["email"])
    content(caller, export)
    actions = list(AuditEntry.objects.filter(subject=export["id"]).order_by("pk").values_list("action", flat=True))
    assert actions == ["export started", "export downloaded"]


def test_the_command_writes_a_file(published: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    segment = Segment.objects.filter(segmentation=published.segmentation).first()
    assert segment is not None
    target = tmp_path / "members.parquet"
    call_command("export_members", segment.public_id, "--format", "parquet", "--json", "-o", str(target))
    told = json.loads(capsys.readouterr().out)
    rows = pl.read_parquet(target).to_dicts()
    assert told["rows"] == len(rows) > 0
    assert {row["external_id"] for row in rows} == {
        key for key, there in expected(published).items() if there == segment.public_id
    }


def test_managers_export_on_pages_and_others_are_not_offered_to(published: Run, signed_in: SignIn) -> None:
    segment = Segment.objects.filter(segmentation=published.segmentation).first()
    assert segment is not None
    manager, analyst = signed_in(people.person("manager", "max")), signed_in(people.person("analyst", "ann"))
    assert analyst.get("/exports/").status_code == 403
    assert "/exports/new" not in analyst.get(f"/segments/{segment.public_id}").content.decode()
    assert f"/exports/new?segment={segment.public_id}" in manager.get(f"/segments/{segment.public_id}").content.decode()
    assert "Nothing was exported yet" in manager.get("/exports/").content.decode()
    page = manager.get(f"/exports/new?segment={segment.public_id}")
    assert page.status_code == 200
    form = {"members": segment.public_id, "format": "csv", "hashed": "none", "columns": ["email"], "contactable": "on"}
    answer = manager.post("/exports/new", form, follow=True)
    export = Export.objects.get()
    assert (export.segment, export.columns, export.contactable_only) == (segment, ["email"], True)
    assert export.public_id in answer.request["PATH_INFO"]
    leases.carry_out(Export, export.pk, delivering.execute)
    shown = manager.get(f"/exports/{export.public_id}").content.decode()
    assert f"/exports/{export.public_id}/file" in shown
    fetched = manager.get(f"/exports/{export.public_id}/file")
    assert fetched["Content-Disposition"] == f'attachment; filename="{export.public_id}.csv"'
    assert b"".join(fetched.streaming_content).startswith(b"external_id,")  # type: ignore[attr-defined]
    wrong = manager.post("/exports/new", form | {"format": "xlsx", "hashed": "meta"})
    assert wrong.status_code == 422
    assert "Hashed files for a platform are CSV" in wrong.content.decode()
    assert analyst.get(f"/exports/{export.public_id}/file").status_code == 403
