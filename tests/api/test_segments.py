"""Programs read segments as the published run has them, and people's names for them outlive refits."""

import pytest

from segments.models import Run, Segment, Segmentation
from tests.api.answers import pointers, problem
from tests.api.calling import Caller, data
from tests.segments import given

READ, WRITE = "segments:read", "segments:write"
PATH = "/segmentations/income-and-spending/segments"


def test_the_segments_in_use_are_listed_the_largest_first(published: Run) -> None:
    segments = Caller(READ).pull(PATH)

    assert [one["size"] for one in segments] == [81, 39, 35, 23, 22]
    assert [one["share"] for one in segments] == [size / 200 for size in (81, 39, 35, 23, 22)]
    assert {one["run_id"] for one in segments} == {published.public_id}
    assert all(one["is_in_use"] and one["segmentation"] == "income-and-spending" for one in segments)


def test_profile_and_centroid_are_in_the_features_own_units(segmentation: Segmentation) -> None:
    given.redefine(segmentation, scaling="standard")
    given.publish(given.run(segmentation))

    middle = Caller(READ).pull(PATH)[0]

    assert middle["centroid"] == pytest.approx({"annual_income": 55.3, "spending_score": 49.5}, abs=0.05)
    income = middle["profile"]["annual_income"]
    assert income["mean"] == pytest.approx(55.3, abs=0.05)
    assert income["minimum"] <= income["q1"] <= income["median"] <= income["q3"] <= income["maximum"]
    assert (income["count"], income["missing"]) == (81, 0)


def test_nothing_is_listed_before_anything_is_published(segmentation: Segmentation) -> None:
    given.run(segmentation)
    assert Caller(READ).pull(PATH) == []


def test_segments_come_in_pages_each_once(published: Run) -> None:
    caller = Caller(READ)
    assert caller.pull(PATH, {"page_size": 2}) == caller.pull(PATH)


def test_a_name_that_a_program_gave_survives_a_refit(published: Run) -> None:
    caller = Caller(READ, WRITE)
    path = f"/segments/{caller.pull(PATH)[1]['id']}"
    said = {"name": "Champions", "colour": 7, "description": "Pay and buy", "action": "Invite to the preview"}

    changed = data(caller.patch(path, said))
    given.publish(given.run(published.segmentation, seed=99))

    after = data(caller.get(path))
    assert {key: changed[key] for key in said} == {key: after[key] for key in said} == said
    assert after["run_id"] != changed["run_id"]
    assert after["is_in_use"]


def test_a_segment_that_has_ended_still_tells_what_it_was(published: Run) -> None:
    caller = Caller(READ)
    before = caller.pull(PATH)
    given.redefine(published.segmentation, k=3)
    given.publish(given.run(published.segmentation))
    gone = {one["id"] for one in before} - {one["id"] for one in caller.pull(PATH)}

    for one in before:
        if one["id"] in gone:
            assert data(caller.get(f"/segments/{one['id']}")) == one | {"is_in_use": False}
    assert gone


def test_what_has_not_changed_is_not_sent_again(published: Run) -> None:
    caller = Caller(READ, WRITE)
    for path in (PATH, f"/segments/{caller.pull(PATH)[0]['id']}"):
        first = caller.get(path)
        again = caller.get(path, if_none_match=first["ETag"])
        assert (again.status_code, again.content, again["ETag"]) == (304, b"", first["ETag"])
        assert caller.get(path, if_none_match="*").status_code == 304

    data(caller.patch(path, {"name": "Another"}))

    changed = caller.get(path, if_none_match=first["ETag"])
    assert data(changed)["name"] == "Another"
    assert changed["ETag"] != first["ETag"]


def test_what_a_segment_cannot_be_called_is_refused(published: Run) -> None:
    caller = Caller(READ, WRITE)
    first, second, *_ = caller.pull(PATH)
    path = f"/segments/{first['id']}"

    told = problem(caller.patch(path, {"name": 5, "size": 9, "colour": True}), 400, "invalid_request")
    assert pointers(told) == {"/name": "invalid_type", "/size": "unknown_field", "/colour": "invalid_type"}
    assert pointers(problem(caller.patch(path, {"colour": 10}), 400, "invalid_request")) == {"/colour": "out_of_range"}
    assert pointers(problem(caller.patch(path, {"name": ""}), 400, "invalid_name")) == {"/name": "invalid_name"}
    taken = problem(caller.patch(path, {"name": second["name"].upper()}), 409, "name_taken")
    assert pointers(taken) == {"/name": "name_taken"}
    assert data(caller.get(path)) == first


def test_a_key_that_may_read_members_and_segments_cannot_change_a_segment(published: Run) -> None:
    segment = Segment.objects.earliest("pk")
    told = problem(
        Caller(READ, "members:read").patch(f"/segments/{segment.public_id}", {"name": "No"}), 403, "permission_denied"
    )
    assert WRITE in told["detail"]
    assert Segment.objects.get(pk=segment.pk).name == segment.name


@pytest.mark.django_db
def test_an_unknown_segment_is_not_found() -> None:
    caller = Caller(READ, WRITE)
    problem(caller.get("/segments/sgm_0000000000000000"), 404, "not_found")
    problem(caller.patch("/segments/sgm_0000000000000000", {"name": "No"}), 404, "not_found")
    problem(caller.get("/segmentations/none/segments"), 404, "not_found")
