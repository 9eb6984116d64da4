"""What the documentation says of scoring elsewhere gives the segments that the site gives."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from customers.models import Customer
from segments import defining
from segments.models import Assignment, Segment, Segmentation
from tests.api.calling import Caller, data
from tests.conftest import ROOT
from tests.segments import given
from tests.segments.kmeans import pmml

pytestmark = pytest.mark.django_db(transaction=True)
WEIGHTS = {"age": 1.0, "annual_income": 1.5, "spending_score": 1.0}


def documented() -> dict[str, Any]:
    """What the Python of the page defines."""
    text = (ROOT / "docs" / "connect" / "model.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    assert len([line for line in code.splitlines() if line.strip()]) < 35
    names: dict[str, Any] = {}
    exec(compile(code, "docs/connect/model.md", "exec"), names)  # noqa: S102 - our own documentation
    return names


@pytest.mark.parametrize("transform", ["none", "log1p", "yeo_johnson", "rank"])
@pytest.mark.parametrize("scaling", ["standard", "robust", "minmax", "none"])
def test_the_documented_lines_put_everybody_where_the_site_does(
    mall: list[Customer], transform: str, scaling: str
) -> None:
    Customer.objects.filter(external_id__in=["3", "50"]).update(age=None)
    Customer.objects.filter(external_id="7").update(annual_income=900)
    features = [{"name": name, "transform": transform, "weight": weight} for name, weight in WEIGHTS.items()]
    definition = defining.read_definition({"features": features, "scaling": scaling, "k": 4})
    run = given.run(defining.create_segmentation(name="All", definition=definition))
    model = data(Caller("segments:read").get(f"/runs/{run.public_id}/model"))
    rows = list(Customer.objects.order_by("pk").values("pk", *WEIGHTS))
    names = dict(Segment.objects.values_list("pk", "public_id"))
    places = dict(Assignment.objects.filter(run_id=run.pk).values_list("customer_id", "segment_id"))
    assert documented()["score"](model, rows) == [names[places[row["pk"]]] for row in rows]


def test_the_page_of_a_run_has_the_model_as_a_file(
    segmentation: Segmentation, viewer: User, signed_in: Callable[[User], Client]
) -> None:
    run = given.run(segmentation)
    browser = signed_in(viewer)
    address = f"/runs/{run.public_id}/model.pmml"
    assert f'href="{address}"' in browser.get(f"/runs/{run.public_id}").content.decode()
    answer = browser.get(address)
    assert (answer["Content-Type"], answer["Content-Disposition"][:10]) == ("application/xml", "attachment")
    segment, _ = pmml.score(answer.content, {"annual_income": 87, "spending_score": 82})
    assert Segment.objects.get(public_id=segment).name == "High annual income · High spending score"
