"""`manage.py segment` does from a terminal what the pages and the API do."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from customers.models import Customer
from segments import starting
from segments.models import Assignment, Run, Segment, Segmentation

pytestmark = pytest.mark.usefixtures("mall")

Segment_ = Callable[..., dict[str, Any]]


@pytest.fixture
def segment(capsys: pytest.CaptureFixture[str]) -> Segment_:
    """`segment("--k", "5")` is what the command prints as JSON."""

    def call(*arguments: str, features: str = "annual_income,spending_score") -> dict[str, Any]:
        call_command("segment", "--name", "Income and spending", "--features", features, "--json", *arguments)
        printed: dict[str, Any] = json.loads(capsys.readouterr().out)
        return printed

    return call


def test_five_segments_of_the_mall_are_the_known_ones(segment: Segment_) -> None:
    printed = segment("--k", "5", "--scaling", "none", "--publish")

    assert printed["segmentation"] == "income-and-spending"
    assert printed["run"].startswith("run_")
    assert (printed["status"], printed["k"], printed["customers"]) == ("published", 5, 200)
    assert printed["inertia"] == pytest.approx(44448.4554, abs=0.01)
    assert printed["silhouette"] == pytest.approx(0.5539, abs=0.0005)
    assert printed["verdict"] == "clear"
    assert printed["seconds"] > 0
    assert [one["size"] for one in printed["segments"]] == [81, 39, 35, 23, 22]
    assert [one["share"] for one in printed["segments"]] == [0.405, 0.195, 0.175, 0.115, 0.11]
    assert {one["id"][:4] for one in printed["segments"]} == {"sgm_"}
    assert printed["segments"][1]["centroid"] == pytest.approx(
        {"annual_income": 86.538462, "spending_score": 82.128205}
    )
    assert printed["segments"][1]["name"] == "High annual income · High spending score"
    (candidate,) = printed["candidates"]
    assert set(candidate) == {"k", "inertia", "silhouette", "davies_bouldin", "calinski_harabasz", "stability"}
    assert candidate["davies_bouldin"] == pytest.approx(0.572563, abs=1e-5)


def test_of_two_to_ten_segments_five_are_chosen(segment: Segment_) -> None:
    printed = segment("--k", "auto", "--k-range", "2-10", "--scaling", "none")

    assert (printed["k"], printed["status"], printed["verdict"]) == (5, "draft", "clear")
    assert [candidate["k"] for candidate in printed["candidates"]] == list(range(2, 11))
    inertias = [candidate["inertia"] for candidate in printed["candidates"]]
    assert inertias == sorted(inertias, reverse=True)
    assert all(0 <= candidate["stability"] <= 1 for candidate in printed["candidates"])


def test_standardized_features_give_the_known_spread_and_the_centres_in_their_own_units(segment: Segment_) -> None:
    printed = segment("--k", "5", "--scaling", "standard")
    assert printed["inertia"] == pytest.approx(65.5684, abs=0.001)
    assert printed["silhouette"] == pytest.approx(0.5547, abs=0.0005)
    assert printed["segments"][0]["centroid"] == pytest.approx(
        {"annual_income": 55.296296, "spending_score": 49.518519}
    )


def test_the_same_name_again_is_the_same_segmentation_with_the_same_segments(segment: Segment_) -> None:
    first, second = (segment("--k", "5", "--scaling", "none", "--publish", "--seed", seed) for seed in "12")

    assert second["segmentation"] == first["segmentation"]
    assert second["run"] != first["run"]
    assert [one["id"] for one in second["segments"]] == [one["id"] for one in first["segments"]]
    assert Segmentation.objects.count() == 1


@pytest.mark.parametrize(
    ("arguments", "features", "words"),
    [
        ((), "annual_income,shoe_size", "no feature 'shoe_size'"),
        ((), "annual_income,city", "no feature 'city'"),
        ((), "annual_income,annual_income", "named twice"),
        ((), " , ", "at least one feature"),
        (("--k", "1"), "age", "--k: This must be a whole number from 2 to 30"),
        (("--k", "many"), "age", "--k: This must be a whole number from 2 to 30"),
        (("--k-range", "7-3"), "age", "--k-range: The smallest number (7) is above the largest (3)"),
        (("--k-range", "5"), "age", "--k-range: Give the smallest and the largest"),
        (("--seed", "-1"), "age", "--seed: This must be a whole number from 0"),
    ],
)
def test_wrong_usage_is_said_in_a_sentence_and_nothing_is_saved(
    segment: Segment_, arguments: tuple[str, ...], features: str, words: str
) -> None:
    with pytest.raises(CommandError) as refused:
        segment(*arguments, features=features)
    assert refused.value.returncode == 2
    assert words in str(refused.value)
    assert not Segmentation.objects.exists()


def test_an_unusable_feature_fails_with_the_reason_and_what_to_do(segment: Segment_) -> None:
    Customer.objects.filter(external_id__lte="2").update(age=None)
    with pytest.raises(CommandError) as failed:
        segment(features="age,annual_income")
    assert failed.value.returncode == 1
    assert "of the customers have no age" in str(failed.value)
    assert "Leave it out or import its values." in str(failed.value)
    assert not Segment.objects.exists()


def test_more_segments_than_different_customers_is_refused_in_words(segment: Segment_) -> None:
    Customer.objects.update(annual_income=20)
    Customer.objects.filter(spending_score__gt=50).update(annual_income=80)
    with pytest.raises(CommandError, match="only 2 different combinations of values, so 3 segments cannot be formed"):
        segment("--k", "3", features="annual_income")


def test_while_a_run_is_under_way_no_other_starts(segment: Segment_) -> None:
    segment("--k", "5")
    active = starting.start_run(Segmentation.objects.get(), by=None, ring=False)
    with pytest.raises(CommandError, match=active.public_id) as refused:
        segment("--k", "4")
    assert refused.value.returncode == 1


def test_without_json_the_segments_are_listed_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("segment", "--name", "Plain", "--features", "annual_income,spending_score", "--k", "5", "--publish")
    printed = capsys.readouterr().out
    assert "200 customers in 5 segments (published)" in printed
    assert "High annual income · High spending score" in printed


def test_a_run_that_fails_leaves_no_assignments(segment: Segment_) -> None:
    Customer.objects.all().delete()
    with pytest.raises(CommandError, match="only 0 customers"):
        segment()
    run = Run.objects.get()
    assert (run.status, run.error_code) == ("failed", "cannot_segment")
    assert not Assignment.objects.filter(run_id=run.pk).exists()
