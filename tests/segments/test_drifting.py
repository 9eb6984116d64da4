"""A model tells when customers are no longer those that it was fitted on."""

import json
from dataclasses import replace

import numpy as np
import pytest

from segments.kmeans.drifting import DriftWord, drift, psi, reference, word_for
from segments.kmeans.model import Model, ModelMismatch, ModelSegment, nearest_two
from segments.kmeans.preparing import prepare
from segments.kmeans.shapes import Definition, Fit, FloatMatrix, Prepared

N = 4000
LEVELS = ("basic", "plus", "pro")


def customers(seed: int = 0, rows: int = N) -> FloatMatrix:
    """Age, orders (a third has none), tariff."""
    random = np.random.default_rng(seed)
    orders = random.poisson(3, rows) * (random.random(rows) > 0.3)
    return np.column_stack([random.normal(45, 12, rows), orders, random.choice(3, rows, p=[0.6, 0.3, 0.1])])


def prepared(raw: FloatMatrix) -> Prepared:
    definition = Definition.from_json({"features": ["age", "orders", "tariff"]})
    return prepare(np.arange(len(raw)), raw, definition, levels={"tariff": LEVELS})


def model_of(found: Prepared) -> Model:
    """A model of three segments with its reference, as it comes back from storage."""
    centroids = found.z[:3]
    scores = nearest_two(found.z, centroids)
    fit = Fit(centroids, scores.nearest, scores.distance, scores.runner_up, scores.runner_up_distance, 0.0, 1, 1)
    segments = tuple(
        ModelSegment(f"sgm_{at}", tuple(centroids[at].tolist()), int(fit.sizes[at]), far)
        for at in range(3)
        if (far := float(np.percentile(fit.distance[fit.labels == at], 99)))
    )
    model = Model(found.specs, segments, reference=reference(found, fit), categories=found.categories)
    return Model.from_json(json.loads(json.dumps(model.to_json(), allow_nan=False)))


@pytest.fixture
def model() -> Model:
    return model_of(prepared(customers()))


def test_the_same_customers_have_not_drifted(model: Model) -> None:
    found = drift(model, model.names, customers(), levels={"tariff": LEVELS})
    assert found.word is DriftWord.STABLE
    assert [moved.psi for moved in found.features.values()] == pytest.approx([0, 0, 0], abs=1e-12)
    assert list(found.features) == ["age", "orders", "tariff"]
    assert found.mix is not None
    assert found.mix.psi == pytest.approx(0, abs=1e-12)
    assert found.far_share == pytest.approx(0.01, abs=0.002)
    assert found.distance_ratio == pytest.approx(1)


def test_other_customers_of_the_same_kind_drift_no_more_than_chance_would_have_it(model: Model) -> None:
    """`by_chance` is a 95th percentile: one figure in twenty lies above it."""
    found = [drift(model, model.names, customers(seed, 400)) for seed in range(1, 101)]
    assert all(one.word is DriftWord.STABLE for one in found)
    beyond = [moved.psi > moved.by_chance for one in found for moved in one.features.values()]
    assert 0.01 < np.mean(beyond) < 0.12


def test_a_feature_that_moves_is_named_and_the_others_are_not(model: Model) -> None:
    raw = customers(1)
    raw[:, 0] += 5
    found = drift(model, model.names, raw)
    assert {name: moved.word for name, moved in found.features.items()} == {
        "age": DriftWord.WATCH,
        "orders": DriftWord.STABLE,
        "tariff": DriftWord.STABLE,
    }
    raw[:, 0] += 12
    found = drift(model, model.names, raw)
    assert found.features["age"].word is DriftWord.ACT
    assert found.word is DriftWord.ACT
    assert found.far_share > 0.03
    assert found.distance_ratio is not None
    assert found.distance_ratio > 1.1


def test_values_that_go_missing_are_drift_too(model: Model) -> None:
    raw = customers(1)
    raw[::5, 1] = np.nan
    assert drift(model, model.names, raw).features["orders"].word is DriftWord.ACT


def test_levels_that_change_and_new_ones_are_drift(model: Model) -> None:
    raw = customers(1)
    raw[::4, 2] = 3
    assert drift(model, model.names, raw, levels={"tariff": [*LEVELS, "max"]}).features["tariff"].word is DriftWord.ACT
    again = customers(1)
    again[:, 2] = 2 - again[:, 2]
    turned = drift(model, model.names, again, levels={"tariff": LEVELS[::-1]})
    assert turned.features["tariff"].word is DriftWord.STABLE, "the same levels in another order"


def test_psi_is_the_sum_that_everybody_knows() -> None:
    assert psi([0.5, 0.5], [0.6, 0.4]) == pytest.approx(0.1 * np.log(1.2) - 0.1 * np.log(0.8))
    assert psi([0.5, 0.5], [0.4, 0.6]) == pytest.approx(psi([0.4, 0.6], [0.5, 0.5]))
    assert np.isfinite(psi([0.5, 0.5, 0.0], [0.5, 0.3, 0.2]))


@pytest.mark.parametrize(
    ("index", "word"),
    [
        (0.0, DriftWord.STABLE),
        (0.0999, DriftWord.STABLE),
        (0.1, DriftWord.WATCH),
        (0.2499, DriftWord.WATCH),
        (0.25, DriftWord.ACT),
        (3.0, DriftWord.ACT),
    ],
)
def test_what_to_do_about_it(index: float, word: DriftWord) -> None:
    assert word_for(index) is word


def test_deciles_of_equal_values_are_kept_once(model: Model) -> None:
    bins = model.reference["psi_bins"]
    assert len(bins["age"]["edges"]) == 9
    assert bins["age"]["shares"] == pytest.approx([0.1] * 10 + [0], abs=0.001)
    edges = bins["orders"]["edges"]
    assert edges == sorted(set(edges))
    assert bins["orders"]["shares"][0] > 0.3, "those without orders are one bin"
    for one in bins.values():
        assert sum(one["shares"]) == pytest.approx(1)


def test_a_model_that_kept_no_reference_says_what_it_can(model: Model) -> None:
    before = replace(model, reference={"segment_shares": model.reference["segment_shares"]})
    found = drift(before, model.names, customers(1))
    assert found.features == {}
    assert found.mix is not None
    assert found.distance_ratio is None
    assert drift(replace(model, reference={}), model.names, customers(1)).word is DriftWord.STABLE


def test_nothing_is_said_without_customers_or_of_other_features(model: Model) -> None:
    with pytest.raises(ValueError, match="without customers"):
        drift(model, model.names, customers()[:0])
    with pytest.raises(ModelMismatch):
        drift(model, ["age", "orders"], customers()[:, :2])
