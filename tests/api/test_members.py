"""Programs pull who is in which segment: everybody exactly once, of one and the same run."""

import csv
import gzip
import io
import json
from typing import Any

import pytest
from django.core.signing import Signer
from django.db import connection
from django.utils import timezone

from customers.models import Customer
from segments.models import Assignment, Run, Segment, Segmentation
from tests.api.answers import pointers, problem
from tests.api.calling import Caller, data
from tests.segments import given

MEMBERS = "/segmentations/income-and-spending/members"
CSV, NDJSON = "text/csv", "application/x-ndjson"


@pytest.fixture
def caller(db: None) -> Caller:
    return Caller("members:read", "segments:read")


def streamed(answer: Any) -> str:
    """The whole text of a stream."""
    assert answer.status_code == 200, answer.content
    assert answer.streaming
    return answer.getvalue().decode()


def test_every_member_comes_exactly_once_whatever_the_size_of_pages(caller: Caller, published: Run) -> None:
    for size in (1000, 7):
        members = caller.pull(MEMBERS, {"page_size": size})
        assert [one["external_id"] for one in members] == [str(number) for number in range(1, 201)]
    assert {one["run_id"] for one in members} == {published.public_id}
    assert {one["joined_at"][-1] for one in members} == {"Z"}


def test_the_members_of_a_segment_are_those_that_the_run_put_there(caller: Caller, published: Run) -> None:
    external_ids = dict(Customer.objects.values_list("pk", "external_id"))
    for public_id, customers in given.members_by_segment_id(published).items():
        members = caller.pull(f"/segments/{public_id}/members", {"page_size": 10})
        assert [one["external_id"] for one in members] == [external_ids[pk] for pk in sorted(customers)]
        assert {one["segment_id"] for one in members} == {public_id}


def test_fit_is_how_much_nearer_the_segment_is_than_the_runner_up(caller: Caller, published: Run) -> None:
    expected = {}
    for one in Assignment.objects.filter(run_id=published.pk):
        margin = 1 - one.distance / (one.runner_up_distance or 0)
        expected[one.customer_id] = "borderline" if margin < 0.1 else "close" if margin < 0.3 else "typical"
    members = caller.pull(MEMBERS)
    assert [one["fit"] for one in members] == [expected[pk] for pk in sorted(expected)]
    assert {one["fit"] for one in members} == {"borderline", "close", "typical"}
    assert all(one["distance"] >= 0 for one in members)


def test_a_run_that_is_published_in_the_midst_does_not_mix_into_a_pull(caller: Caller, published: Run) -> None:
    before = caller.pull(MEMBERS)
    page = data(caller.get(MEMBERS, {"page_size": 50}))
    pulled = page["results"]
    given.redefine(published.segmentation, k=3)
    second = given.publish(given.run(published.segmentation))

    while page["next"]:
        page = data(caller.get(page["next"]))
        pulled += page["results"]

    assert pulled == before
    assert {one["run_id"] for one in caller.pull(MEMBERS)} == {second.public_id}


def test_who_stays_over_a_refit_keeps_the_moment_of_joining(caller: Caller, published: Run) -> None:
    before = {one["external_id"]: one["joined_at"] for one in caller.pull(MEMBERS)}
    Customer.objects.filter(external_id="1").update(annual_income=87, spending_score=82)

    second = given.publish(given.run(published.segmentation))

    after = {one["external_id"]: one["joined_at"] for one in caller.pull(MEMBERS)}
    assert {external_id for external_id in after if after[external_id] != before[external_id]} == {"1"}
    assert second.published_at is not None
    assert after["1"] == second.published_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def test_values_of_the_customer_come_along_when_they_are_asked_for(caller: Caller, published: Run) -> None:
    members = caller.pull(MEMBERS, {"fields": "annual_income,gender,birth_date"})
    assert {key: members[0][key] for key in ("external_id", "annual_income", "gender", "birth_date")} == {
        "external_id": "1",
        "annual_income": 15.0,
        "gender": "male",
        "birth_date": None,
    }
    assert "annual_income" not in caller.pull(MEMBERS)[0]


def test_csv_and_ndjson_say_what_the_pages_say(caller: Caller, published: Run) -> None:
    Customer.objects.filter(external_id="2").update(first_name='Zoë "Z", \\ the\nFirst', joined_on="2026-01-31")
    segment = Segment.objects.earliest("pk").public_id
    query = {"fields": "first_name,age,joined_on"}
    for path in (MEMBERS, f"/segments/{segment}/members"):
        pages = caller.pull(path, query)

        lines = [json.loads(line) for line in streamed(caller.get(path, query, accept=NDJSON)).splitlines()]
        assert sorted(lines, key=_by_id) == sorted(pages, key=_by_id)

        cells = list(csv.DictReader(io.StringIO(streamed(caller.get(path, query, accept=CSV)), newline="")))
        assert sorted(cells, key=_by_id) == sorted(map(_as_cells, pages), key=_by_id)
        assert list(cells[0]) == list(pages[0])


def _by_id(row: dict[str, Any]) -> str:
    return str(row["external_id"])


def _as_cells(row: dict[str, Any]) -> dict[str, str]:
    def cell(value: object) -> str:
        return "" if value is None else f"{value:g}" if isinstance(value, float) and value.is_integer() else str(value)

    return {key: cell(value) for key, value in row.items()}


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("*/*", "application/json"),
        ("application/json;q=0.5, text/csv", CSV),
        ("text/csv;q=0.2, application/x-ndjson;q=0.9", NDJSON),
        ("application/*", "application/json"),
    ],
)
def test_the_format_follows_what_the_program_prefers(caller: Caller, published: Run, accept: str, kind: str) -> None:
    assert caller.get(MEMBERS, accept=accept)["Content-Type"].split(";")[0] == kind


@pytest.mark.parametrize("kind", [CSV, NDJSON])
def test_a_stream_comes_packed_for_whoever_asks_for_it(caller: Caller, published: Run, kind: str) -> None:
    plain = caller.get(MEMBERS, accept=kind)
    answer = caller.get(MEMBERS, accept=kind, accept_encoding="br, gzip;q=0.5")
    assert (answer["Content-Encoding"], plain.get("Content-Encoding")) == ("gzip", None)
    assert "Accept-Encoding" in answer["Vary"]
    assert sorted(gzip.decompress(answer.getvalue()).splitlines()) == sorted(plain.getvalue().splitlines())
    unpacked = caller.get(MEMBERS, accept=kind, accept_encoding="gzip;q=0, identity")
    assert "Content-Encoding" not in unpacked.headers


def test_a_format_that_nobody_has_is_refused(caller: Caller, published: Run) -> None:
    problem(caller.get(MEMBERS, accept="application/pdf"), 406, "not_acceptable")


def test_a_customer_cannot_smuggle_a_formula_into_somebodys_spreadsheet(caller: Caller, published: Run) -> None:
    hostile = {"1": "=cmd()", "2": "+1+cmd()", "3": "-2+3", "4": "@SUM(A1)", "5": "\tx", "6": "-5.5"}
    for external_id, name in hostile.items():
        Customer.objects.filter(external_id=external_id).update(first_name=name, city=name)

    text = streamed(caller.get(MEMBERS, {"fields": "first_name,city"}, accept=CSV))

    found = {row["external_id"]: row for row in csv.DictReader(io.StringIO(text, newline=""))}
    rows = [found[external_id] for external_id in hostile]
    assert [row["first_name"] for row in rows] == ["'=cmd()", "'+1+cmd()", "'-2+3", "'@SUM(A1)", "'\tx", "-5.5"]
    assert [row["city"] for row in rows] == [row["first_name"] for row in rows]
    assert caller.pull(MEMBERS, {"fields": "first_name"})[0]["first_name"] == "=cmd()", "programs get what is there"


def test_a_program_that_hangs_up_in_the_midst_leaves_nothing_open(caller: Caller, published: Run) -> None:
    many = Customer.objects.bulk_create(Customer(external_id=f"x{number}") for number in range(20_000))
    segment = Segment.objects.earliest("pk")
    Assignment.objects.bulk_create(
        Assignment(
            run_id=published.pk, customer_id=one.pk, segment_id=segment.pk, distance=1, joined_run_id=published.pk
        )
        for one in many
    )
    answer = caller.get(MEMBERS, accept=CSV)
    assert b"external_id" in next(iter(answer.streaming_content))

    for close in answer._resource_closers:
        close()

    assert not connection.in_atomic_block
    assert len(caller.pull(MEMBERS, {"page_size": 1000})) == 20_200


def test_a_page_that_has_not_changed_is_not_sent_again(caller: Caller, published: Run) -> None:
    first = caller.get(MEMBERS, {"fields": "age"})
    again = caller.get(MEMBERS, {"fields": "age"}, if_none_match=first["ETag"])
    assert (again.status_code, again.content) == (304, b"")

    Customer.objects.filter(external_id="1").update(age=99)

    changed = caller.get(MEMBERS, {"fields": "age"}, if_none_match=first["ETag"])
    assert data(changed)["results"][0]["age"] == 99


def test_a_customer_who_is_gone_shortens_a_page_but_does_not_end_the_pull(caller: Caller, published: Run) -> None:
    Customer.objects.filter(external_id__in=[str(number) for number in range(1, 31)]).delete()
    pulled = caller.pull(MEMBERS, {"page_size": 10})
    assert [one["external_id"] for one in pulled] == [str(number) for number in range(31, 201)]
    assert len(streamed(caller.get(MEMBERS, accept=NDJSON)).splitlines()) == 170


def test_before_anything_is_published_there_is_nobody(caller: Caller, segmentation: Segmentation) -> None:
    draft = given.run(segmentation)
    segment = next(iter(given.members_by_segment_id(draft)))
    assert caller.pull(MEMBERS) == caller.pull(f"/segments/{segment}/members") == []
    assert streamed(caller.get(MEMBERS, accept=CSV)) == "external_id,segment_id,distance,fit,joined_at,run_id\n"
    assert streamed(caller.get(MEMBERS, accept=NDJSON)) == ""


@pytest.mark.parametrize(
    ("query", "pointer", "code"),
    [
        ({"fields": "shoe_size"}, "?fields", "invalid_parameter"),
        ({"fields": "id; DROP TABLE customers_customer"}, "?fields", "invalid_parameter"),
        ({"page_size": "1001"}, "?page_size", "invalid_parameter"),
        ({"segment": "gold"}, "?segment", "unknown_parameter"),
    ],
)
def test_an_unknown_field_or_parameter_is_refused(
    caller: Caller, published: Run, query: dict[str, str], pointer: str, code: str
) -> None:
    assert pointers(problem(caller.get(MEMBERS, query), 400, "invalid_request")) == {pointer: code}


def test_a_cursor_of_another_list_is_refused(caller: Caller, published: Run) -> None:
    following = data(caller.get(MEMBERS, {"page_size": 5}))["next"]
    segment = Segment.objects.earliest("pk").public_id
    for cursor in (following.partition("cursor=")[2].partition("&")[0], "made-up"):
        answer = caller.get(f"/segments/{segment}/members", {"cursor": cursor})
        assert pointers(problem(answer, 400, "invalid_cursor")) == {"?cursor": "invalid_cursor"}


def test_a_stream_refuses_what_only_pages_have(caller: Caller, published: Run) -> None:
    told = problem(caller.get(MEMBERS, {"page_size": 5}, accept=CSV), 400, "invalid_request")
    assert pointers(told) == {"?page_size": "not_for_streams"}


def test_members_need_their_own_scope(published: Run) -> None:
    told = problem(Caller("segments:read", "customers:read").get(MEMBERS), 403, "permission_denied")
    assert "members:read" in told["detail"]


@pytest.mark.parametrize("path", ["/segments/sgm_0000000000000000/members", "/segmentations/none/members"])
def test_members_of_nothing_are_not_found_in_any_format(caller: Caller, path: str) -> None:
    for accept in ("application/json", CSV, NDJSON):
        problem(caller.get(path, accept=accept), 404, "not_found")


def test_no_cursor_leads_to_a_run_of_another_segmentation(caller: Caller, published: Run) -> None:
    other = Segmentation.objects.create(name="Other", slug="other", definition=published.segmentation.definition)
    elsewhere = Run.objects.create(
        segmentation=other, definition={}, status="done", published_at=timezone.now(), finished_at=timezone.now()
    )
    path = f"/segmentations/{published.segmentation.slug}/members"
    forged = Signer(salt=f"cursor:/api/v1{path}", sep=".").sign_object([elsewhere.pk, 0])
    problem(caller.get(path, {"cursor": forged}), 409, "run_gone")
