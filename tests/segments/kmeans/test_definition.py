"""A definition is checked once, by one schema, which names the field at fault."""

from typing import Any

import pytest

from segments.kmeans.shapes import Definition, DefinitionError

KNOWN = ("age", "annual_income", "spending_score")


def test_names_alone_are_enough_and_the_rest_has_good_defaults() -> None:
    definition = Definition.from_json({"features": ["annual_income", "spending_score"]}, known_features=KNOWN)
    assert definition.to_json() == {
        "features": [
            {"name": "annual_income", "transform": "auto", "weight": 1.0},
            {"name": "spending_score", "transform": "auto", "weight": 1.0},
        ],
        "scaling": "standard",
        "k": "auto",
        "k_range": [2, 10],
        "seed": 0,
    }
    assert definition.candidates == list(range(2, 11))


def test_a_definition_comes_back_from_json_as_it_was() -> None:
    given = {"features": [{"name": "age", "transform": "log1p", "weight": 2}], "scaling": "robust", "k": 4, "seed": 9}
    definition = Definition.from_json(given)
    assert Definition.from_json(definition.to_json()) == definition
    assert definition.candidates == [4]


@pytest.mark.parametrize(
    ("change", "pointer", "code"),
    [
        ({"features": []}, "/features", "required"),
        ({"features": None}, "/features", "required"),
        ({"features": "age"}, "/features", "required"),
        ({"features": ["age", "shoe_size"]}, "/features/1/name", "unknown_feature"),
        ({"features": ["age", "age"]}, "/features/1/name", "duplicate"),
        ({"features": [7]}, "/features/0", "not_an_object"),
        ({"features": [{"name": ""}]}, "/features/0/name", "required"),
        ({"features": [{"name": "age", "weight": 0}]}, "/features/0/weight", "out_of_range"),
        ({"features": [{"name": "age", "weight": float("nan")}]}, "/features/0/weight", "out_of_range"),
        ({"features": [{"name": "age", "weight": True}]}, "/features/0/weight", "out_of_range"),
        ({"features": [{"name": "age", "transform": "sqrt"}]}, "/features/0/transform", "invalid_choice"),
        ({"features": [{"name": "age", "colour": 1}]}, "/features/0/colour", "unknown_field"),
        ({"features": ["age"] * 51}, "/features", "too_many"),
        ({"scaling": "loud"}, "/scaling", "invalid_choice"),
        ({"scaling": []}, "/scaling", "invalid_choice"),
        ({"k": 1}, "/k", "out_of_range"),
        ({"k": 31}, "/k", "out_of_range"),
        ({"k": "five"}, "/k", "out_of_range"),
        ({"k": 5.5}, "/k", "out_of_range"),
        ({"k": True}, "/k", "out_of_range"),
        ({"k_range": [5, 3]}, "/k_range", "invalid"),
        ({"k_range": [2]}, "/k_range", "invalid"),
        ({"k_range": [0, 3]}, "/k_range/0", "out_of_range"),
        ({"k_range": [2, 99]}, "/k_range/1", "out_of_range"),
        ({"seed": -1}, "/seed", "out_of_range"),
        ({"seed": 2**40}, "/seed", "out_of_range"),
        ({"sacling": "none"}, "/sacling", "unknown_field"),
    ],
)
def test_what_cannot_be_is_refused_by_the_name_of_its_field(change: dict[str, Any], pointer: str, code: str) -> None:
    with pytest.raises(DefinitionError) as refused:
        Definition.from_json({"features": ["age"]} | change, known_features=KNOWN)
    assert (refused.value.pointer, refused.value.code) == (pointer, code)
    assert refused.value.detail.endswith(".")


@pytest.mark.parametrize("value", [None, [], "age", 7])
def test_what_is_no_object_is_refused(value: Any) -> None:
    with pytest.raises(DefinitionError, match="must be an object"):
        Definition.from_json(value)
