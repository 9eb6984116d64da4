"""No page is heavy: what it says and the scripts of its own, beside the shell and Chart.js that all pages share."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client

from customers.models import Customer
from segments.models import Segment
from tests.segments import given

MOST = 150_000
OWN_SCRIPTS = ("charts", "copy", "choices", "confirm", "drop-zone", "filled-in")


@pytest.mark.django_db(transaction=True)
def test_no_page_is_heavier_than_150_kilobytes(signed_in: Callable[[User], Client], analyst: User) -> None:
    random = np.random.default_rng(0)
    # More customers than any map draws, so that more would not weigh more.
    middles = np.array([[20, 20], [80, 80], [20, 80], [80, 20], [50, 50]])[np.arange(4000) % 5]
    Customer.objects.bulk_create(
        Customer(external_id=str(number), age=30 + number % 40, annual_income=income, spending_score=score)
        for number, (income, score) in enumerate((middles + random.normal(0, 6, (4000, 2))).clip(1, 100).tolist())
    )
    run = given.publish(
        given.run(given.segmentation("Five", ["age", "annual_income", "spending_score"], scaling="standard", k=5))
    )
    segment = Segment.objects.order_by("pk")[0]
    customer = Customer.objects.order_by("pk")[0]
    browser = signed_in(analyst)
    scripts = sum((Path(settings.BASE_DIR) / "static" / "js" / f"{name}.js").stat().st_size for name in OWN_SCRIPTS)
    weights = {
        address: len(browser.get(address).content) + scripts
        for address in (
            "/",
            "/customers/",
            f"/customers/{customer.pk}",
            "/segments/",
            f"/segments/{segment.public_id}",
            f"/segmentations/{run.segmentation.slug}",
            f"/runs/{run.public_id}",
            "/segmentations/new",
            "/imports/",
        )
    }
    assert {address: weight for address, weight in weights.items() if weight > MOST} == {}
    assert weights["/"] > scripts
