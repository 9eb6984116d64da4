"""Who takes part in a segmentation, and as of which day purchases count."""

from datetime import UTC, datetime
from typing import Any

import pytest

from customers import registering
from customers.models import Customer
from segmentation_site.jobs import leases
from segmentation_site.jobs.models import JobStatus
from segments import defining, running, starting
from segments.models import Assignment, Run
from tests.customers.given import imported

pytestmark = pytest.mark.django_db(transaction=True)


def people(count: int = 120) -> None:
    """Half of them in Lyon, a third with a plan, and each with a purchase a day apart."""
    registering.register(key="plan", label="Plan", kind="category", categories=["basic", "pro"])
    lines = "".join(
        f"{n},{20 + n % 50},{n % 90},{'Lyon' if n % 2 else 'Paris'},{'pro' if n % 3 == 0 else ''}\n"
        for n in range(count)
    )
    imported(f"id,age,annual income,city,plan\n{lines}")


def run_of(name: str = "Some", **definition: Any) -> Run:
    wanted = defining.read_definition({"features": ["age", "annual_income"], "k": 3, **definition})
    segmentation = defining.create_segmentation(name=name, definition=wanted)
    run = starting.start_run(segmentation, by=None, ring=False)
    leases.carry_out(Run, run.pk, running.execute)
    run.refresh_from_db()
    assert run.status == JobStatus.DONE, run.error_detail
    return run


def members(run: Run) -> set[str]:
    ids = Assignment.objects.filter(run_id=run.pk).values("customer_id")
    return set(Customer.objects.filter(pk__in=ids).values_list("external_id", flat=True))


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ({"attribute": "city", "operator": "eq", "value": "Lyon"}, lambda n: n % 2 == 1),
        ({"attribute": "city", "operator": "ne", "value": "Lyon"}, lambda n: n % 2 == 0),
        ({"attribute": "city", "operator": "contains", "value": "YO"}, lambda n: n % 2 == 1),
        ({"attribute": "age", "operator": "ge", "value": 45}, lambda n: 20 + n % 50 >= 45),
        ({"attribute": "plan", "operator": "is_missing"}, lambda n: n % 3 != 0),
        ({"attribute": "plan", "operator": "in", "value": ["pro", "basic"]}, lambda n: n % 3 == 0),
    ],
)
def test_only_those_who_fulfil_every_condition_take_part(condition: dict[str, Any], expected: Any) -> None:
    people(200)
    run = run_of(filter=[condition])
    wanted = {str(n) for n in range(200) if expected(n)}
    assert members(run) == wanted
    assert run.customers == len(wanted)


@pytest.mark.parametrize(
    ("condition", "pointer"),
    [
        ({"attribute": "shoe", "operator": "eq", "value": 1}, "/filter/0/attribute"),
        ({"attribute": "age", "operator": "eq", "value": "x' OR true --"}, "/filter/0/value"),
        ({"attribute": "city", "operator": "lt", "value": "L"}, "/filter/0/operator"),
        ({"attribute": "age", "operator": "contains", "value": "1"}, "/filter/0/operator"),
        ({"attribute": "joined_on", "operator": "ge", "value": "soon"}, "/filter/0/value"),
        ({"attribute": "age", "operator": "near", "value": 3}, "/filter/0/operator"),
        # Viewers read conditions, and no erasing would find somebody in them.
        ({"attribute": "external_id", "operator": "in", "value": ["7"]}, "/filter/0/value"),
        ({"attribute": "email", "operator": "contains", "value": "ada@example.org"}, "/filter/0/value"),
        ({"attribute": "email", "operator": "ne", "value": "@example.org"}, "/filter/0/value"),
        ({"attribute": "last_name", "operator": "eq", "value": "Lovelace"}, "/filter/0/value"),
        ({"attribute": "phone", "operator": "contains", "value": "555"}, "/filter/0/value"),
        ({"attribute": "birth_date", "operator": "eq", "value": "1990-01-31"}, "/filter/0/value"),
    ],
)
def test_a_condition_that_cannot_be_asked_is_refused_where_it_stands(condition: dict[str, Any], pointer: str) -> None:
    with pytest.raises(defining.InvalidDefinition) as refused:
        defining.read_definition({"features": ["age"], "filter": [condition]})
    assert refused.value.pointer == pointer


def test_of_what_names_people_may_be_asked_what_names_nobody() -> None:
    people()
    asked = [
        {"attribute": "email", "operator": "is_missing", "value": True},
        {"attribute": "last_name", "operator": "is_missing", "value": False},
        {"attribute": "email", "operator": "contains", "value": "@example.org"},
        {"attribute": "birth_date", "operator": "ge", "value": "1990-01-01"},
    ]
    assert len(defining.read_definition({"features": ["age"], "filter": asked}).filter) == 4


def test_hostile_texts_in_a_condition_find_nobody_and_harm_nothing() -> None:
    people()
    hostile = "'; DROP TABLE customers_customer; --"
    definition = {"attribute": "city", "operator": "ne", "value": hostile}
    assert run_of(filter=[definition]).customers == 120


def test_a_run_of_purchases_keeps_the_day_from_which_it_looked_back() -> None:
    people()
    lines = "".join(f"{n},o{n},2024-0{1 + n % 6}-1{n % 9},{n + 1}\n" for n in range(120))
    imported(f"customer id,order id,date,amount\n{lines}", kind="transactions")
    today = run_of(features=["recency", "monetary"])
    assert today.definition["as_of"] == datetime.now(UTC).date().isoformat()
    assert "as_of" not in today.segmentation.definition
    then = run_of("Then", features=["recency", "monetary"], as_of="2024-07-01")
    assert then.model["reference"]["psi_bins"]["recency"]["edges"][-1] < 200  # type: ignore[index]
