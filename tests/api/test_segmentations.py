"""Programs define segmentations, and are told exactly what cannot be."""

import pytest

from customers.models import Customer
from segments.models import Run, Segmentation
from tests.api.answers import pointers, problem
from tests.api.calling import Caller, data
from tests.segments import given

READ, WRITE = "segments:read", "segmentations:write"
DEFINITION = {"features": ["annual_income", "spending_score"], "scaling": "none", "k": 5}


@pytest.mark.django_db
def test_a_program_defines_a_segmentation_and_finds_it_again() -> None:
    caller = Caller(READ, WRITE)

    made = caller.post("/segmentations", {"name": "Income and spending", "definition": DEFINITION})

    segmentation = data(made, 201)
    assert segmentation["slug"] == "income-and-spending"
    assert segmentation["definition"]["k"] == 5
    assert [one["name"] for one in segmentation["definition"]["features"]] == ["annual_income", "spending_score"]
    assert segmentation["published_run"] is None
    assert data(caller.get(made["Location"])) == segmentation
    assert caller.pull("/segmentations") == [segmentation]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"features": ["annual_income", "shoe_size"]}, "/definition/features/1/name"),
        ({"features": []}, "/definition/features"),
        ({"k": 1}, "/definition/k"),
        ({"k_range": [9, 2]}, "/definition/k_range"),
        ({"scaling": "wild"}, "/definition/scaling"),
        ({"engine": "cloud"}, "/definition/engine"),
        # None is set here.
        ({"engine": "spark"}, "/definition/engine"),
        ({"colour": "red"}, "/definition/colour"),
    ],
)
def test_a_definition_that_cannot_be_is_refused_with_the_place_of_the_fault(
    change: dict[str, object], pointer: str
) -> None:
    answer = Caller(WRITE).post("/segmentations", {"name": "Wrong", "definition": DEFINITION | change})

    assert pointers(problem(answer, 400, "invalid_definition")) == {pointer: "invalid_definition"}
    assert not Segmentation.objects.exists()


@pytest.mark.django_db
def test_every_fault_of_a_body_is_told_at_once() -> None:
    told = problem(Caller(WRITE).post("/segmentations", {"name": 7, "colour": "red"}), 400, "invalid_request")
    assert pointers(told) == {"/name": "invalid_type", "/colour": "unknown_field", "/definition": "required"}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("body", "code"),
    [
        ([1], "invalid_request"),
        ("text", "parse_error"),
        (7, "invalid_request"),
        ({"name": " ", "definition": DEFINITION}, "invalid_name"),
    ],
)
def test_a_body_that_is_no_segmentation_is_refused(body: object, code: str) -> None:
    problem(Caller(WRITE).post("/segmentations", body), 400, code)


@pytest.mark.django_db
def test_a_name_that_is_taken_is_a_conflict() -> None:
    caller = Caller(WRITE)
    data(caller.post("/segmentations", {"name": "Same", "definition": DEFINITION}), 201)
    told = problem(caller.post("/segmentations", {"name": "Same", "definition": DEFINITION}), 409, "name_taken")
    assert pointers(told) == {"/name": "name_taken"}


def test_a_change_keeps_what_is_not_given_and_the_slug(segmentation: Segmentation) -> None:
    caller = Caller(READ, WRITE)
    path = f"/segmentations/{segmentation.slug}"

    changed = data(caller.patch(path, {"name": "Mall", "definition": {"k": "auto", "k_range": [3, 6]}}))

    assert (changed["slug"], changed["name"]) == (segmentation.slug, "Mall")
    assert (changed["definition"]["k"], changed["definition"]["k_range"]) == ("auto", [3, 6])
    assert changed["definition"]["scaling"] == "none"
    assert data(caller.get(path)) == changed


def test_a_segmentation_goes_with_its_runs_but_not_with_the_customers(published: Run) -> None:
    caller = Caller(READ, WRITE)

    assert caller.delete("/segmentations/income-and-spending").status_code == 204

    problem(caller.get("/segmentations/income-and-spending"), 404, "not_found")
    problem(caller.get(f"/runs/{published.public_id}"), 404, "not_found")
    assert Customer.objects.count() == 200


@pytest.mark.django_db
def test_segmentations_come_in_pages_each_once() -> None:
    for number in range(5):
        given.segmentation(f"By age {number}", ["age"])
    slugs = [one["slug"] for one in Caller(READ).pull("/segmentations", {"page_size": 2})]
    assert slugs == [f"by-age-{number}" for number in (4, 3, 2, 1, 0)]


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/segmentations/none", "/segmentations/a%00b", "/segmentations/none/runs"])
def test_what_is_not_there_is_not_found(path: str) -> None:
    problem(Caller(READ).get(path), 404, "not_found")


@pytest.mark.django_db
def test_a_key_that_may_only_read_cannot_define() -> None:
    told = problem(
        Caller(READ).post("/segmentations", {"name": "No", "definition": DEFINITION}), 403, "permission_denied"
    )
    assert WRITE in told["detail"]
