"""Programs start runs, follow them to their end, stop them and publish them."""

import subprocess
from typing import Any

import pytest

from customers.models import Customer
from segmentation_site.jobs import leases
from segments import running, starting
from segments.models import Assignment, Run, Segment, Segmentation
from tests import given as anywhere
from tests.api.answers import pointers, problem
from tests.api.calling import Caller, data
from tests.segments import given
from tests.segments.kmeans import pmml

READ, WRITE = "segments:read", "runs:write"
INERTIA, SILHOUETTE = 44448.4554, 0.5539


def test_a_program_starts_a_run_and_follows_it_until_a_worker_has_published_it(
    segmentation: Segmentation, worker: subprocess.Popen[bytes]
) -> None:
    caller = Caller(READ, WRITE)

    started = caller.post(f"/segmentations/{segmentation.slug}/runs", {"publish": True})

    assert data(started, 202)["status"] in {"queued", "running"}
    run = anywhere.eventually(lambda: _once_ended(caller, started["Location"]), seconds=90, what="the end of the run")
    assert (run["status"], run["error"], run["k"], run["customers"]) == ("published", None, 5, 200)
    assert run["inertia"] == pytest.approx(INERTIA, abs=0.01)
    assert run["silhouette"] == pytest.approx(SILHOUETTE, abs=0.0005)
    assert [one["size"] for one in run["segments"]] == [81, 39, 35, 23, 22]
    assert [one["k"] for one in run["candidates"]] == [5]
    assert caller.pull(f"/segmentations/{segmentation.slug}/runs")[0]["id"] == run["id"]


def _once_ended(caller: Caller, location: str) -> dict[str, Any]:
    """The run, or nothing yet."""
    run: dict[str, Any] = data(caller.get(location))
    return {} if run["status"] in {"queued", "running"} else run


def test_a_second_run_meanwhile_is_a_conflict_that_names_the_first(segmentation: Segmentation) -> None:
    first = starting.start_run(segmentation, by=None, ring=False)
    told = problem(Caller(WRITE).post(f"/segmentations/{segmentation.slug}/runs"), 409, "already_running")
    assert told["run"] == first.public_id


def test_a_request_that_is_sent_twice_with_one_idempotency_key_starts_one_run(segmentation: Segmentation) -> None:
    caller = Caller(WRITE)
    path = f"/segmentations/{segmentation.slug}/runs"

    first = caller.post(path, {}, idempotency_key="tonight")
    again = caller.post(path, {}, idempotency_key="tonight")

    assert data(again, 202) == data(first, 202)
    assert again["Location"] == first["Location"]
    assert Run.objects.count() == 1
    problem(caller.post(path, {"publish": True}, idempotency_key="tonight"), 422, "idempotency_key_reused")


def test_a_run_that_waits_is_cancelled_at_once_and_only_once(segmentation: Segmentation) -> None:
    caller = Caller(WRITE)
    run = starting.start_run(segmentation, by=None, ring=False)

    assert data(caller.post(f"/runs/{run.public_id}/cancel"), 202)["status"] == "cancelled"
    problem(caller.post(f"/runs/{run.public_id}/cancel"), 409, "not_active")


def test_a_failed_run_says_why(segmentation: Segmentation) -> None:
    given.redefine(segmentation, features=["age"], k=30)
    Customer.objects.update(age=30)
    run = starting.start_run(segmentation, by=None, ring=False)
    leases.carry_out(Run, run.pk, running.execute)

    told = data(Caller(READ).get(f"/runs/{run.public_id}"))
    assert told["status"] == "failed"
    assert told["error"]["code"] == "cannot_segment"
    assert told["error"]["detail"]


def test_a_draft_is_published_and_an_older_run_is_the_way_back(segmentation: Segmentation) -> None:
    caller = Caller(READ, WRITE)
    first = given.run(segmentation)
    assert data(caller.get(f"/runs/{first.public_id}"))["status"] == "draft"
    assert data(caller.post(f"/runs/{first.public_id}/publish"))["status"] == "published"
    given.redefine(segmentation, k=3)
    second = given.run(segmentation)
    assert data(caller.post(f"/runs/{second.public_id}/publish"))["status"] == "published"
    assert data(caller.get(f"/runs/{first.public_id}"))["status"] == "superseded"

    assert data(caller.post(f"/runs/{first.public_id}/publish"))["status"] == "published"

    assert data(caller.get(f"/segmentations/{segmentation.slug}"))["published_run"] == first.public_id


def test_publishing_what_cannot_be_published_is_a_conflict(segmentation: Segmentation) -> None:
    caller = Caller(WRITE)
    outdated = given.run(segmentation)
    given.publish(given.run(segmentation))
    waiting = starting.start_run(segmentation, by=None, ring=False)

    problem(caller.post(f"/runs/{outdated.public_id}/publish"), 409, "draft_outdated")
    problem(caller.post(f"/runs/{waiting.public_id}/publish"), 409, "run_not_done")


def test_the_model_is_all_it_takes_to_score_elsewhere(published: Run) -> None:
    model = data(Caller(READ).get(f"/runs/{published.public_id}/model"))

    assert [feature["name"] for feature in model["features"]] == ["annual_income", "spending_score"]
    assert sorted(segment["n"] for segment in model["segments"]) == [22, 23, 35, 39, 81]
    assert all(len(segment["centroid"]) == 2 for segment in model["segments"])


@pytest.mark.parametrize(
    ("query", "headers"), [({"format": "pmml"}, {}), ({}, {"accept": "application/pmml+xml"})], ids=["query", "accept"]
)
def test_the_model_as_pmml_names_the_segments_and_scores_as_the_site_does(
    published: Run, query: dict[str, str], headers: dict[str, str]
) -> None:
    answer = Caller(READ).get(f"/runs/{published.public_id}/model", query, **headers)
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/pmml+xml")
    names = dict(Segment.objects.values_list("public_id", "name"))
    assert all(name in answer.content.decode() for name in names.values())
    keys = dict(Segment.objects.values_list("pk", "public_id"))
    placed = Assignment.objects.filter(run_id=published.pk).values_list("customer_id", "segment_id")
    places = {customer: keys[segment] for customer, segment in placed}
    rows = list(Customer.objects.values("pk", "annual_income", "spending_score"))
    assert [pmml.score(answer.content, row)[0] for row in rows] == [places[row["pk"]] for row in rows]


def test_a_browser_and_whoever_asks_for_json_get_the_model_as_json(published: Run) -> None:
    path = f"/runs/{published.public_id}/model"
    browsers = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
    assert data(Caller(READ).get(path, accept=browsers)) == data(Caller(READ).get(path, {"format": "json"}))
    told = problem(Caller(READ).get(path, {"format": "pickle"}), 400, "invalid_request")
    assert pointers(told) == {"?format": "invalid_parameter"}


def test_a_run_that_is_not_done_has_no_model_yet(segmentation: Segmentation) -> None:
    run = starting.start_run(segmentation, by=None, ring=False)
    problem(Caller(READ).get(f"/runs/{run.public_id}/model"), 409, "run_not_done")


def test_starting_stopping_and_publishing_need_their_scope(published: Run) -> None:
    caller = Caller(READ, "segmentations:write", "segments:write")
    for path in (
        "/segmentations/income-and-spending/runs",
        f"/runs/{published.public_id}/cancel",
        f"/runs/{published.public_id}/publish",
    ):
        assert WRITE in problem(caller.post(path), 403, "permission_denied")["detail"]


@pytest.mark.django_db
def test_an_unknown_run_is_not_found() -> None:
    caller = Caller(READ, WRITE)
    problem(caller.get("/runs/run_0000000000000000"), 404, "not_found")
    problem(caller.get("/runs/run_0000000000000000/model"), 404, "not_found")
    problem(caller.post("/runs/run_0000000000000000/cancel"), 404, "not_found")
    problem(caller.post("/runs/run_0000000000000000/publish"), 404, "not_found")


def test_what_a_start_does_not_know_is_refused(segmentation: Segmentation) -> None:
    caller = Caller(WRITE)
    path = f"/segmentations/{segmentation.slug}/runs"
    told = problem(caller.post(path, {"publish": "yes", "k": 4}), 400, "invalid_request")
    assert pointers(told) == {"/publish": "invalid_type", "/k": "unknown_field"}
    assert not Run.objects.exists()
