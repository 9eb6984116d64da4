"""The model at rest is JSON that scores elsewhere exactly as it was fitted."""

import json
from dataclasses import replace

import numpy as np
import pytest
from sklearn.cluster import KMeans

from segments.kmeans.explaining import FitWord, explain, fit_word, margin
from segments.kmeans.fitting import fit
from segments.kmeans.model import Model, ModelMismatch, ModelSegment, nearest_two, score
from segments.kmeans.shapes import Fit, Prepared
from tests.segments.kmeans import given


@pytest.fixture
def prepared() -> Prepared:
    return given.prepared(np.random.default_rng(0).lognormal(0, 0.8, (1200, 3)) - 0.5)


@pytest.fixture
def found(prepared: Prepared) -> Fit:
    return fit(prepared, 6, seed=0)


@pytest.fixture
def model(prepared: Prepared, found: Fit) -> Model:
    segments = tuple(
        ModelSegment(f"sgm_{group}", tuple(centroid.tolist()), int(size), 3.0)
        for group, (centroid, size) in enumerate(zip(found.centroids, found.sizes, strict=True))
    )
    return Model(
        prepared.specs, segments, fit={"seed": 0, "inertia": found.inertia}, reference={"segment_shares": [0.1]}
    )


def test_a_model_comes_back_from_json_bit_by_bit(model: Model) -> None:
    again = Model.from_json(json.loads(json.dumps(model.to_json())))

    assert again == model
    assert again.centroids.tobytes() == model.centroids.tobytes()
    assert set(model.to_json()) == {
        "schema",
        "algorithm",
        "k",
        "features",
        "categories",
        "segments",
        "fit",
        "reference",
    }


def test_a_model_at_rest_scores_its_own_customers_as_they_were_assigned(
    model: Model, prepared: Prepared, found: Fit
) -> None:
    scores = score(Model.from_json(json.loads(json.dumps(model.to_json()))), ["a", "b", "c"], prepared.raw)

    np.testing.assert_array_equal(scores.nearest, found.labels)
    np.testing.assert_array_equal(scores.distance, found.distance)


def test_scoring_equals_the_prediction_of_the_library(prepared: Prepared, found: Fit) -> None:
    library = KMeans(n_clusters=found.k, init=found.centroids, n_init=1, max_iter=1).fit(prepared.z)
    library.cluster_centers_ = found.centroids
    new = given.noise(100_000, features=3, seed=9) / 20 - 2
    np.testing.assert_array_equal(nearest_two(new, found.centroids).nearest, library.predict(new))


def test_features_that_the_model_was_not_fitted_on_are_refused(model: Model, prepared: Prepared) -> None:
    for names in (["b", "a", "c"], ["a", "b"], ["a", "b", "d"]):
        with pytest.raises(ModelMismatch, match="was fitted on"):
            score(model, names, prepared.raw)


def test_a_model_of_another_kind_is_refused(model: Model) -> None:
    with pytest.raises(ValueError, match="schema"):
        Model.from_json(model.to_json() | {"schema": 2})


def test_a_customer_without_a_value_is_scored_as_the_median_one(model: Model) -> None:
    median = np.array([[spec.impute for spec in model.features]])
    missing = np.full((1, 3), np.nan)
    names = [spec.name for spec in model.features]
    assert score(model, names, missing).distance == score(model, names, median).distance


def test_reasons_add_up_to_the_gap_between_runner_up_and_own_segment(prepared: Prepared, found: Fit) -> None:
    gaps = explain(prepared.z, found.labels, found.runner_up, found.centroids)
    np.testing.assert_allclose(gaps.sum(axis=1), found.runner_up_distance**2 - found.distance**2, rtol=1e-9, atol=1e-9)


def test_a_customer_has_no_reason_to_be_in_its_own_segment_rather_than_in_its_own(
    prepared: Prepared, found: Fit
) -> None:
    with pytest.raises(ValueError, match="own segment"):
        explain(prepared.z, found.labels, found.labels, found.centroids)


@pytest.mark.parametrize(
    ("distance", "runner_up", "word"),
    [
        (0.0, 2.0, FitWord.TYPICAL),
        (1.39, 2.0, FitWord.TYPICAL),
        (1.41, 2.0, FitWord.CLOSE),
        (1.79, 2.0, FitWord.CLOSE),
        (1.81, 2.0, FitWord.BORDERLINE),
        (2.0, 2.0, FitWord.BORDERLINE),
        (0.0, 0.0, FitWord.BORDERLINE),
        (5.0, None, FitWord.TYPICAL),
    ],
)
def test_how_firmly_a_customer_belongs(distance: float, runner_up: float | None, word: FitWord) -> None:
    assert fit_word(distance, runner_up) is word


def test_margins_of_all_are_those_of_each(found: Fit) -> None:
    several = replace(found).distance[:5], found.runner_up_distance[:5]
    assert margin(*several).tolist() == [1 - one / other for one, other in zip(*several, strict=True)]
