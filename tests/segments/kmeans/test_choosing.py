"""The number of segments is chosen honestly, and where the data has no groups the site says so."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import calinski_harabasz_score, davies_bouldin_score, silhouette_samples

from segments.kmeans.choosing import choose, recommend, with_eligibility
from segments.kmeans.fitting import fit
from segments.kmeans.measuring import measure, prediction_strength, separation, silhouettes, spread, stability
from segments.kmeans.shapes import Choice, FloatMatrix, Measured, Verdict
from tests.segments.kmeans import given


def never() -> None:
    """Nobody asks to stop."""


def chosen(raw: FloatMatrix, ks: range = range(2, 7)) -> Choice:
    prepared = given.prepared(raw)
    candidates = []
    for k in ks:
        found = fit(prepared, k, seed=0)
        certain = stability(prepared, found, salt=0, check=never)
        candidates.append(replace(measure(prepared, found, salt=0), stability=float(certain.min())))
    return choose(prepared, with_eligibility(candidates, len(raw)), seed=0, check=never)


@pytest.mark.parametrize("groups", [3, 5])
def test_groups_that_are_there_are_counted_right_and_called_clear(groups: int) -> None:
    choice = chosen(given.blobs(groups=groups))
    assert (choice.k, choice.verdict) == (groups, Verdict.CLEAR)
    assert choice.reason.startswith(f"{groups} segments are best separated")


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("spread", [given.noise, given.bell])
@pytest.mark.parametrize("features", [2, 4])
def test_data_without_groups_is_said_to_have_none(spread: Any, features: int, seed: int) -> None:
    choice = chosen(spread(features=features, seed=seed))
    assert choice.verdict is Verdict.NO_CLEAR_GROUPS
    assert choice.reason.startswith("No clear groups")
    assert choice.null_silhouette is not None


def test_of_twenty_noises_at_least_nineteen_are_said_to_have_no_groups() -> None:
    verdicts = [chosen(given.noise(2_100, features=3, seed=seed), range(2, 7, 2)).verdict for seed in range(20)]
    assert verdicts.count(Verdict.NO_CLEAR_GROUPS) >= 19


def test_five_groups_far_apart_are_counted_right_every_time() -> None:
    choices = [chosen(given.blobs(2_100, seed=seed), range(4, 7)) for seed in range(20)]
    assert {(choice.k, choice.verdict) for choice in choices} == {(5, Verdict.CLEAR)}


def test_a_number_that_somebody_fixed_is_judged_too() -> None:
    assert chosen(given.noise(), range(4, 5)).verdict is Verdict.NO_CLEAR_GROUPS
    clear = chosen(given.blobs(groups=4), range(4, 5))
    assert clear.verdict is Verdict.CLEAR
    assert clear.reason.startswith("4 segments, as you chose.")


def candidate(k: int, silhouette: float, stability: float, smallest: int = 50) -> Measured:
    return Measured(
        k=k,
        inertia=100.0 / k,
        silhouette=silhouette,
        davies_bouldin=1.0,
        calinski_harabasz=100.0,
        smallest_share=smallest / 1000,
        smallest_size=smallest,
        stability=stability,
    )


def test_the_highest_separation_does_not_win_when_its_segments_are_tiny() -> None:
    """Raw purchases at k = 2 reach .90 with 26 customers in one of the two segments."""
    candidates = with_eligibility([candidate(2, 0.90, 0.99, smallest=6), candidate(4, 0.45, 0.9)], 1000)
    best, reason = recommend(candidates)
    assert best.k == 4
    assert "Higher separation at 2 was set aside" in reason


def test_the_highest_separation_does_not_win_when_its_segments_are_not_found_again() -> None:
    best, _ = recommend(with_eligibility([candidate(3, 0.5, 0.8), candidate(5, 0.6, 0.74)], 1000))
    assert best.k == 3


def test_when_no_number_is_good_the_least_bad_is_named_as_such() -> None:
    best, reason = recommend(with_eligibility([candidate(3, 0.5, 0.5), candidate(5, 0.6, 0.7)], 1000))
    assert best.k == 5
    assert "least bad" in reason


def test_of_small_tables_a_twentieth_is_large_enough() -> None:
    """22 of the 200 mall customers are a segment to act upon."""
    assert with_eligibility([candidate(5, 0.55, 0.97, smallest=22)], 200)[0].is_eligible
    assert not with_eligibility([candidate(5, 0.55, 0.97, smallest=22)], 2000)[0].is_eligible


def test_groups_that_are_far_apart_are_found_again_in_every_resample() -> None:
    prepared = given.prepared(given.blobs())
    assert stability(prepared, fit(prepared, 5, seed=0), salt=0, check=never).min() > 0.98
    assert stability(prepared, fit(prepared, 7, seed=0), salt=0, check=never).min() < 0.75


def test_half_of_the_customers_say_who_is_together_in_the_other_half_where_groups_are_there() -> None:
    clear, noise = given.prepared(given.blobs()), given.prepared(given.noise())
    strengths = {k: prediction_strength(clear, k, salt=0, check=never) for k in (4, 5, 7)}
    assert strengths[5] > 0.95
    assert max(strengths[4], strengths[7]) < 0.8
    assert prediction_strength(noise, 6, salt=0, check=never) < 0.8
    assert prediction_strength(clear, 4, salt=0, check=never) == strengths[4]


def test_nearness_is_how_much_nearer_everybody_is_to_the_own_centre_than_to_the_next() -> None:
    prepared = given.prepared(given.blobs())
    found = fit(prepared, 5, seed=0)
    expected = np.mean(1 - found.distance / found.runner_up_distance)
    assert measure(prepared, found, salt=0).simplified_silhouette == pytest.approx(expected)


def test_the_separation_of_all_is_the_mean_of_the_groups() -> None:
    prepared = given.prepared(given.blobs())
    found = fit(prepared, 4, seed=0)
    by_group = separation(prepared, found, salt=0).by_group
    mean = float(np.average([value or 0.0 for value in by_group], weights=found.sizes))
    assert measure(prepared, found, salt=0).silhouette == pytest.approx(mean)


@pytest.mark.parametrize("k", [2, 5, 9])
def test_separation_and_spread_are_those_that_scikit_learn_computes(k: int) -> None:
    """Among whole numbers, where many rows are alike, and with somebody alone in a group."""
    random = np.random.default_rng(k)
    z = np.vstack([random.integers(0, 12, (700, 2)), [[90.0, 0.0]]])
    labels = np.append(random.integers(0, k - 1, 700), k - 1)

    np.testing.assert_allclose(silhouettes(z, labels), silhouette_samples(z, labels), atol=1e-6)
    assert spread(z, labels) == pytest.approx(
        (davies_bouldin_score(z, labels), calinski_harabasz_score(z, labels)), rel=1e-9
    )
