"""Features are made comparable, each in the open: imputed, clipped, bent, scaled, weighted.

What cannot be used is said.
"""

from typing import Any

import numpy as np
import pytest
from sklearn.preprocessing import MinMaxScaler, PowerTransformer, RobustScaler, StandardScaler

from segments.kmeans.model import apply_specs
from segments.kmeans.preparing import UnusableFeatures, prepare
from segments.kmeans.shapes import Definition, FloatMatrix, Prepared, Transform


def prepared(raw: FloatMatrix, **definition: Any) -> Prepared:
    names = definition.pop("features", [f"feature_{column}" for column in range(raw.shape[1])])
    return prepare(np.arange(1, len(raw) + 1), raw, Definition.from_json({"features": names, **definition}))


@pytest.fixture
def even() -> FloatMatrix:
    """Two features without outliers or skew: clipping takes nothing from them."""
    random = np.random.default_rng(0)
    raw = np.column_stack([random.integers(18, 71, 400), random.integers(1, 100, 400)]).astype(float)
    raw[:5], raw[5:10] = raw.min(axis=0), raw.max(axis=0)
    return raw


@pytest.mark.parametrize(
    ("scaling", "scaler"),
    [("standard", StandardScaler()), ("robust", RobustScaler()), ("minmax", MinMaxScaler())],
)
def test_scaling_is_that_of_the_library_everybody_knows(scaling: str, scaler: Any, even: FloatMatrix) -> None:
    np.testing.assert_allclose(prepared(even, scaling=scaling).z, scaler.fit_transform(even), atol=1e-12)


def test_scaling_none_leaves_the_numbers_as_they_are_even_the_odd_ones(even: FloatMatrix) -> None:
    even[0] = [1e6, -1e6]
    np.testing.assert_array_equal(prepared(even, scaling="none").z, even)


def test_a_weight_stretches_its_feature(even: FloatMatrix) -> None:
    weighted = prepared(even, features=["age", {"name": "score", "weight": 3}]).z
    assert weighted.std(axis=0) == pytest.approx([1, 3])


def test_a_long_tail_is_bent_before_it_is_scaled() -> None:
    incomes = np.random.default_rng(1).lognormal(3, 1, (1000, 1))
    spec = prepared(incomes).specs[0]
    assert spec.transform is Transform.LOG1P
    assert spec.clip is not None
    assert incomes.min() < spec.clip[0] < spec.clip[1] < incomes.max()


def test_a_long_tail_with_negative_values_is_bent_as_the_library_would() -> None:
    balances = np.random.default_rng(2).lognormal(3, 1, (1000, 1)) - 15
    found = prepared(balances)
    (spec,) = found.specs
    assert spec.transform is Transform.YEO_JOHNSON
    assert spec.clip is not None
    expected = PowerTransformer().fit_transform(np.clip(balances, *spec.clip))
    np.testing.assert_allclose(found.z, expected, atol=1e-3)


def test_missing_values_become_the_median_and_the_report_says_how_many(even: FloatMatrix) -> None:
    even[:40, 0] = np.nan
    found = prepared(even, features=["age", "score"], scaling="none")

    assert found.z[:40, 0].tolist() == [np.nanmedian(even[:, 0])] * 40
    assert np.isnan(found.raw[:40, 0]).all(), "what was read is kept as it was"
    (warning,) = found.warnings
    assert warning.startswith("40 of 400 customers have no age; the median stands in for it.")


def test_everything_that_speaks_against_the_features_is_said_at_once(even: FloatMatrix) -> None:
    raw = np.column_stack([even, np.full(400, 7.0), np.full(400, np.nan)])
    raw[:100, 0] = np.nan

    with pytest.raises(UnusableFeatures) as refused:
        prepared(raw, features=["age", "score", "shoe_size", "income"])
    assert [(reason.feature, reason.code) for reason in refused.value.reasons] == [
        ("age", "too_many_missing"),
        ("shoe_size", "constant"),
        ("income", "too_many_missing"),
    ]
    assert "25% of the customers have no age" in str(refused.value)


@pytest.mark.parametrize("customers", [0, 1, 49])
def test_a_handful_of_customers_is_not_segmented(customers: int) -> None:
    with pytest.raises(UnusableFeatures, match=f"only {customers} customers"):
        prepared(np.random.default_rng(0).normal(size=(customers, 2)))


def test_two_features_that_say_the_same_are_pointed_out(even: FloatMatrix) -> None:
    raw = np.column_stack([even, even[:, 0] * 1.02 + 3])
    warnings = prepared(raw, features=["age", "score", "age_in_spring"]).warnings
    assert len(warnings) == 1
    assert warnings[0].startswith("age and age_in_spring say nearly the same (correlation 1.00)")


def test_a_feature_that_only_numbers_the_customers_is_pointed_out(even: FloatMatrix) -> None:
    raw = np.column_stack([even[:, 0], np.arange(1000, 1400)])
    warnings = prepared(raw, features=["age", "number"]).warnings
    assert [warning.split()[0] for warning in warnings] == ["number"]


def test_what_was_fitted_prepares_new_customers_the_same_way(even: FloatMatrix) -> None:
    found = prepared(even, scaling="robust")
    np.testing.assert_array_equal(apply_specs(found.specs, even), found.z)


def test_half_of_the_customers_sharing_one_value_does_not_divide_by_zero() -> None:
    values = np.concatenate([np.zeros(800), np.random.default_rng(0).uniform(1, 9, 200)])
    z = prepared(np.column_stack([values, np.arange(1000.0)]), scaling="robust").z
    assert np.isfinite(z).all()


def test_infinite_values_never_reach_the_model(even: FloatMatrix) -> None:
    even[3, 0] = np.inf
    with pytest.raises(UnusableFeatures, match="infinite"):
        prepared(even, features=["age", "score"])
