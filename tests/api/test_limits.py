"""Calls are counted per key, and a key that calls too often is told when to come back."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client

from segmentation_site.access import keys
from segmentation_site.http import limits
from tests.api.answers import problem

pytestmark = pytest.mark.django_db

ME = "/api/v1/me"
# Twenty seconds into a minute.
NOON = "2026-03-02T12:00:20Z"


@pytest.fixture(autouse=True)
def _three_calls_a_minute(settings: Any) -> None:
    settings.API_CALLS_PER_MINUTE = 3


def program() -> Client:
    _, secret = keys.create_key("a tool", scopes=["segments:read"], by=None)
    return Client(headers={"Authorization": f"Bearer {secret}"})


@time_machine.travel(NOON, tick=False)
def test_each_answer_says_how_many_calls_are_left() -> None:
    client = program()
    answers = [client.get(ME) for _ in range(3)]
    assert [answer["RateLimit"] for answer in answers] == [f'"key";r={left};t=40' for left in (2, 1, 0)]
    assert {answer["RateLimit-Policy"] for answer in answers} == {'"key";q=3;w=60'}


def test_too_many_calls_are_refused_until_the_minute_is_over() -> None:
    client = program()
    with time_machine.travel(NOON, tick=False):
        for _ in range(3):
            assert client.get(ME).status_code == 200
        refused = client.get(ME)
        problem(refused, 429, "throttled")
        assert (refused["Retry-After"], refused["RateLimit"]) == ("40", '"key";r=0;t=40')
        assert client.get("/api/v1/segmentations").status_code == 429
    with time_machine.travel("2026-03-02T12:01:00Z", tick=False):
        assert client.get(ME).status_code == 200


@time_machine.travel(NOON, tick=False)
def test_each_key_has_calls_of_its_own() -> None:
    one, other = program(), program()
    for _ in range(4):
        last = one.get(ME)
    assert (last.status_code, other.get(ME).status_code) == (429, 200)


@time_machine.travel(NOON, tick=False)
def test_people_on_their_pages_are_not_counted(signed_in: Any, admin: User) -> None:
    browser = signed_in(admin)
    answers = [browser.get(ME) for _ in range(5)]
    assert {answer.status_code for answer in answers} == {200}
    assert "RateLimit" not in answers[-1].headers


@time_machine.travel(NOON, tick=False)
def test_a_limit_of_nothing_counts_nothing(settings: Any) -> None:
    settings.API_CALLS_PER_MINUTE = 0
    client = program()
    answers = [client.get(ME) for _ in range(5)]
    assert {answer.status_code for answer in answers} == {200}
    assert "RateLimit" not in answers[-1].headers


def test_while_the_broker_is_away_everybody_is_let_in(settings: Any) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    limits._broker.cache_clear()
    try:
        client = program()
        answers = [client.get(ME) for _ in range(5)]
    finally:
        limits._broker.cache_clear()
    assert {answer.status_code for answer in answers} == {200}


@pytest.mark.django_db(transaction=True)
@time_machine.travel(NOON, tick=False)
def test_of_two_hundred_calls_at_once_a_limit_of_one_hundred_lets_exactly_one_hundred_pass(settings: Any) -> None:
    settings.API_CALLS_PER_MINUTE = 100
    _, secret = keys.create_key("a busy tool", scopes=["segments:read"], by=None)
    together = Barrier(40)

    def call_five_times(_: int) -> list[int]:
        client = Client(headers={"Authorization": f"Bearer {secret}"})
        together.wait()
        try:
            return [client.get(ME).status_code for _ in range(5)]
        finally:
            connection.close()

    with ThreadPoolExecutor(40) as programs:
        statuses = Counter(status for some in programs.map(call_five_times, range(40)) for status in some)
    assert statuses == {200: 100, 429: 100}
