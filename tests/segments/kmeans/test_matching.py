"""A segment keeps its identity over refits: the people in it are found again, not the number K-means gave it."""

import numpy as np
import pytest

from segments.kmeans.engines.local import partition
from segments.kmeans.fitting import fit
from segments.kmeans.matches import Transition
from segments.kmeans.matching import match
from segments.kmeans.model import Model, ModelMismatch, ModelSegment
from segments.kmeans.shapes import Fit, FloatMatrix, Prepared
from tests.segments.kmeans import given


def model_of(prepared: Prepared, found: Fit, ids: str) -> Model:
    """The fit as a model whose segments are called by the letters of `ids`, in the order of the fit."""
    return Model(
        prepared.specs,
        tuple(
            ModelSegment(name, tuple(centroid.tolist()), int(size), 9.0)
            for name, centroid, size in zip(ids, found.centroids, found.sizes, strict=True)
        ),
    )


def refit(
    old: FloatMatrix, new: FloatMatrix, k_old: int, k_new: int
) -> tuple[dict[str | None, list[str]], dict[str, str]]:
    """Kept id → transitions of the groups that have it; and what became of the others."""
    before, after = given.prepared(old, "none"), given.prepared(new, "none")
    ids = "ABCDEFGH"[:k_old]
    matching = match(model_of(before, fit(before, k_old, seed=0), ids), ["a", "b"], after, fit(after, k_new, seed=3))
    kept: dict[str | None, list[str]] = {}
    for group in matching.groups:
        kept.setdefault(group.keeps, []).append(group.transition.value)
    return kept, {name: gone.value for name, gone in matching.gone.items()}


def test_a_refit_on_the_same_customers_finds_every_segment_again() -> None:
    kept, gone = refit(given.blobs(), given.blobs(), 5, 5)
    assert kept == {name: ["matched"] for name in "ABCDE"}
    assert gone == {}


def test_ids_follow_the_people_when_the_order_of_groups_turns_round() -> None:
    """Yesterday's smallest group is today's largest: it is another row of the fit and the same segment."""
    random = np.random.default_rng(0)
    left, right = np.array([-10.0, 0.0]), np.array([10.0, 0.0])

    def people(on_the_left: int, on_the_right: int) -> FloatMatrix:
        where = np.vstack([np.tile(left, (on_the_left, 1)), np.tile(right, (on_the_right, 1))])
        return where + random.normal(0, 1, where.shape)

    before, after = given.prepared(people(300, 100), "none"), given.prepared(people(100, 300), "none")
    old, new = fit(before, 2, seed=0), fit(after, 2, seed=0)
    matching = match(model_of(before, old, "LR"), ["a", "b"], after, new)

    assert new.centroids[0][0] > 0, "the right one comes first now"
    assert [group.keeps for group in matching.groups] == ["R", "L"]


def test_new_people_far_away_are_a_new_segment_and_the_others_stay() -> None:
    newcomers = np.random.default_rng(1).normal([40, 40], 1, (45, 2))
    kept, gone = refit(given.blobs(groups=4), np.vstack([given.blobs(groups=4), newcomers]), 4, 5)
    assert kept == {name: ["matched"] for name in "ABCD"} | {None: ["born"]}
    assert gone == {}


def test_of_a_segment_that_falls_apart_the_larger_part_keeps_the_id() -> None:
    random = np.random.default_rng(2)
    steady = random.normal([30, 0], 1, (300, 2))
    parts = np.vstack([random.normal([-2, 0], 0.3, (200, 2)), random.normal([2, 0], 0.3, (150, 2))])
    kept, gone = refit(np.vstack([parts, steady]), np.vstack([parts, steady]), 2, 3)
    assert sorted(kept.pop(None)) == ["split"]
    assert sorted(kept.values()) == [["matched"], ["split"]]
    assert gone == {}


def test_of_segments_that_become_one_the_larger_keeps_its_id_and_the_other_is_retired() -> None:
    random = np.random.default_rng(3)
    steady = random.normal([30, 0], 1, (300, 2))
    parts = np.vstack([random.normal([-2, 0], 0.3, (200, 2)), random.normal([2, 0], 0.3, (150, 2))])
    people = np.vstack([parts, steady])
    kept, gone = refit(people, people, 3, 2)
    assert kept == {"A": ["matched"], "B": ["merged"]}, "A has 300 people, B 200, C 150"
    assert gone == {"C": "merged"}


def test_where_nothing_is_left_of_the_segments_all_are_born_and_ended() -> None:
    """The old two divided left from right, the new three lie on one side."""
    old = np.vstack([given.blobs(200, groups=1) - 100, given.blobs(200, groups=1) + 100])
    new = given.blobs(600, groups=3) + 300
    kept, gone = refit(old, new, 2, 3)
    assert set(gone.values()) <= {Transition.ENDED, Transition.MERGED}
    assert len(gone) >= 1
    assert None in kept


def test_segments_told_apart_by_a_feature_that_was_not_read_cannot_be_compared() -> None:
    prepared = given.prepared(given.blobs())
    found = fit(prepared, 5, seed=0)
    with pytest.raises(ModelMismatch, match="this run read only"):
        match(model_of(prepared, found, "ABCDE"), ["a", "c"], prepared, found)


def test_moving_one_border_customer_changes_no_id() -> None:
    prepared = given.prepared(given.blobs(), "none")
    found = fit(prepared, 5, seed=0)
    moved = partition(prepared.z, found.centroids + 0.05, iterations=1, restarts=1)
    matching = match(model_of(prepared, found, "ABCDE"), ["a", "b"], prepared, moved)
    assert sorted(group.keeps or "" for group in matching.groups) == list("ABCDE")
