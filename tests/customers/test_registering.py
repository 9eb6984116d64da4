"""Attributes that admins register: known to imports, pages, features and the API like the built-in ones."""

from typing import Any

import pytest

from customers import attributes, registering, searching, writing
from customers.columns import read_columns
from customers.models import Attribute, Customer
from tests.customers.given import counts, imported, why

pytestmark = pytest.mark.django_db(transaction=True)


def known_of(external_id: str) -> dict[str, Any]:
    found = searching.known(external_id)
    assert found
    return found[1]


def test_an_import_fills_a_registered_attribute_and_checks_it() -> None:
    registering.register(key="points", label="Loyalty points", kind="number", unit="pts", minimum=0, maximum=1000)
    registering.register(key="plan", label="Plan", kind="category", categories=["basic", "pro"])
    registering.register(key="is_vip", label="VIP", kind="boolean")
    registering.register(key="renews_on", label="Renews on", kind="date")
    one = imported(
        "id,Loyalty points,Plan,VIP,Renews on\n1,10,pro,yes,2027-01-31\n2,2000,basic,no,\n3,,gold,maybe,31.02.2027\n"
    )
    assert counts(one) == (1, 0, 0, 2)
    assert why(one) == {3: {"above_maximum"}, 4: {"not_a_category", "not_a_boolean", "not_a_date"}}
    known = known_of("1")
    assert (known["points"], known["plan"], known["is_vip"]) == (10, "pro", True)
    assert known["renews_on"].isoformat() == "2027-01-31"


def test_an_attribute_may_be_called_as_what_tells_rows_apart() -> None:
    registering.register(key="line", label="Line of products", kind="category", categories=["toys", "books"])
    assert why(imported("id,line\n1,toys\n2,books\n3,cars\n")) == {4: {"not_a_category"}}
    again = imported("id,line\n1,books\n2,books\n3,toys\n1,toys\n4,boats\n")
    assert counts(again) == (1, 0, 2, 2)
    assert why(again) == {2: {"duplicate"}, 6: {"not_a_category"}}
    writing.write([{"external_id": "2", "line": "toys"}])
    assert [known_of(external_id)["line"] for external_id in "123"] == ["toys"] * 3


def test_a_registered_number_is_a_feature() -> None:
    registering.register(key="points", label="Loyalty points", kind="number", unit="pts")
    imported("id,age,points\n1,30,5\n2,40,\n3,50,7\n")
    assert attributes.feature_labels()["points"].with_unit == "Loyalty points (pts)"
    columns = read_columns(["points", "age"])
    assert columns.values.tolist()[0] == [5, 30]
    assert str(columns.values[1, 0]) == "nan"


def test_an_import_that_is_taken_back_gives_registered_attributes_back_too() -> None:
    from tests.customers.test_undoing import undone

    registering.register(key="points", label="Points", kind="number")
    imported("id,points\n1,5\n")
    undone(imported("id,points\n1,6\n"))
    assert known_of("1")["points"] == 5


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"key": "Points"}, "/key"),
        ({"key": 'x"; DROP TABLE customers_customer; --'}, "/key"),
        ({"key": "age"}, "/key"),
        ({"key": "recency"}, "/key"),
        ({"label": ""}, "/label"),
        ({"label": "Annual Income"}, "/label"),
        ({"kind": "colour"}, "/kind"),
        ({"minimum": 5, "maximum": 1}, "/minimum"),
        ({"kind": "category"}, "/categories"),
        ({"categories": ["a"]}, "/categories"),
        ({"kind": "date", "minimum": 1}, "/minimum"),
    ],
)
def test_what_cannot_be_registered_is_refused_with_the_field_at_fault(given: dict[str, Any], field: str) -> None:
    with pytest.raises((registering.InvalidAttribute, registering.AttributeTaken)) as refused:
        registering.register(**{"key": "points", "label": "Points", "kind": "number", **given})
    assert refused.value.pointer == field
    assert not Attribute.objects.exists()


def test_removing_an_attribute_removes_its_values_and_the_key_is_free_again() -> None:
    registering.register(key="points", label="Points", kind="number")
    imported("id,points\n1,5\n")
    registering.remove(Attribute.objects.get())
    assert "points" not in known_of("1")
    registering.register(key="points", label="Points", kind="category", categories=["few", "many"])
    assert known_of("1")["points"] is None
    assert Customer.objects.count() == 1


def test_a_label_makes_a_key() -> None:
    assert registering.key_of("Loyalty points (pts)") == "loyalty_points_pts"
    assert registering.key_of("2nd visit") == "a_2nd_visit"
    assert registering.key_of("Größe / Grösse") == "grosse_grosse"
