"""Customers in the database, and segmentations of them."""

import csv
from pathlib import Path

import pytest

from customers.models import Customer
from segments.models import Segmentation
from tests.segments import given


@pytest.fixture
def mall(mall_file: Path, transactional_db: None) -> list[Customer]:
    """The 200 customers of the mall are in the database."""
    with mall_file.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return Customer.objects.bulk_create(
        Customer(
            external_id=row["CustomerID"],
            gender=row["Gender"].lower(),
            age=float(row["Age"]),
            annual_income=float(row["Annual Income (k$)"]),
            spending_score=float(row["Spending Score (1-100)"]),
        )
        for row in rows
    )


@pytest.fixture
def segmentation(mall: list[Customer]) -> Segmentation:
    """The mall customers by income and spending, five segments, as the numbers are."""
    return given.segmentation("Income and spending", ["annual_income", "spending_score"], k=5)
