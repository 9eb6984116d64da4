"""Many customers are tried in several numbers of segments at once, and nobody can tell by what comes of it."""

import sys

import numpy as np
import pytest

from customers.models import Customer
from segments.models import Candidate, Run
from tests.segments import given

MANY = 12_000
MEASURES = [field.name for field in Candidate._meta.fields if field.name not in ("id", "run", "seconds")]


@pytest.fixture
def many(transactional_db: None) -> None:
    random = np.random.default_rng(1)
    incomes, scores = (random.choice([20, 50, 80], (2, MANY)) + random.normal(0, 6, (2, MANY))).round(1).tolist()
    Customer.objects.bulk_create(
        Customer(external_id=str(number), annual_income=income, spending_score=score)
        for number, (income, score) in enumerate(zip(incomes, scores, strict=True))
    )


def outcome(run: Run) -> tuple[object, ...]:
    measures = list(run.candidates.order_by("k").values_list(*MEASURES))
    return run.status, run.k, run.inertia, run.silhouette, run.reason, [len(measures), *measures]


def test_in_copies_of_the_process_and_one_after_another_a_run_finds_the_same(
    many: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    features = ["annual_income", "spending_score"]
    segmentation = given.segmentation("Many", features, k="auto", k_range=[2, 10], seed=3)
    in_copies = outcome(given.run(segmentation))
    assert in_copies[:2] == ("done", 9)
    monkeypatch.setattr(sys, "platform", "a system without copies")
    assert outcome(given.run(segmentation)) == in_copies


def test_numbers_for_which_there_are_too_few_different_customers_are_left_out(transactional_db: None) -> None:
    Customer.objects.bulk_create(
        Customer(external_id=str(number), annual_income=number % 2, spending_score=number % 4) for number in range(MANY)
    )
    segmentation = given.segmentation("Few", ["annual_income", "spending_score"], k="auto", k_range=[2, 6])
    run = given.run(segmentation)
    assert run.status == "done"
    assert list(run.candidates.order_by("k").values_list("k", flat=True)) == [2, 3, 4]
