"""Names say what segments are, are never the same, and are questioned when they are no longer true."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segments.kmeans.naming import Action, contradictions, suggest_action, suggest_names
from segments.kmeans.shapes import FeatureProfile, Profile

LABELS = {"annual_income": "Annual income", "spending_score": "Spending score"}


def profile(**z: float) -> Profile:
    """A segment whose features lie so many standard deviations from everybody's mean."""
    features = tuple(
        FeatureProfile(name, 10, 0, 1.0, 1.0, 0.0, 0.5, 1.0, 1.5, 2.0, value, 0.5) for name, value in z.items()
    )
    return Profile(size=10, share=0.1, features=features, centroid={})


# ---- names -----------------------------------------------------------------------------------------------------------


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    st.lists(st.lists(st.sampled_from([-2.0, -1.0, 0.0, 1.0, 2.0]), min_size=3, max_size=3), max_size=30),
    st.lists(st.sampled_from(["Average", "average 2", "HIGH A · HIGH B", "Low c", "High a 2"]), max_size=5),
)
def test_no_two_segments_ever_have_the_same_name(spread: list[list[float]], taken: list[str]) -> None:
    names = suggest_names([profile(a=a, b=b, c=c) for a, b, c in spread], {}, taken=taken)
    assert len(names) == len(spread)
    folded = [name.casefold() for name in names]
    assert len(set(folded)) == len(folded)
    assert not set(folded) & {name.casefold() for name in taken}


def test_names_say_features_in_one_order_whichever_is_the_stronger() -> None:
    segments = [profile(annual_income=1.0, spending_score=z) for z in (1.5, -1.5, 0.7)]
    assert suggest_names(segments, LABELS) == [
        "High annual income · High spending score",
        "High annual income · Low spending score",
        "High annual income · High spending score 2",
    ]


# ---- names that are no longer true -----------------------------------------------------------------------------------


def test_a_name_that_still_holds_is_left_alone() -> None:
    then, now = profile(annual_income=1.2, spending_score=1.1), profile(annual_income=0.8, spending_score=1.4)
    assert contradictions("Champions", now, LABELS, meant=then) == ()
    assert contradictions("High annual income · High spending score", now, LABELS) == ()


@pytest.mark.parametrize(("z", "word"), [(-0.8, "low"), (0.2, "average"), (-0.2, "average")])
def test_a_name_in_ones_own_words_stands_for_what_the_person_saw(z: float, word: str) -> None:
    then, now = profile(annual_income=1.2, spending_score=1.1), profile(annual_income=0.9, spending_score=z)
    assert contradictions("Champions", now, LABELS, meant=then) == (
        f"“Champions” stands for high spending score, which is {word} here now.",
    )


def test_a_name_in_our_words_is_taken_at_them() -> None:
    now = profile(annual_income=-1.0, spending_score=1.0, age=1.0)
    (sentence,) = contradictions("high annual income, High spending score", now, LABELS)
    assert "annual income, which is low here now" in sentence
    (sentence,) = contradictions("Younger", now, LABELS)
    assert "low age, which is high here now" in sentence
    assert contradictions("The higher annual income club", now, LABELS) == (), "it is not in our words"


def test_what_is_no_longer_looked_at_contradicts_nothing() -> None:
    assert contradictions("Champions", profile(age=1.0), LABELS, meant=profile(spending_score=2.0)) == ()
    assert contradictions("Champions", profile(age=1.0), LABELS) == ()


# ---- what to do ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("z", "action"),
    [
        ({"recency": 1.5, "frequency": 0.8, "monetary": 1.0}, Action.WIN_BACK),
        ({"recency": 1.5, "frequency": 0.0, "monetary": 0.1}, Action.WIN_BACK),
        ({"recency": 1.5, "frequency": -0.9, "monetary": -0.8}, Action.WATCH),
        ({"recency": -0.8, "frequency": 1.5, "monetary": 1.2}, Action.REWARD),
        ({"recency": -0.8, "frequency": 0.1, "monetary": 0.0}, Action.NURTURE),
        ({"recency": 0.0, "frequency": 0.1, "monetary": 0.0}, Action.WATCH),
        ({"recency": -0.8, "frequency": -0.7, "monetary": -0.6, "tenure": -1.2}, Action.INTRODUCE),
        ({"recency": -0.8, "frequency": 0.9, "monetary": 1.6, "tenure": -1.2}, Action.REWARD),
        ({"recency": 1.2}, Action.WIN_BACK),
        ({"tenure": -1.2}, Action.INTRODUCE),
        ({"annual_income": 1.1, "spending_score": 1.2}, Action.REWARD),
        ({"annual_income": 1.1, "spending_score": -1.2}, Action.NURTURE),
        ({"annual_income": -1.1, "spending_score": -1.2}, Action.WATCH),
        ({"annual_income": -1.1, "spending_score": 1.2}, Action.REWARD),
        ({"annual_income": 0.0, "spending_score": 0.1}, Action.WATCH),
    ],
)
def test_what_to_do_follows_from_when_they_came_and_what_they_are_worth(z: dict[str, float], action: Action) -> None:
    found = suggest_action(profile(**z), LABELS)
    assert found is not None
    assert found.action is action
    assert found.why.endswith(".")


def test_where_nothing_says_what_customers_are_worth_nothing_is_suggested() -> None:
    assert suggest_action(profile(age=2.0, height=1.0), LABELS) is None


def test_a_suggestion_says_what_was_measured_and_promises_nothing() -> None:
    found = suggest_action(profile(annual_income=1.1, spending_score=-1.2), LABELS)
    assert found is not None
    assert found.why == "Their spending score is low although their annual income is high."
    for z in (-2.0, 0.0, 2.0):
        words = suggest_action(profile(recency=-z, monetary=z, tenure=z), LABELS)
        assert words is not None
        assert not any(sign in words.why for sign in "%€$0123456789")
