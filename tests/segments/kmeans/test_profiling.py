"""What a segment looks like, in figures that people know."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from segments.kmeans.fitting import fit
from segments.kmeans.naming import suggest_names, traits
from segments.kmeans.profiling import profile
from segments.kmeans.shapes import FeatureProfile, Fit, Prepared, Profile
from tests.segments.kmeans import given
from tests.segments.kmeans.test_mall import THREE, PreparedMall

LABELS = {"annual_income": "Annual income", "spending_score": "Spending score"}


def profiled(prepared: Prepared, found: Fit) -> tuple[Profile, list[Profile]]:
    nothing = [None] * found.k
    return profile(prepared, found, salt=0, silhouettes=nothing, stabilities=nothing)


def test_the_mall_segments_are_described_by_their_own_customers(prepared_mall: PreparedMall) -> None:
    prepared = prepared_mall(scaling="standard")
    found = fit(prepared, 5, seed=0)
    everybody, segments = profiled(prepared, found)

    assert (everybody.size, everybody.share) == (200, 1.0)
    assert [one.size for one in segments] == [81, 39, 35, 23, 22]
    for group, one in enumerate(segments):
        members = prepared.raw[found.labels == group]
        income = one.feature("annual_income")
        means = dict(zip(("annual_income", "spending_score"), members.mean(axis=0), strict=True))
        assert one.centroid == pytest.approx(means)
        assert (income.count, income.missing) == (len(members), 0)
        assert income.sd == pytest.approx(members[:, 0].std())
        assert [income.minimum, income.q1, income.median, income.q3, income.maximum] == pytest.approx(
            np.percentile(members[:, 0], [0, 25, 50, 75, 100])
        )
        assert income.z == pytest.approx((members[:, 0].mean() - 60.56) / 26.19897707926781)
        assert len(one.sample) == len(members), "of 200 customers every one is drawn"
        assert set(one.typical) <= set(prepared.ids[found.labels == group].tolist())


def test_bins_of_the_segments_add_up_to_those_of_everybody(prepared_mall: PreparedMall) -> None:
    everybody, segments = profiled(prepared := prepared_mall(), fit(prepared, 5, seed=0))
    for feature in everybody.features:
        mine = [one.feature(feature.name) for one in segments]
        assert np.sum([one.bins for one in mine], axis=0).tolist() == list(feature.bins)
        assert {one.edges for one in mine} == {feature.edges}
        assert sum(feature.bins) == 200


def test_features_are_ranked_by_how_much_they_tell_segments_apart(
    acceptance: dict[str, Any], prepared_mall: PreparedMall
) -> None:
    known = acceptance["mall_2d_k5"]["eta2"]
    two, three = prepared_mall(), prepared_mall(THREE)
    everybody, _ = profiled(three, fit(two, 5, seed=0))
    found = {feature.name: feature.eta_squared for feature in everybody.features}
    assert found["spending_score"] == pytest.approx(known["spending"], abs=1e-3)
    assert found["annual_income"] == pytest.approx(known["income"], abs=1e-3)
    assert found["age"] == pytest.approx(known["age"], abs=1e-3)


def test_missing_values_are_counted_and_left_out_of_the_figures() -> None:
    raw = given.blobs(500)
    raw[::10, 1] = np.nan
    prepared = given.prepared(raw)
    everybody, segments = profiled(prepared, fit(prepared, 5, seed=0))
    feature = everybody.feature("b")
    assert (feature.count, feature.missing) == (450, 50)
    assert feature.mean == pytest.approx(np.nanmean(raw[:, 1]))
    assert sum(one.feature("b").missing for one in segments) == 50


def test_a_profile_comes_back_from_json_as_it_was(prepared_mall: PreparedMall) -> None:
    everybody, segments = profiled(prepared := prepared_mall(), fit(prepared, 5, seed=0))
    for one in [everybody, *segments]:
        assert Profile.from_json(json.loads(json.dumps(one.to_json(), allow_nan=False))) == one


def test_of_many_customers_a_sample_is_kept_in_which_small_segments_still_show() -> None:
    random = np.random.default_rng(0)
    raw = np.vstack([random.normal(0, 1, (30_000, 2)), random.normal(50, 1, (60, 2))])
    prepared = given.prepared(raw, "none")
    _, segments = profiled(prepared, fit(prepared, 2, seed=0))
    assert 1_000 < len(segments[0].sample) < 2_000
    assert len(segments[1].sample) == 30


def test_the_mall_segments_get_names_that_say_what_they_are(prepared_mall: PreparedMall) -> None:
    _, segments = profiled(prepared := prepared_mall(), fit(prepared, 5, seed=0))
    assert suggest_names(segments, LABELS) == [
        "Average",
        "High annual income · High spending score",
        "High annual income · Low spending score",
        "Low annual income · Low spending score",
        "Low annual income · High spending score",
    ]


def feature(name: str, z: float, eta_squared: float = 0.5) -> FeatureProfile:
    return FeatureProfile(name, 10, 0, 1.0, 1.0, 0.0, 0.5, 1.0, 1.5, 2.0, z, eta_squared)


def with_features(*features: FeatureProfile) -> Profile:
    return Profile(size=10, share=0.1, features=features, centroid={})


def test_names_are_unique_and_leave_those_that_are_taken() -> None:
    alike = with_features(feature("income", 1.0), feature("score", 0.9))
    names = suggest_names([alike, alike, alike], {}, taken=["high income · HIGH SCORE"])
    assert len({name.casefold() for name in names} | {"high income · high score"}) == 4


def test_a_strong_difference_in_what_hardly_tells_segments_apart_does_not_name_them() -> None:
    one = with_features(feature("shoe_size", 1.2, 0.05), feature("income", -0.8, 0.9), feature("age", 0.4, 0.9))
    assert traits(one, {}) == ["Low income", "High shoe size"]
    assert traits(with_features(replace(feature("income", 0.49))), {}) == []
