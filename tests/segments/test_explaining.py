"""Why a customer is where it is adds up, however features are prepared; and what would move it does move it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segments.kmeans.explaining import counterfactual, explain
from segments.kmeans.fitting import fit
from segments.kmeans.model import Model, ModelSegment, score
from segments.kmeans.preparing import prepare
from segments.kmeans.shapes import Definition, FloatMatrix, Prepared

CITIES = {"city": ("Bonn", "Köln", "Ulm")}
CHOICES = st.fixed_dictionaries(
    {
        "transform": st.sampled_from(["auto", "none", "log1p", "yeo_johnson", "rank"]),
        "clip": st.sampled_from([None, False, [2, 98]]),
        "scaling": st.sampled_from(["standard", "robust", "minmax", "none"]),
        "weight": st.sampled_from([0.5, 1, 3]),
    }
)


def model_of(prepared: Prepared, centroids: FloatMatrix) -> Model:
    """A model with centroids (k, c) where a test wants them: an explanation holds wherever they are."""
    return Model(
        prepared.specs,
        tuple(ModelSegment(f"sgm_{at}", tuple(centroid.tolist()), 1, 3.0) for at, centroid in enumerate(centroids)),
        categories=prepared.categories,
    )


def customers(seed: int, features: int) -> FloatMatrix:
    """Skewed numbers of either sign, some missing, and a city."""
    random = np.random.default_rng(seed)
    raw = random.lognormal(0, 0.8, (250, features + 1)) - 0.5
    raw[random.random(raw.shape) < 0.03] = np.nan
    raw[:, -1] = random.integers(0, 3, 250)
    raw[::50, -1] = np.nan
    return raw


def prepared_as(choices: list[Any], raw: FloatMatrix) -> Prepared:
    features = [{"name": f"feature_{number}"} | choice for number, choice in enumerate(choices)]
    definition = Definition.from_json({"features": [*features, "city"]})
    return prepare(np.arange(1, len(raw) + 1), raw, definition, levels=CITIES)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.lists(CHOICES, min_size=1, max_size=4), st.integers(0, 1000), st.integers(2, 5))
def test_the_parts_of_features_add_up_to_the_whole_gap(choices: list[Any], seed: int, k: int) -> None:
    raw = customers(seed, len(choices))
    prepared = prepared_as(choices, raw)
    model = model_of(prepared, prepared.z[:k])
    scores = score(model, model.names, raw, levels=CITIES)
    parts = explain(prepared.z, scores.nearest, scores.runner_up, model.centroids, columns=model.columns)
    columns = explain(prepared.z, scores.nearest, scores.runner_up, model.centroids)

    assert parts.shape == (250, len(choices) + 1), "a category is one part, whatever its columns"
    near, far = scores.distance**2, scores.runner_up_distance**2
    assert (np.abs(parts.sum(axis=1) - (far - near)) <= 1e-9 * (far + near)).all()
    np.testing.assert_array_equal(parts[:, :-1], columns[:, : len(choices)])
    np.testing.assert_allclose(parts[:, -1], columns[:, len(choices) :].sum(axis=1), rtol=1e-12, atol=1e-12)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.lists(CHOICES, min_size=1, max_size=3), st.integers(0, 1000), st.integers(2, 5))
def test_the_change_that_is_named_moves_the_customer_and_no_smaller_one_does(
    choices: list[Any], seed: int, k: int
) -> None:
    raw = customers(seed, len(choices))
    prepared = prepared_as(choices, raw)
    model = model_of(prepared, prepared.z[-k:])
    for row in raw[:5]:
        runner_up = score(model, model.names, row[np.newaxis], levels=CITIES).runner_up[0]
        found = counterfactual(model, row, levels=CITIES)
        assert list(found) == [spec.name for spec in model.features], "a category has no smallest change"
        for column, spec in enumerate(model.features):
            change = found[spec.name]
            current = spec.impute if np.isnan(row[column]) else row[column]
            tried = np.tile(row, (1500, 1))
            tried[:, column] = np.concatenate(
                [np.linspace(-5, 40, 900), current + np.linspace(-1, 1, 600) * abs(change.change if change else 1)]
            )
            moves = score(model, model.names, tried, levels=CITIES).nearest == runner_up
            if change is None:
                assert not moves.any()
                continue
            smaller = np.abs(tried[:, column] - current) < abs(change.change) * (1 - 1e-4) - 1e-5
            assert not moves[smaller].any()
            row_changed = row.copy()
            row_changed[column] = change.value
            assert score(model, model.names, row_changed[np.newaxis], levels=CITIES).nearest[0] == runner_up
            assert change.change == pytest.approx(change.value - current)


def test_on_the_mall_data_it_is_the_way_to_the_line_between_two_centres(mall_file: Path) -> None:
    """Customer 1 (15, 39) is with low income and low spending; the average ones come next."""
    raw = np.loadtxt(mall_file, delimiter=",", skiprows=1, usecols=(3, 4))
    definition = Definition.from_json({"features": ["annual_income", "spending_score"], "scaling": "none"})
    prepared = prepare(np.arange(1, 201), raw, definition)
    found = counterfactual(model_of(prepared, fit(prepared, 5, seed=0).centroids), raw[0])
    own, average = np.array([26.304347826, 20.913043478]), np.array([55.296296296, 49.518518519])
    middle, normal = (own + average) / 2, average - own
    income = middle[0] - (39 - middle[1]) * normal[1] / normal[0]

    change = found["annual_income"]
    assert change is not None
    assert change.value == pytest.approx(income, abs=1e-6)
    assert change.change == pytest.approx(income - 15, abs=1e-6)
    assert change.is_seen
    assert found["spending_score"] is None, "spending more leads to low income and high spending"


def test_no_value_beyond_the_clip_moves_anybody() -> None:
    """The runner-up lies beyond the clip of the feature: no value leads there."""
    raw = np.random.default_rng(0).normal(0, 1, (300, 2))
    definition = Definition.from_json({"features": [{"name": "a", "clip": [40, 60]}, "b"], "scaling": "none"})
    specs = prepare(np.arange(300), raw, definition).specs
    segments = (ModelSegment("near", (0.0, 0.0), 1, 1.0), ModelSegment("far", (5.0, 0.0), 1, 1.0))
    assert counterfactual(Model(specs, segments), [0.0, 0.0]) == {"a": None, "b": None}


def test_a_change_beyond_what_anybody_has_is_said_to_be_that() -> None:
    raw = np.random.default_rng(0).normal(0, 1, (300, 2))
    specs = prepare(np.arange(300), raw, Definition.from_json({"features": ["a", "b"], "scaling": "none"})).specs
    segments = (ModelSegment("near", (0.0, 0.0), 1, 1.0), ModelSegment("far", (50.0, 0.0), 1, 1.0))
    change = counterfactual(Model(specs, segments), [0.0, 0.0])["a"]
    assert change is not None
    assert change.value == pytest.approx(25)
    assert not change.is_seen
