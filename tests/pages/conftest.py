"""Customers and segments for the pages to show."""

import csv
from collections.abc import Callable
from pathlib import Path

import pytest
from django.contrib.auth.models import User

from customers.models import Customer
from segmentation_site.jobs import leases
from segments import defining, running, starting
from segments.kmeans.shapes import Definition
from segments.models import Run
from tests import given


@pytest.fixture
def mall(mall_file: Path) -> Callable[[], None]:
    """`mall()` brings in the 200 customers of the mall."""

    def bring_in() -> None:
        with mall_file.open() as file:
            Customer.objects.bulk_create(
                Customer(
                    external_id=row["CustomerID"],
                    gender=row["Gender"].lower(),
                    age=float(row["Age"]),
                    annual_income=float(row["Annual Income (k$)"]),
                    spending_score=float(row["Spending Score (1-100)"]),
                )
                for row in csv.DictReader(file)
            )

    return bring_in


@pytest.fixture
def published(transactional_db: None, mall: Callable[[], None]) -> Run:
    """The mall's customers by income and spending in five segments that are in use."""
    mall()
    by: User = given.person("manager", "maker")
    definition = Definition.from_json({"features": ["annual_income", "spending_score"], "scaling": "none", "k": 5})
    segmentation = defining.create_segmentation(
        name="Income and spending", definition=definition, description="", by=by
    )
    run = starting.start_run(segmentation, by=by, publish=True)
    if not leases.carry_out(Run, run.pk, running.execute):
        given.ended(run)
    run = Run.objects.get(pk=run.pk)
    assert run.is_published, run.error_detail
    return run
