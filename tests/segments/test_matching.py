"""Over many refits of customers who change, each segment stays itself; every decision has its reason; people decide."""

import json
from dataclasses import dataclass, field

import numpy as np
import pytest
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_limits

from segments.kmeans.matches import CannotOverrule, Match, Matching, Transition, overrule
from segments.kmeans.matching import match
from segments.kmeans.model import Model, ModelMismatch, ModelSegment, nearest_two
from segments.kmeans.preparing import prepare
from segments.kmeans.shapes import Definition, Fit, FloatMatrix, IntVector, Prepared

# ---- a stream of refits ----------------------------------------------------------------------------------------------

# When who lives where with how many customers: a later line takes the place of an earlier one, None ends it.
LIFE: dict[int, dict[str, tuple[tuple[float, float], int] | None]] = {
    0: {"A": ((-20, 0), 200), "B": ((20, 0), 150), "C": ((0, 20), 300), "D": ((0, -20), 120)},
    4: {"E": ((35, 35), 60)},
    # One part of C moves away from the other.
    7: {"C": ((-3.6, 20), 180), "F": ((3.6, 20), 120)},
    # A and D meet half way.
    11: {"A": ((-11.5, -8.5), 200), "D": ((-8.5, -11.5), 120)},
    15: {"B": None},
    # Many newcomers, of all segments nearest to E, yet far from it.
    17: {"G": ((40, -30), 300)},
}
# Who is one group from when on.
MET = {11: ("A", "D")}
EXPECTED = {
    4: {"E": Transition.BORN},
    7: {"C": Transition.SPLIT, "F": Transition.SPLIT},
    11: {"A": Transition.MERGED},
    17: {"G": Transition.BORN},
}


@dataclass
class World:
    """Customers of known groups who drift a little from one refit to the next."""

    random: np.random.Generator
    places: dict[str, tuple[tuple[float, float], int]] = field(default_factory=dict)
    one: dict[str, str] = field(default_factory=dict)

    def snapshot(self, step: int) -> tuple[FloatMatrix, list[str]]:
        """(n, 2) customers and to which group each truly belongs."""
        for name, place in LIFE.get(step, {}).items():
            if place is None:
                del self.places[name]
            else:
                self.places[name] = place
        if step in MET:
            larger, smaller = MET[step]
            self.one[smaller] = larger
        drift = np.array([0.5, 0.3]) * step
        rows, truth = [], []
        for name, (middle, size) in self.places.items():
            rows.append(np.array(middle) + drift + self.random.normal(0, 1.5, (size, 2)))
            truth += [self.one.get(name, name)] * size
        order = self.random.permutation(len(truth))
        return np.vstack(rows)[order], [truth[at] for at in order]


def prepared(raw: FloatMatrix) -> Prepared:
    features = [{"name": name, "transform": "none"} for name in "ab"]
    definition = Definition.from_json({"features": features})
    return prepare(np.arange(1, len(raw) + 1), raw, definition)


def refit(found: Prepared, k: int, seed: int) -> Fit:
    """A fit whose groups come in the order that K-means happens to give them."""
    with threadpool_limits(1):
        centroids = KMeans(k, n_init=20, random_state=seed).fit(found.z).cluster_centers_
    centroids = centroids[np.random.default_rng(seed).permutation(k)]
    scores = nearest_two(found.z, centroids)
    return Fit(
        centroids,
        scores.nearest,
        scores.distance,
        scores.runner_up,
        scores.runner_up_distance,
        0.0,
        1,
        20,
    )


def true_names(labels: IntVector, truth: list[str], k: int) -> list[str]:
    """The true group of each found one: that of nine in ten of its customers."""
    names = []
    for group in range(k):
        members = [truth[at] for at in np.flatnonzero(labels == group)]
        name = max(set(members), key=members.count)
        assert members.count(name) / len(members) > 0.9, "the test wants groups without doubt"
        names.append(name)
    return names


@pytest.mark.parametrize("seed", range(5))
def test_over_twenty_refits_ids_stay_with_their_people(seed: int) -> None:
    world = World(np.random.default_rng(seed))
    model: Model | None = None
    ids: dict[str, str] = {}
    for step in range(20):
        raw, truth = world.snapshot(step)
        now, k = prepared(raw), len(set(truth))
        found = refit(now, k, seed=100 * seed + step)
        names = true_names(found.labels, truth, k)
        assert len(set(names)) == k
        if model is None:
            kept: list[str | None] = [None] * k
        else:
            matching = match(model, ["a", "b"], now, found)
            kept = [one.keeps for one in matching.groups]
            transitions = dict(zip(names, (one.transition for one in matching.groups), strict=True))
            usual = dict.fromkeys(names, Transition.MATCHED)
            assert transitions == usual | EXPECTED.get(step, {}), step
            gone = {11: {ids["D"]: Transition.MERGED}, 15: {ids["B"]: Transition.ENDED}}.get(step, {})
            assert matching.gone == gone, step
            assert set(matching.why_gone) == set(gone)
        for name, segment_id in zip(names, kept, strict=True):
            assert segment_id == ids.get(name), (step, name)
            ids.setdefault(name, f"{name} of step {step}")
        model = Model(
            now.specs,
            tuple(
                ModelSegment(
                    ids[name],
                    tuple(found.centroids[group].tolist()),
                    int(found.sizes[group]),
                    float(np.percentile(found.distance[found.labels == group], 99)),
                )
                for group, name in enumerate(names)
            ),
        )
    assert set(ids) == set("ABCDEFG")


# ---- decisions and their reasons -------------------------------------------------------------------------------------


def decided(flows: list[list[int]]) -> Matching:
    """The matching where so many rows of old segment A, B, … (lines) are in new group 0, 1, … (places).

    Old segments and new groups are stripes of a plane, so that any flow can be made.
    """
    counts = np.array(flows)
    rows, labels = [], []
    for old in range(len(counts)):
        for new in range(counts.shape[1]):
            rows += [[10.0 * old, 10.0 * new]] * int(counts[old, new])
            labels += [new] * int(counts[old, new])
    raw = np.array(rows)
    definition = Definition.from_json({"features": ["a", "b"], "scaling": "none"})
    now = prepare(np.arange(len(raw)), raw, definition)
    model = Model(
        now.specs, tuple(ModelSegment(chr(ord("A") + old), (10.0 * old, 0.0), 1, 1000.0) for old in range(len(counts)))
    )
    zeros = np.zeros(len(raw))
    fit = Fit(np.zeros((counts.shape[1], 2)), np.array(labels), zeros, np.array(labels), zeros, 0.0, 1, 1)
    return match(model, ["a", "b"], now, fit, labels={"A": "Champions", "B": "Sleepers"})


def kept(matching: Matching) -> list[str | None]:
    return [one.keeps for one in matching.groups]


def test_a_segment_that_survives_says_by_how_much() -> None:
    matching = decided([[90, 10], [0, 100]])
    assert kept(matching) == ["A", "B"]
    assert matching.groups[0].why == "It goes on as “Champions”: 90% of its customers are here; 70% make it the same."


def test_the_largest_child_keeps_the_id_though_another_is_more_alike() -> None:
    """More than half of A is in a group with as many strangers; its second part is pure."""
    matching = decided([[55, 45, 0], [50, 0, 50]])
    assert matching.groups[0].keeps == "A"
    assert matching.groups[0].transition is Transition.SPLIT
    assert "fallen apart" in matching.groups[0].why
    assert matching.groups[1].transition is Transition.SPLIT
    assert "its id stays with another part" in matching.groups[1].why


def test_a_child_that_is_mostly_another_segment_stays_that_one() -> None:
    matching = decided([[50, 45, 5], [200, 0, 0]])
    assert kept(matching)[:2] == ["B", "A"]
    assert "nobody else's" in matching.groups[1].why


def test_of_a_merger_the_larger_parent_stays_though_the_smaller_came_whole() -> None:
    matching = decided([[75, 25, 0], [80, 0, 0], [0, 0, 90]])
    merged = matching.groups[0]
    assert (merged.keeps, merged.transition) == ("A", Transition.MERGED)
    assert "“Champions” and “Sleepers” have become one" in merged.why
    assert matching.gone == {"B": Transition.MERGED}
    assert matching.why_gone["B"].startswith("“Sleepers” is retired: 100% of its customers")


def test_what_little_of_a_retired_segment_went_elsewhere_does_not_carry_its_id_away() -> None:
    matching = decided([[300, 0], [70, 30]])
    assert kept(matching) == ["A", None]
    assert matching.gone == {"B": Transition.MERGED}
    assert matching.groups[1].transition is Transition.BORN


def test_a_segment_that_is_scattered_ends() -> None:
    matching = decided([[100, 0, 0, 0], [0, 100, 0, 0], [0, 0, 100, 0], [28, 24, 24, 24]])
    assert kept(matching) == ["A", "B", "C", None]
    assert matching.gone == {"D": Transition.ENDED}
    assert matching.why_gone["D"] == (
        "“D” has ended: its customers went different ways, 28% at most to the same group."
    )
    assert matching.groups[3].why.startswith("It is new")


def test_every_group_and_every_end_has_its_reason() -> None:
    random = np.random.default_rng(0)
    for _ in range(200):
        matching = decided(random.integers(15, 60, random.integers(2, 6, 2)).tolist())
        assert all(one.why.endswith(".") for one in matching.groups)
        assert set(matching.why_gone) == set(matching.gone)
        ids = [one for one in kept(matching) if one]
        assert len(ids) == len(set(ids)), "no id is kept twice"
        assert not set(ids) & set(matching.gone)
        assert Matching.from_json(json.loads(json.dumps(matching.to_json()))) == matching


def test_segments_are_found_again_by_category_whatever_the_codes_are_now() -> None:
    """Two groups that only a category tells apart; the levels come in another order the next day."""
    random = np.random.default_rng(0)
    definition = Definition.from_json({"features": [{"name": "a", "weight": 0.01}, "tariff"]})

    def day(levels: tuple[str, ...]) -> tuple[Prepared, list[str]]:
        tariffs = [("basic", "pro")[at % 3 == 0] for at in range(300)]
        codes = np.array([float(levels.index(tariff)) for tariff in tariffs])
        raw = np.column_stack([random.normal(0, 1, 300), codes])
        return prepare(np.arange(300), raw, definition, levels={"tariff": levels}), tariffs

    before, _ = day(("basic", "pro"))
    after, tariffs = day(("none", "pro", "basic"))
    old, new = refit(before, 2, 0), refit(after, 2, 1)
    basic_then = "BP" if old.centroids[0, 1] > old.centroids[0, 2] else "PB"
    model = Model(
        before.specs,
        tuple(
            ModelSegment(name, tuple(row.tolist()), 1, 9.0) for name, row in zip(basic_then, old.centroids, strict=True)
        ),
        categories=before.categories,
    )
    for one in match(model, ["a"], after, new).groups:
        members = {tariffs[at] for at in np.flatnonzero(new.labels == one.group)}
        assert members == {"basic" if one.keeps == "B" else "pro"}
        assert one.keeps is not None

    with pytest.raises(ModelMismatch, match="this run read only"):
        match(model, ["a"], prepared(random.normal(0, 1, (300, 2))), new)


# ---- a person decides ------------------------------------------------------------------------------------------------


@pytest.fixture
def proposed() -> Matching:
    return Matching(
        groups=(
            Match(0, Transition.MATCHED, "A", 0.9, {"A": 0.9}, "why"),
            Match(1, Transition.MATCHED, "B", 0.5, {"B": 0.8}, "why"),
            Match(2, Transition.BORN, None, 0.0, {}, "why"),
        ),
        gone={"C": Transition.ENDED},
        why_gone={"C": "why"},
    )


def test_a_person_may_say_that_a_group_is_another_segment(proposed: Matching) -> None:
    found = overrule(proposed, {2: "C"}, labels={"C": "Champions"})
    assert kept(found) == ["A", "B", "C"]
    assert (found.gone, found.why_gone) == ({}, {})
    assert found.groups[2].why == "It goes on as “Champions”: a person decided so."
    assert [one.is_overruled for one in found.groups] == [False, False, True]


def test_a_segment_whose_group_a_person_takes_away_ends(proposed: Matching) -> None:
    found = overrule(proposed, {1: None})
    assert kept(found) == ["A", None, None]
    assert found.gone == {"C": Transition.ENDED, "B": Transition.ENDED}
    assert "a person decided" in found.why_gone["B"]


def test_two_groups_may_be_swapped(proposed: Matching) -> None:
    assert kept(overrule(proposed, {0: "B", 1: "A"})) == ["B", "A", None]


def test_a_decision_for_what_is_so_already_changes_nothing(proposed: Matching) -> None:
    assert overrule(proposed, {0: "A", 2: None}) == proposed
    assert overrule(proposed, {}) == proposed


@pytest.mark.parametrize(
    ("decisions", "words"),
    [
        ({2: "A"}, "Two groups would go on as “A”"),
        ({1: "C", 2: "C"}, "Two groups would go on as “C”"),
        ({7: "A"}, "There is no group 7"),
        ({2: "Z"}, "No segment in use has the id Z"),
    ],
)
def test_decisions_that_cannot_be_are_refused(proposed: Matching, decisions: dict[int, str | None], words: str) -> None:
    with pytest.raises(CannotOverrule, match=words):
        overrule(proposed, decisions)
