"""Segmentations defined on their page: features and their preparation, who takes part, ready-made choices."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db.models import F
from django.test import Client

from segmentation_site.jobs import leases
from segments import defining, running, starting
from segments.models import Run, Segmentation
from tests import given
from tests.customers.given import imported

pytestmark = pytest.mark.django_db(transaction=True)
FORM: dict[str, Any] = {
    "name": "By income",
    "features": ["annual_income", "spending_score"],
    "scaling": "standard",
    "how": "fixed",
    "k": 4,
    "seed": 0,
}


@pytest.fixture
def browser(mall: Callable[[], None], signed_in: Callable[[User], Client]) -> Client:
    mall()
    return signed_in(given.person("analyst", "ann"))


def row(number: int, attribute: str, operator: str, value: str = "") -> dict[str, str]:
    return {
        f"where-{number}-attribute": attribute,
        f"where-{number}-operator": operator,
        f"where-{number}-value": value,
    }


def test_what_is_asked_of_features_and_customers_is_kept_and_shown_again(browser: Client) -> None:
    form = FORM | {
        "features": ["annual_income", "gender"],
        "weight-annual_income": "2.5",
        "transform-annual_income": "rank",
        "missing-annual_income": "mean",
        "weight-gender": "0.5",
        **row(0, "age", "ge", "18"),
        **row(1, "gender", "in", "Female, male"),
        **row(2, "email", "is_missing"),
        **row(3, "", "eq", "ignored"),
    }
    answer = browser.post("/segmentations/new", form, follow=True)
    assert answer.status_code == 200
    segmentation = Segmentation.objects.get()
    income, gender = segmentation.definition["features"]
    assert income == {"name": "annual_income", "transform": "rank", "weight": 2.5, "missing": "mean"}
    assert (gender["name"], gender["weight"]) == ("gender", 0.5)
    assert segmentation.definition["filter"] == [
        {"attribute": "age", "operator": "ge", "value": 18.0},
        {"attribute": "gender", "operator": "in", "value": ["female", "male"]},
        {"attribute": "email", "operator": "is_missing", "value": True},
    ]
    assert Run.objects.get().definition == segmentation.definition

    page = browser.get("/segmentations/by-income/edit").content.decode()
    assert 'value="2.5"' in page
    assert 'value="female, male"' in page
    shown = browser.get("/segmentations/by-income").content.decode()
    assert "Age is at least 18" in shown


def test_what_the_form_does_not_show_stays_when_it_is_saved(browser: Client) -> None:
    browser.post("/segmentations/new", FORM)
    segmentation = Segmentation.objects.get()
    segmentation.definition["features"][0] |= {"clip": [1.0, 99.0], "scaling": "robust", "missing": 12.5}
    segmentation.definition["as_of"] = "2026-01-31"
    segmentation.save()
    browser.post("/segmentations/by-income/edit", FORM | {"missing-annual_income": "12.5"})
    segmentation.refresh_from_db()
    income = segmentation.definition["features"][0]
    assert (income["clip"], income["scaling"], income["missing"]) == ([1.0, 99.0], "robust", 12.5)
    assert segmentation.definition["as_of"] == "2026-01-31"


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        (row(0, "age", "ge", "old"), "Age is a number"),
        (row(0, "gender", "gt", "female"), "has no order"),
        (row(0, "age", "contains", "4"), "is no text"),
        (row(0, "joined_on", "ge", "soon"), "is a date such as"),
        (row(0, "age", "in", ""), "Give a list of 1 to"),
        ({"weight-annual_income": "0"}, "0.01"),
        ({"transform-annual_income": "wild"}, "wild"),
    ],
)
def test_what_cannot_be_asked_is_said_at_its_place_and_nothing_typed_is_lost(
    browser: Client, asked: dict[str, str], why: str
) -> None:
    answer = browser.post("/segmentations/new", FORM | asked)
    page = answer.content.decode()
    assert answer.status_code == 422
    assert why in page
    assert 'value="By income"' in page
    assert not Segmentation.objects.exists()


def test_purchases_bring_a_ready_made_choice_of_recency_frequency_and_money(browser: Client) -> None:
    assert "recency, frequency, money" not in browser.get("/segmentations/new").content.decode()
    imported(
        "customer id,date,amount\n" + "".join(f"{n},2026-01-0{1 + n % 9},{n}\n" for n in range(1, 201)),
        kind="transactions",
    )
    page = browser.get("/segmentations/new?preset=rfm").content.decode()
    assert "recency, frequency, money" in page
    assert 'value="recency" checked' in page


def test_the_form_says_what_features_have_a_tail_which_say_the_same_and_how_long_it_takes(browser: Client) -> None:
    page = browser.get("/segmentations/new")
    assert page.context["offer"].hints == ()
    # Ten buy ten times what others do; what is spent and how often rise together.
    lines = [f"{n},2026-01-0{1 + order % 9},{10 + n}\n" for n in range(1, 151) for order in range(1 + n // 30)]
    lines += [f"{n},2026-02-01,5000\n" for n in range(141, 151)]
    imported("customer id,date,amount\n" + "".join(lines), kind="transactions")
    page = browser.get("/segmentations/new")
    (hint,) = (one for one in page.context["offer"].hints if set(one.features) == {"frequency", "monetary"})
    assert "say nearly the same" in hint.text
    notes = {option.key: option.note for option in page.context["offer"].options}
    assert "a few very high values" in notes["monetary"]
    assert "values" not in notes["age"]
    assert all(option.bars for option in page.context["offer"].options)
    assert page.content.decode().count("Takes about") == 2


def test_how_long_it_takes_to_look_for_a_number_is_told_beside_a_chosen_one(
    browser: Client,
) -> None:
    for name, k, minutes in (("Looked for", "auto", 9), ("Chosen", 3, 2)):
        definition = defining.read_definition({"features": ["age"], "k": k, "k_range": [2, 3]})
        segmentation = defining.create_segmentation(name=name, definition=definition)
        run = starting.start_run(segmentation, by=None, ring=False)
        leases.carry_out(Run, run.pk, running.execute)
        Run.objects.filter(pk=run.pk).update(finished_at=F("started_at") + timedelta(minutes=minutes))
    takes = browser.get("/segmentations/new").context["offer"].takes
    assert (takes.best, takes.fixed) == ("9\xa0min", "2\xa0min")


def test_spark_is_offered_where_it_is_set_and_else_it_is_said_why_not(browser: Client, settings: object) -> None:
    shown = browser.get("/segmentations/new").content.decode()
    assert 'name="engine"' not in shown
    assert "an operator sets SPARK_MASTER" in shown

    settings.SPARK_MASTER = "local[2]"  # type: ignore[attr-defined]
    assert "an operator sets SPARK_MASTER" not in browser.get("/segmentations/new").content.decode()
    browser.post("/segmentations/new", FORM | {"engine": "spark"})
    assert Segmentation.objects.get().definition["engine"] == "spark"
    assert Run.objects.get().definition["engine"] == "spark"
    shown = browser.get("/segmentations/by-income/edit").content.decode()
    assert 'value="spark"' in shown
    assert '<details class="card" open>' in shown

    settings.SPARK_MASTER = ""  # type: ignore[attr-defined]
    browser.post("/segmentations/by-income/edit", FORM)
    assert "engine" not in Segmentation.objects.get().definition
