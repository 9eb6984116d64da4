"""What a definition may ask for beyond features: how each is prepared, as of when, and of whom."""

import json
from typing import Any

import pytest

from segments.kmeans.checking import DefinitionError
from segments.kmeans.definition import Definition, presets

FULL = {
    "features": [
        {"name": "age", "transform": "rank", "weight": 2.0, "missing": 30.0, "clip": [1.0, 99.0], "scaling": "robust"},
        {"name": "score", "transform": "auto", "weight": 1.0, "missing": "zero", "clip": False},
    ],
    "scaling": "standard",
    "k": "auto",
    "k_range": [2, 10],
    "seed": 0,
    "as_of": "2026-01-31",
    "filter": [
        {"attribute": "country", "operator": "in", "value": ["DE", "AT"]},
        {"attribute": "age", "operator": "ge", "value": 18},
        {"attribute": "email", "operator": "is_missing", "value": False},
        {"attribute": "since", "operator": "lt", "value": "2026-01-31"},
        {"attribute": "note", "operator": "contains", "value": "vip"},
        {"attribute": "is_open", "operator": "eq", "value": True},
    ],
}


def test_a_definition_with_everything_comes_back_as_it_was() -> None:
    assert Definition.from_json(FULL).to_json() == FULL
    assert Definition.from_json(json.loads(json.dumps(FULL))) == Definition.from_json(FULL)


@pytest.mark.parametrize(
    ("change", "pointer", "code"),
    [
        ({"features": [{"name": "age", "missing": "mode"}]}, "/features/0/missing", "invalid_choice"),
        ({"features": [{"name": "age", "missing": True}]}, "/features/0/missing", "invalid_choice"),
        ({"features": [{"name": "age", "missing": float("inf")}]}, "/features/0/missing", "invalid_choice"),
        ({"features": [{"name": "age", "missing": None}]}, "/features/0/missing", "invalid_choice"),
        ({"features": ["a", {"name": "age", "clip": "hard"}]}, "/features/1/clip", "invalid"),
        ({"features": [{"name": "age", "clip": [1]}]}, "/features/0/clip", "invalid"),
        ({"features": [{"name": "age", "clip": [99, 1]}]}, "/features/0/clip", "invalid"),
        ({"features": [{"name": "age", "clip": [1, 101]}]}, "/features/0/clip/1", "out_of_range"),
        ({"features": [{"name": "age", "clip": [float("nan"), 9]}]}, "/features/0/clip/0", "out_of_range"),
        ({"features": [{"name": "age", "scaling": "loud"}]}, "/features/0/scaling", "invalid_choice"),
        ({"as_of": "yesterday"}, "/as_of", "invalid"),
        ({"as_of": 20260131}, "/as_of", "invalid"),
        ({"filter": "all"}, "/filter", "invalid"),
        ({"filter": [{}] * 21}, "/filter", "too_many"),
        ({"filter": ["age > 3"]}, "/filter/0", "not_an_object"),
        ({"filter": [{"operator": "eq", "value": 1}]}, "/filter/0/attribute", "required"),
        ({"filter": [{"attribute": "x", "operator": "eq", "value": 1}]}, "/filter/0/attribute", "unknown_attribute"),
        ({"filter": [{"attribute": "age", "value": 1}]}, "/filter/0/operator", "invalid_choice"),
        ({"filter": [{"attribute": "age", "operator": "like", "value": 1}]}, "/filter/0/operator", "invalid_choice"),
        ({"filter": [{"attribute": "age", "operator": "eq", "vaule": 1}]}, "/filter/0/vaule", "unknown_field"),
        ({"filter": [{"attribute": "age", "operator": "eq", "value": [1]}]}, "/filter/0/value", "invalid"),
        ({"filter": [{"attribute": "age", "operator": "ne"}]}, "/filter/0/value", "invalid"),
        ({"filter": [{"attribute": "age", "operator": "lt", "value": True}]}, "/filter/0/value", "invalid"),
        ({"filter": [{"attribute": "age", "operator": "gt", "value": float("nan")}]}, "/filter/0/value", "invalid"),
        ({"filter": [{"attribute": "age", "operator": "in", "value": 1}]}, "/filter/0/value", "invalid"),
        ({"filter": [{"attribute": "age", "operator": "in", "value": []}]}, "/filter/0/value", "invalid"),
        ({"filter": [{"attribute": "age", "operator": "in", "value": [None]}]}, "/filter/0/value", "invalid"),
        ({"filter": [{"attribute": "age", "operator": "contains", "value": 1}]}, "/filter/0/value", "invalid"),
        ({"filter": [{"attribute": "age", "operator": "is_missing", "value": 1}]}, "/filter/0/value", "invalid"),
    ],
)
def test_what_cannot_be_asked_for_is_refused_by_the_name_of_its_field(
    change: dict[str, Any], pointer: str, code: str
) -> None:
    with pytest.raises(DefinitionError) as refused:
        Definition.from_json({"features": ["age"]} | change, known_attributes=["age"])
    assert (refused.value.pointer, refused.value.code) == (pointer, code)
    assert refused.value.detail.endswith(".")


def test_presets_are_those_that_the_features_allow() -> None:
    def keys(*usable: str) -> list[str]:
        return [preset.key for preset in presets(usable)]

    assert keys() == []
    assert keys("annual_income", "spending_score") == ["income-spending"], "everything would be the same"
    assert keys("age", "annual_income", "spending_score") == ["income-spending", "everything"]
    assert keys("recency", "frequency", "monetary", "tenure") == ["rfm", "everything"]
    assert presets(["age", "tenure"])[0].features == ("age", "tenure")
