"""Programs ask what is known of customers."""

import pytest

from customers.models import Attribute
from tests.api.calling import Caller, data

pytestmark = pytest.mark.django_db


def test_every_attribute_is_told_with_kind_unit_and_limits() -> None:
    known = {one["key"]: one for one in Caller("customers:read").pull("/attributes")}
    assert known["annual_income"] == {
        "key": "annual_income",
        "label": "Annual income",
        "kind": "number",
        "unit": "k$",
        "minimum": 0.0,
        "maximum": None,
        "categories": [],
        "is_feature": True,
        "is_built_in": True,
    }
    assert known["gender"]["categories"] == ["female", "male", "other"]
    assert (known["email"]["kind"], known["email"]["is_feature"]) == ("email", False)


def test_a_registered_attribute_is_told_after_the_built_in_ones() -> None:
    Attribute.objects.create(key="tier", label="Tier", kind="category", categories=["gold", "silver"])
    last = Caller("customers:read").pull("/attributes")[-1]
    assert (last["key"], last["kind"], last["categories"]) == ("tier", "category", ["gold", "silver"])
    assert (last["is_built_in"], last["is_feature"]) == (False, True)


def test_pages_of_any_size_give_each_attribute_once() -> None:
    caller = Caller("customers:read")
    whole = caller.pull("/attributes")
    for size in (1, 5, len(whole), 1000):
        assert caller.pull("/attributes", {"page_size": size}) == whole
    assert data(caller.get("/attributes", {"page_size": len(whole)}))["next"] is None
