"""Each feature is prepared as people ask for it, categories among them, and scores later without the data."""

import json
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segments.kmeans.definition import Definition, Transform
from segments.kmeans.model import Model, ModelMismatch, ModelSegment, apply_model, nearest_two, outside, score
from segments.kmeans.preparing import UnusableFeatures, prepare
from segments.kmeans.shapes import FloatMatrix, Prepared

N = 400
CITIES = ("Bonn", "Köln", "Ulm")


def prepared(raw: FloatMatrix, features: list[Any], levels: Any = None, **definition: Any) -> Prepared:
    definition_ = Definition.from_json({"features": features, **definition})
    return prepare(np.arange(1, len(raw) + 1), raw, definition_, levels=levels or {})


def model_of(found: Prepared, k: int = 3) -> Model:
    """A model of these features, its centroids at the first customers, as it comes back from storage."""
    segments = tuple(ModelSegment(f"sgm_{at}", tuple(found.z[at].tolist()), 1, 3.0) for at in range(k))
    model = Model(found.specs, segments, categories=found.categories)
    return Model.from_json(json.loads(json.dumps(model.to_json())))


@pytest.fixture
def even() -> FloatMatrix:
    """Two numbers without outliers or skew."""
    random = np.random.default_rng(0)
    return random.uniform([18, 1], [70, 100], (N, 2))


@pytest.fixture
def with_city(even: FloatMatrix) -> FloatMatrix:
    """The same and a city as a code: half of the customers in the first, a quarter in each other."""
    return np.column_stack([even, np.resize([0.0, 0.0, 1.0, 2.0], N)])


# ---- what stands in for what is missing ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("missing", "stands_in"), [("median", 3.0), ("mean", 22.0), ("zero", 0.0), (7, 7.0), (-1.5, -1.5)]
)
def test_what_stands_in_for_a_missing_value_is_asked_for(missing: Any, stands_in: float) -> None:
    values = np.resize([1.0, 2.0, 3.0, 4.0, 100.0], N + 100)
    values[:: len(values) // 50] = np.nan
    values[np.flatnonzero(~np.isnan(values))[450:]] = np.nan
    raw = np.column_stack([values, np.random.default_rng(0).normal(size=len(values))])
    found = prepared(raw, [{"name": "orders", "missing": missing}, "score"], scaling="none")
    known = values[~np.isnan(values)]
    expected = {"median": np.median(known), "mean": known.mean()}.get(missing, stands_in)
    assert set(found.z[np.isnan(values), 0]) == {expected}


def test_a_report_says_what_stands_in_and_warns_when_it_does_so_often(even: FloatMatrix) -> None:
    even[:4, 0], even[:40, 1] = np.nan, np.nan
    warnings = prepared(even, [{"name": "age", "missing": 30}, {"name": "score", "missing": "zero"}]).warnings
    many = "40 of 400 customers have no score; zero stands in for it."
    assert warnings == (
        "4 of 400 customers have no age; 30 stands in for it.",
        f"{many} That is many (10%): import its values or leave it out.",
    )


# ---- clip, transform, scaling, each feature for itself ---------------------------------------------------------------


def test_a_feature_is_clipped_at_percentiles_of_its_own(even: FloatMatrix) -> None:
    found = prepared(even, [{"name": "age", "clip": [10, 90]}, {"name": "score", "clip": True}], scaling="none")
    np.testing.assert_array_equal(found.z[:, 0], np.clip(even[:, 0], *np.percentile(even[:, 0], [10, 90])))
    np.testing.assert_array_equal(found.z[:, 1], np.clip(even[:, 1], *np.percentile(even[:, 1], [0.5, 99.5])))


def test_many_customers_are_clipped_unless_somebody_says_no() -> None:
    raw = np.random.default_rng(0).normal(size=(2000, 2))
    usual, never = prepared(raw, ["a", {"name": "b", "clip": False}]).specs
    assert usual.clip == tuple(np.percentile(raw[:, 0], [0.5, 99.5]))
    assert never.clip is None


def test_bounds_that_would_leave_one_value_are_not_used() -> None:
    visits = np.array([0.0] * 380 + [5.0] * 20)
    raw = np.column_stack([visits, np.random.default_rng(0).normal(size=N)])
    found = prepared(raw, [{"name": "visits", "clip": [5, 90], "transform": "none"}, "score"])
    assert found.specs[0].clip is None
    assert found.z[:, 0].std() == pytest.approx(1)


def test_a_feature_has_a_scaling_of_its_own(even: FloatMatrix) -> None:
    z = prepared(even, ["age", {"name": "score", "scaling": "minmax", "weight": 2}]).z
    assert z[:, 0].std() == pytest.approx(1)
    assert (z[:, 1].min(), z[:, 1].max()) == (0, 2)


def test_ranks_are_spread_evenly_whatever_the_tail() -> None:
    raw = np.random.default_rng(0).lognormal(0, 2, (5000, 2))
    found = prepared(raw, [{"name": "a", "transform": "rank", "clip": False}, "b"], scaling="none")
    spec = found.specs[0]
    assert spec.transform is Transform.RANK
    assert spec.knots is not None
    assert len(spec.knots[0]) == len(spec.knots[1]) <= 1000
    exact = (raw[:, 0].argsort().argsort() + 0.5) / len(raw)
    np.testing.assert_allclose(found.z[:, 0], exact, atol=1e-3)


def test_equal_values_have_one_rank_in_the_middle_of_theirs() -> None:
    raw = np.column_stack([np.resize([1.0, 1.0, 2.0, 5.0], N), np.random.default_rng(0).normal(size=N)])
    found = prepared(raw, [{"name": "a", "transform": "rank"}, "b"], scaling="none")
    assert found.z[:4, 0].tolist() == [0.25, 0.25, 0.625, 0.875]


PREPARATION = st.fixed_dictionaries(
    {
        "transform": st.sampled_from(["auto", "none", "log1p", "yeo_johnson", "rank"]),
        "clip": st.sampled_from([None, True, False, [5, 95]]),
        "scaling": st.sampled_from([None, "standard", "robust", "minmax", "none"]),
        "missing": st.sampled_from(["median", "mean", "zero", 2.5]),
        "weight": st.sampled_from([0.5, 1, 3]),
    }
)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(PREPARATION, min_size=1, max_size=3), st.integers(0, 1000))
def test_a_stored_model_prepares_and_scores_exactly_as_it_was_fitted(choices: list[Any], seed: int) -> None:
    random = np.random.default_rng(seed)
    raw = random.lognormal(0, 1, (300, len(choices) + 1)) - 0.5
    raw[random.random(raw.shape) < 0.05] = np.nan
    raw[:, -1] = random.integers(0, 3, 300)
    names = [f"feature_{number}" for number in range(len(choices))]
    features = [{"name": name} | choice for name, choice in zip(names, choices, strict=True)]
    found = prepared(raw, [*features, "city"], {"city": CITIES})
    model = model_of(found)

    z = apply_model(model, [*names, "city"], raw, levels={"city": CITIES})
    assert np.isfinite(z).all()
    np.testing.assert_array_equal(z, found.z)
    fitted = nearest_two(found.z, found.z[:3])
    np.testing.assert_array_equal(score(model, model.names, raw, levels={"city": CITIES}).nearest, fitted.nearest)


# ---- categories ------------------------------------------------------------------------------------------------------


def test_two_customers_of_different_levels_are_their_weight_apart(with_city: FloatMatrix) -> None:
    found = prepared(with_city, ["age", "score", {"name": "city", "weight": 3}], {"city": CITIES})
    city = found.z[:, 2:]
    assert city.shape == (N, 3)
    assert np.linalg.norm(city[0] - city[2]) == pytest.approx(3)
    assert np.linalg.norm(city[0] - city[1]) == 0


def test_a_category_may_stand_anywhere_among_the_features(with_city: FloatMatrix) -> None:
    last = prepared(with_city, ["age", "score", "city"], {"city": CITIES})
    first = prepared(with_city[:, [2, 0, 1]], ["city", "age", "score"], {"city": CITIES})
    np.testing.assert_array_equal(first.z, last.z)
    assert [spec.name for spec in first.specs] == ["age", "score"]
    np.testing.assert_array_equal(first.raw, with_city[:, :2])
    assert model_of(first).names == ["age", "score", "city"]


def test_of_many_levels_the_frequent_ones_count_and_the_others_are_one(even: FloatMatrix) -> None:
    levels = [f"city {number}" for number in range(20)]
    codes = np.concatenate([np.repeat(np.arange(9), 40), np.resize(np.arange(9, 20), 40)])
    found = prepared(np.column_stack([even, codes]), ["age", "score", "city"], {"city": levels})
    (spec,) = found.categories
    assert spec.levels == tuple(levels[:9])
    assert spec.rare == tuple(levels[9:])
    assert spec.width == 10
    assert sum(spec.shares) == pytest.approx(1)
    others = found.z[codes >= 9, 2:]
    assert (others == others[0]).all()


def test_a_customer_without_a_level_has_the_share_of_each(with_city: FloatMatrix) -> None:
    with_city[8:16, 2] = np.nan
    found = prepared(with_city, ["age", "score", "city"], {"city": CITIES})
    np.testing.assert_allclose(found.z[8, 2:] * np.sqrt(2), [0.5, 0.25, 0.25])
    assert found.z[:, 2:].mean(axis=0) == pytest.approx(found.z[8, 2:]), "it draws nobody to any side"
    assert "8 of 400 customers have no city; a mixture of all by their shares stands in for it." in found.warnings


def test_a_level_is_found_by_its_name_whatever_its_code_is_later(with_city: FloatMatrix) -> None:
    found = prepared(with_city, ["age", "score", "city"], {"city": CITIES})
    model = model_of(found)
    turned = with_city.copy()
    turned[:, 2] = 3 - turned[:, 2]
    z = apply_model(model, model.names, turned, levels={"city": ["Hof", "Ulm", "Köln", "Bonn"]})
    np.testing.assert_array_equal(z, found.z)
    with pytest.raises(ModelMismatch, match="none of the 2 places"):
        apply_model(model, model.names, turned, levels={"city": ["Hof", "Ulm"]})


def test_a_level_that_nobody_had_counts_as_unknown(with_city: FloatMatrix) -> None:
    model = model_of(prepared(with_city, ["age", "score", "city"], {"city": CITIES}))
    new = apply_model(model, model.names, np.array([[40.0, 50.0, 3.0]]), levels={"city": [*CITIES, "Hof"]})
    unknown = apply_model(model, model.names, np.array([[40.0, 50.0, np.nan]]))
    np.testing.assert_array_equal(new, unknown)


def test_categories_alone_make_no_groups(with_city: FloatMatrix) -> None:
    with pytest.raises(UnusableFeatures, match="Add a number"):
        prepared(with_city[:, 2:], ["city"], {"city": CITIES})


def test_a_category_of_one_level_and_one_of_thousands_are_refused() -> None:
    random = np.random.default_rng(0)
    raw = np.column_stack([random.normal(size=1500), np.zeros(1500), np.arange(1500)])
    levels = {"city": CITIES, "street": [f"street {number}" for number in range(1500)]}
    with pytest.raises(UnusableFeatures) as refused:
        prepared(raw, ["age", "city", "street"], levels)
    assert [(reason.feature, reason.code) for reason in refused.value.reasons] == [
        ("city", "constant"),
        ("street", "too_many_levels"),
    ]


@pytest.mark.parametrize(("value", "code"), [(np.inf, "infinite"), (-1e150, "too_large")])
def test_numbers_that_distances_cannot_be_computed_with_are_refused(even: FloatMatrix, value: float, code: str) -> None:
    even[3, 0] = value
    with pytest.raises(UnusableFeatures) as refused:
        prepared(even, ["age", "score"])
    assert [(reason.feature, reason.code) for reason in refused.value.reasons] == [("age", code)]


AWKWARD = st.sampled_from(
    [
        lambda random, n: random.lognormal(0, 4, n),
        lambda random, n: random.pareto(0.5, n) * 1e6,
        lambda random, n: -random.pareto(1, n),
        lambda random, n: np.append(np.zeros(n - 1), 1.0),
        lambda random, n: 1e15 + random.integers(0, 5, n),
        lambda random, n: np.append(random.normal(size=n - 1), 1e90),
        lambda random, n: random.normal(size=n) * 1e-90,
    ]
)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(AWKWARD, PREPARATION, st.sampled_from([50, 300, 1500]), st.integers(0, 1000))
def test_the_oddest_numbers_are_prepared_or_refused_but_never_become_nonsense(
    make: Any, choice: dict[str, Any], customers: int, seed: int
) -> None:
    random = np.random.default_rng(seed)
    raw = np.column_stack([make(random, customers), random.normal(size=customers)])
    raw[random.random(raw.shape) < 0.02] = np.nan
    # Where the one odd value is missing, all are the same.
    with suppress(UnusableFeatures):
        assert np.isfinite(prepared(raw, [{"name": "odd"} | choice, "score"]).z).all()


# ---- what people should know -----------------------------------------------------------------------------------------


def warning_about(name: str, warnings: tuple[str, ...]) -> str:
    (found,) = [warning for warning in warnings if warning.startswith(name)]
    return found


def test_features_without_faults_are_not_warned_about(even: FloatMatrix) -> None:
    assert prepared(even, ["age", "score"]).warnings == ()


def test_a_tail_that_is_left_as_it_is_is_pointed_out(even: FloatMatrix) -> None:
    even[:, 0] = np.random.default_rng(1).lognormal(4, 1, N)
    left = prepared(even, [{"name": "revenue", "transform": "none"}, "score"]).warnings
    assert "a few very high values pull groups" in warning_about("revenue is skewed", left)
    assert prepared(even, ["revenue", "score"]).warnings == (), "the logarithm has taken the tail away"


def test_a_logarithm_of_values_below_zero_is_pointed_out(even: FloatMatrix) -> None:
    even[:5, 0] = -3
    (warning,) = prepared(even, [{"name": "balance", "transform": "log1p", "clip": False}, "score"]).warnings[:1]
    assert warning.startswith("balance is below zero for 5 customers")


@pytest.mark.parametrize(
    ("noise", "words"), [(0.05, "say nearly the same"), (0.5, "say largely the same"), (1.5, None)]
)
def test_features_that_say_the_same_are_pointed_out_by_how_much(
    even: FloatMatrix, noise: float, words: str | None
) -> None:
    beside = (even[:, 0] - even[:, 0].mean()) / even[:, 0].std() + np.random.default_rng(3).normal(0, noise, N)
    warnings = prepared(np.column_stack([even[:, 0], beside]), ["age", "tenure"]).warnings
    assert [words is not None and words in warning for warning in warnings] == ([True] if words else [])


def test_a_feature_that_is_the_same_for_nearly_everybody_is_pointed_out(even: FloatMatrix) -> None:
    even[:, 0] = 0
    even[::40, 0] = 7
    warnings = prepared(even, ["complaints", "score"]).warnings
    assert warning_about("complaints is 0 for 98%", warnings)


def test_a_category_that_outweighs_the_numbers_is_pointed_out(with_city: FloatMatrix) -> None:
    light = prepared(with_city, ["age", "score", {"name": "city", "weight": 0.5}], {"city": CITIES})
    heavy = prepared(with_city, ["age", "score", {"name": "city", "weight": 3}], {"city": CITIES})
    assert light.warnings == ()
    assert "smaller weight" in warning_about("city makes up 58% of all differences", heavy.warnings)


def test_gender_comes_with_a_word_on_fairness_as_a_number_and_as_a_category(with_city: FloatMatrix) -> None:
    with_city[:, 2] = with_city[:, 2].clip(max=1)
    as_category = prepared(with_city, ["age", "score", "gender"], {"gender": ("male", "female")})
    as_number = prepared(with_city, ["age", "score", "gender"])
    for found in (as_category, as_number):
        assert "may be unfair" in warning_about("gender would decide", found.warnings)


def test_a_category_that_names_each_customer_is_pointed_out(even: FloatMatrix) -> None:
    raw = np.column_stack([even, np.arange(N)])
    found = prepared(raw, ["age", "score", "number_plate"], {"number_plate": [str(number) for number in range(N)]})
    assert "as if it named them" in warning_about("number_plate has 400 different", found.warnings)


# ---- rows beyond what the model has seen -----------------------------------------------------------------------------


def test_rows_beyond_the_training_are_scored_and_flagged_by_feature(with_city: FloatMatrix) -> None:
    model = model_of(prepared(with_city, ["age", "score", "city"], {"city": CITIES}))
    low, high = with_city[:, 0].min(), with_city[:, 0].max()
    rows = np.array(
        [
            [low, 50.0, 0.0],
            [low - 1, 50.0, 2.0],
            [high + 1, 1e9, 3.0],
            [np.nan, np.nan, np.nan],
        ]
    )
    levels = {"city": [*CITIES, "Hof"]}
    assert outside(model, model.names, rows, levels=levels).tolist() == [
        [False, False, False],
        [True, False, False],
        [True, True, True],
        [False, False, False],
    ]
    assert np.isfinite(score(model, model.names, rows, levels=levels).distance).all()
    with pytest.raises(ModelMismatch):
        outside(model, ["score", "age", "city"], rows)


def test_what_is_clipped_is_flagged_beyond_its_clip(even: FloatMatrix) -> None:
    found = prepared(even, [{"name": "age", "clip": [10, 90]}, "score"])
    low, high = found.specs[0].clip or (0, 0)
    beyond = outside(model_of(found), ["age", "score"], even)
    np.testing.assert_array_equal(beyond[:, 0], (even[:, 0] < low) | (even[:, 0] > high))
    assert not beyond[:, 1].any()


def test_a_model_that_was_stored_before_there_was_more_to_store_still_scores(even: FloatMatrix) -> None:
    found = prepared(even, ["age", "score"])
    model = model_of(found)
    stored = model.to_json()
    del stored["categories"], stored["reference"]
    for spec in stored["features"]:
        del spec["knots"], spec["seen"]
    earlier = Model.from_json(stored)

    np.testing.assert_array_equal(score(earlier, model.names, even).distance, score(model, model.names, even).distance)
    assert not outside(earlier, model.names, even * 1000).any(), "it does not know what it had seen"
