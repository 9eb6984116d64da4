"""The well-known mall data must give the figures that everybody knows."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from segments.kmeans.choosing import choose, with_eligibility
from segments.kmeans.explaining import FitWord, explain, fit_word
from segments.kmeans.fitting import fit
from segments.kmeans.measuring import measure, stability
from segments.kmeans.shapes import FeatureSpec, FloatVector, Measured, Prepared, Transform, Verdict

PreparedMall = Callable[..., Prepared]
THREE = ("age", "annual_income", "spending_score")


def with_plain_columns(prepared: Prepared, *columns: FloatVector) -> Prepared:
    """The prepared data with columns beside it that are not scaled."""
    spec = FeatureSpec("plain", "attribute", 0.0, None, Transform.NONE, None, 0.0, 1.0, 1.0)
    return replace(
        prepared,
        z=np.column_stack([prepared.z, *columns]),
        raw=np.column_stack([prepared.raw, *columns]),
        specs=prepared.specs + (spec,) * len(columns),
    )


def data_set(name: str, prepared_mall: PreparedMall, mall: dict[str, FloatVector]) -> Prepared:
    woman = mall["gender"]
    return {
        "2D raw (income,spending)": prepared_mall,
        "2D std": lambda: prepared_mall(scaling="standard"),
        "3D raw (age,income,spending)": lambda: prepared_mall(THREE),
        "3D std": lambda: prepared_mall(THREE, "standard"),
        "4D std num + gender 0/1 unscaled": lambda: with_plain_columns(prepared_mall(THREE, "standard"), woman),
        "4D all std incl gender": lambda: prepared_mall((*THREE, "gender"), "standard"),
        "5D std num + one-hot both": lambda: with_plain_columns(prepared_mall(THREE, "standard"), woman, 1 - woman),
        "4D raw + gender 0/1": lambda: prepared_mall((*THREE, "gender")),
    }[name]()


@pytest.mark.parametrize(
    "name",
    [
        "2D raw (income,spending)",
        "2D std",
        "3D raw (age,income,spending)",
        "3D std",
        "4D std num + gender 0/1 unscaled",
        "4D all std incl gender",
        "5D std num + one-hot both",
        "4D raw + gender 0/1",
    ],
)
def test_every_known_partition_is_found_or_a_better_one(
    name: str, acceptance: dict[str, Any], prepared_mall: PreparedMall, mall: dict[str, FloatVector]
) -> None:
    prepared = data_set(name, prepared_mall, mall)
    known_values = [known for known in acceptance["sets"][name] if known["k"] > 1]
    assert len(known_values) >= 5
    for known in known_values:
        found = fit(prepared, known["k"], seed=0)
        if known["k"] >= 7:
            assert found.inertia <= known["best_known"] * 1.01, known["k"]
            continue
        assert found.inertia <= known["inertia"] * (1 + 1e-4), known["k"]
        if found.inertia >= known["inertia"] * (1 - 1e-6):
            measured = measure(prepared, found, salt=0)
            assert sorted(found.sizes, reverse=True) == known["sizes"], known["k"]
            assert measured.silhouette == pytest.approx(known["silhouette"], abs=5e-4), known["k"]
            assert measured.davies_bouldin == pytest.approx(known["davies_bouldin"], rel=1e-3), known["k"]
            assert measured.calinski_harabasz == pytest.approx(known["calinski_harabasz"], rel=1e-3), known["k"]


def test_five_groups_by_income_and_spending_have_the_known_sizes_and_centres(
    acceptance: dict[str, Any], prepared_mall: PreparedMall
) -> None:
    found = fit(prepared_mall(), 5, seed=0)

    assert found.inertia == pytest.approx(44448.4554, abs=0.01)
    assert found.sizes.tolist() == [81, 39, 35, 23, 22]
    np.testing.assert_allclose(found.centroids, acceptance["mall_2d_k5"]["centroids_income_spending"], atol=1e-5)


def test_raw_and_standardized_give_the_same_five_groups(prepared_mall: PreparedMall) -> None:
    raw, standardized = fit(prepared_mall(), 5, seed=0), fit(prepared_mall(scaling="standard"), 5, seed=0)

    assert standardized.inertia == pytest.approx(65.5684, abs=0.001)
    assert raw.labels.tolist() == standardized.labels.tolist()


def test_standardizing_uses_the_known_means_and_standard_deviations(
    acceptance: dict[str, Any], prepared_mall: PreparedMall
) -> None:
    known, specs = acceptance["mall_2d_k5"], prepared_mall(scaling="standard").specs

    assert [spec.center for spec in specs] == pytest.approx(known["scaler_mean"])
    assert [spec.scale for spec in specs] == pytest.approx(known["scaler_scale"])


def test_exactly_customers_43_and_133_are_borderline(prepared_mall: PreparedMall) -> None:
    prepared = prepared_mall(scaling="standard")
    found = fit(prepared, 5, seed=0)

    words = [fit_word(*pair) for pair in zip(found.distance, found.runner_up_distance, strict=True)]
    assert prepared.ids[[word is FitWord.BORDERLINE for word in words]].tolist() == [43, 133]


def test_customer_1_is_where_it_is_because_of_its_income(prepared_mall: PreparedMall) -> None:
    prepared = prepared_mall(scaling="standard")
    found = fit(prepared, 5, seed=0)

    gaps = explain(prepared.z, found.labels, found.runner_up, found.centroids)
    assert gaps[0] == pytest.approx([2.180, -0.326], abs=5e-4)
    assert 1 - found.distance[0] / found.runner_up_distance[0] == pytest.approx(0.482, abs=5e-4)


def sweep(prepared: Prepared, low: int, high: int) -> list[Measured]:
    candidates = []
    for k in range(low, high + 1):
        found = fit(prepared, k, seed=0)
        certain = stability(prepared, found, salt=0, check=lambda: None)
        candidates.append(replace(measure(prepared, found, salt=0), stability=float(certain.min())))
    return with_eligibility(candidates, len(prepared.ids))


def test_the_best_number_of_segments_by_income_and_spending_is_five(prepared_mall: PreparedMall) -> None:
    prepared = prepared_mall()
    candidates = sweep(prepared, 2, 10)
    choice = choose(prepared, candidates, seed=0, check=lambda: None)

    assert choice.k == 5
    assert choice.verdict is Verdict.CLEAR
    assert choice.reason.startswith("5 segments")
    assert {candidate.k: candidate.is_eligible for candidate in candidates}[4] is False, "four are unstable"


def test_with_age_the_best_number_of_segments_is_six(prepared_mall: PreparedMall) -> None:
    prepared = prepared_mall(THREE, "standard")
    assert choose(prepared, sweep(prepared, 2, 8), seed=0, check=lambda: None).k == 6


def test_stability_is_that_of_the_literature(acceptance: dict[str, Any], prepared_mall: PreparedMall) -> None:
    known = acceptance["bootstrap_B60_min_jaccard"]["2D raw"]
    found = {candidate.k: candidate.stability for candidate in sweep(prepared_mall(), 2, 8)}
    for k, value in known.items():
        assert found[int(k)] == pytest.approx(value, abs=0.12), k
