"""The status page says what is and what is not there."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from customers.models import Import

SignIn = Callable[[User], Client]
pytestmark = pytest.mark.django_db


def test_each_part_says_how_it_is_and_what_to_do(signed_in: SignIn, admin: User) -> None:
    response = signed_in(admin).get("/status")
    parts = {part.name: part for part in response.context["wellbeing"].parts}
    assert parts["Database"].is_well
    assert parts["Database"].detail.startswith("PostgreSQL 1")
    assert parts["Broker"].is_well
    assert not parts["Scheduler"].is_well
    assert "./run up" in parts["Scheduler"].remedy
    assert "Something needs attention" in response.content.decode()


def test_a_broker_that_is_away_is_said_and_breaks_nothing(signed_in: SignIn, admin: User, settings: object) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"  # type: ignore[attr-defined]
    response = signed_in(admin).get("/status")
    parts = {part.name: part for part in response.context["wellbeing"].parts}
    assert response.status_code == 200
    assert not parts["Broker"].is_well
    assert not parts["Workers"].is_well


def test_what_failed_lately_is_listed(signed_in: SignIn, admin: User) -> None:
    one = Import.objects.create(
        file_name="x.csv", status="failed", error_code="disk", error_detail="No room.", finished_at=timezone.now()
    )
    page = signed_in(admin).get("/status").content.decode()
    assert one.public_id in page
    assert "No room." in page
