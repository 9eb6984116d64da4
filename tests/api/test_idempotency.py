"""A request that starts work is carried out once, however often it is sent under one key."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier, Event
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.utils import timezone

from customers import starting
from customers.models import Import
from segmentation_site.access import keys
from segmentation_site.http.models import IdempotentAnswer
from tests.api.answers import pointers, problem

IMPORTS = "/api/v1/imports"
AGES = b"id,age\n1,30\n2,40\n"


@pytest.fixture
def client(db: None) -> Client:
    return program()


def program() -> Client:
    """A program that may import."""
    _, secret = keys.create_key("a tool", scopes=["imports:write"], by=None)
    return Client(headers={"Authorization": f"Bearer {secret}"})


def send(client: Client, key: str, content: bytes = AGES, **fields: str) -> Any:
    form = {"file": SimpleUploadedFile("ages.csv", content), **fields}
    return client.post(IMPORTS, form, headers={"Idempotency-Key": key})


@pytest.mark.django_db
def test_the_same_request_gets_the_first_answer_again_and_starts_nothing(client: Client) -> None:
    first, again = send(client, "mall-1"), send(client, "mall-1")
    assert (first.status_code, again.status_code) == (202, 202)
    assert again.json() == first.json()
    assert again["Location"] == first["Location"]
    assert again["Content-Type"] == first["Content-Type"] == "application/json"
    assert (first.get("Idempotency-Replayed"), again.get("Idempotency-Replayed")) == (None, "true")
    assert Import.objects.count() == 1


@pytest.mark.django_db
def test_the_order_in_which_a_form_is_written_does_not_matter(client: Client) -> None:
    first = send(client, "mall-1", mode="create", dry_run="true")
    again = send(client, "mall-1", dry_run="true", mode="create")
    assert again.json() == first.json()


@pytest.mark.django_db
@pytest.mark.parametrize(
    "other", [{"content": AGES + b"3,50\n"}, {"mode": "create"}, {"dry_run": "true"}, {"mapping": '{"age": "age"}'}]
)
def test_a_key_is_refused_for_any_other_request(client: Client, other: dict[str, Any]) -> None:
    send(client, "mall-1")
    problem(send(client, "mall-1", **other), 422, "idempotency_key_reused")
    assert Import.objects.count() == 1


@pytest.mark.django_db
def test_two_keys_and_two_callers_start_two_imports_each(client: Client) -> None:
    answers = [send(client, "mall-1"), send(client, "mall-2"), send(program(), "mall-1"), send(program(), "mall-2")]
    assert len({answer.json()["id"] for answer in answers}) == 4


@pytest.mark.django_db
def test_without_a_key_the_same_request_is_carried_out_again(client: Client) -> None:
    for _ in range(2):
        assert client.post(IMPORTS, {"file": SimpleUploadedFile("ages.csv", AGES)}).status_code == 202
    assert Import.objects.count() == 2
    assert not IdempotentAnswer.objects.exists()


@pytest.mark.django_db
def test_a_request_that_was_refused_leaves_its_key_unused(client: Client) -> None:
    problem(send(client, "mall-1", mode="everything"), 400, "unknown_mode")
    assert not IdempotentAnswer.objects.exists()
    assert send(client, "mall-1").status_code == 202


@pytest.mark.django_db
@pytest.mark.parametrize("key", ["", "ü", "x" * 256, "a\tb", "🙂"])
def test_a_key_that_cannot_be_is_told(client: Client, key: str) -> None:
    assert pointers(problem(send(client, key), 400, "invalid_request")) == {"Idempotency-Key": "invalid_header"}
    assert not Import.objects.exists()


@pytest.mark.django_db
def test_a_key_is_forgotten_after_a_day_and_its_answer_thrown_away(client: Client) -> None:
    first, _ = send(client, "mall-1"), send(client, "mall-2")
    with time_machine.travel(timezone.now() + timedelta(hours=23, minutes=59), tick=False):
        assert send(client, "mall-1").json() == first.json()
    with time_machine.travel(timezone.now() + timedelta(hours=24, seconds=1), tick=False):
        later = send(client, "mall-1")
        assert later.json()["id"] != first.json()["id"]
    # What is left is the answer of the later request alone.
    assert not IdempotentAnswer.objects.filter(key="mall-2").exists()


@pytest.mark.django_db
def test_a_signed_in_person_has_keys_of_their_own(signed_in: Callable[[User], Client], analyst: User) -> None:
    browser = signed_in(analyst)
    first = send(browser, "mall-1")
    assert send(browser, "mall-1").json() == first.json()
    assert send(program(), "mall-1").json()["id"] != first.json()["id"]


@pytest.mark.django_db(transaction=True)
def test_while_the_first_request_is_carried_out_the_second_is_told_to_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    client, begun, go_on = program(), Event(), Event()
    start_import = starting.start_import

    def slowly(*arguments: Any, **facts: Any) -> Import:
        begun.set()
        assert go_on.wait(30)
        return start_import(*arguments, **facts)

    monkeypatch.setattr(starting, "start_import", slowly)
    with ThreadPoolExecutor() as threads:
        first = threads.submit(_sent_in_thread, client, "mall-1")
        assert begun.wait(30)
        try:
            problem(send(client, "mall-1"), 409, "idempotency_key_in_flight")
        finally:
            go_on.set()
        started = first.result(30)
    assert started.status_code == 202
    assert send(client, "mall-1").json() == started.json()
    assert Import.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_many_at_once_one_is_carried_out() -> None:
    client, together = program(), Barrier(6)

    def at_once() -> Any:
        together.wait(30)
        return _sent_in_thread(client, "mall-1")

    with ThreadPoolExecutor(6) as threads:
        answers = [future.result(60) for future in [threads.submit(at_once) for _ in range(6)]]
    assert {answer.status_code for answer in answers} <= {202, 409}
    assert len({answer.json()["id"] for answer in answers if answer.status_code == 202}) == 1
    assert Import.objects.count() == 1


def _sent_in_thread(client: Client, key: str) -> Any:
    try:
        return send(client, key)
    finally:
        connection.close()
