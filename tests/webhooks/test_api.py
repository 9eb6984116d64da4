"""Programs manage webhooks over the API; the secret is told once."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from standardwebhooks import Webhook as StandardWebhook

from segmentation_site.access.models import AuditEntry
from segmentation_site.webhooks import sending
from segmentation_site.webhooks.models import Delivery, Webhook
from tests.api.answers import pointers, problem
from tests.api.calling import Caller, data
from tests.webhooks import given
from tests.webhooks.receiving import Receiver

pytestmark = pytest.mark.django_db


@pytest.fixture
def caller() -> Caller:
    return Caller("webhooks:write")


def made(caller: Caller, receiving: Receiver, **more: Any) -> dict[str, Any]:
    body = {"name": "Newsletter", "url": receiving.url, "events": ["run.published"]} | more
    answer: dict[str, Any] = data(caller.post("/webhooks", body), 201)
    return answer


def test_a_webhook_is_made_tested_and_shows_what_came_of_it(caller: Caller, receiving: Receiver) -> None:
    webhook = made(caller, receiving)
    assert webhook["id"].startswith("whk_")
    assert webhook["secret"].startswith("whsec_")
    path = f"/webhooks/{webhook['id']}"
    assert data(caller.get(path)) == {key: value for key, value in webhook.items() if key != "secret"}
    assert webhook["secret"] not in caller.get("/webhooks").content.decode()

    waiting = data(caller.post(f"{path}/test"), 202)
    assert (waiting["type"], waiting["status"], waiting["tries"]) == ("webhook.test", "waiting", 0)
    given.sent(Delivery.objects.get())
    assert StandardWebhook(webhook["secret"]).verify(receiving.got[0].body, receiving.got[0].headers)
    (delivery,) = caller.pull(f"{path}/deliveries")
    assert (delivery["status"], delivery["tries"], delivery["response_status"]) == ("delivered", 1, 200)
    assert (delivery["response_excerpt"], delivery["next_try_at"], delivery["error"]) == ("thank you", None, None)


def test_what_is_sent_again_under_one_idempotency_key_is_sent_once(caller: Caller, receiving: Receiver) -> None:
    path = f"/webhooks/{made(caller, receiving)['id']}"
    first, again = (caller.post(f"{path}/test", idempotency_key="hello-1") for _ in range(2))
    assert data(first, 202) == data(again, 202)
    assert again["Idempotency-Replayed"] == "true"
    delivery = given.sent(Delivery.objects.get())
    replay = f"{path}/deliveries/{delivery.public_id}/replay"
    data(caller.post(replay, idempotency_key="replay-1"), 202)
    given.sent(delivery)
    assert data(caller.post(replay, idempotency_key="replay-1"), 202)["status"] == "waiting"
    delivery.refresh_from_db()
    assert delivery.status == "delivered"
    assert len(receiving.got) == 2


def test_a_test_is_sent_once_also_to_who_is_disabled_and_disables_nobody(caller: Caller, receiving: Receiver) -> None:
    webhook = made(caller, receiving)
    path = f"/webhooks/{webhook['id']}"
    receiving.statuses = [500, 200]
    data(caller.post(f"{path}/test"), 202)
    assert given.sent(Delivery.objects.latest("pk")).status == "failed"
    assert data(caller.get(path))["is_enabled"]
    data(caller.patch(path, {"is_enabled": False}))
    data(caller.post(f"{path}/test"), 202)
    assert given.sent(Delivery.objects.latest("pk")).status == "delivered"


def test_what_is_not_given_stays_when_a_webhook_is_changed(caller: Caller, receiving: Receiver) -> None:
    webhook = made(caller, receiving)
    path = f"/webhooks/{webhook['id']}"
    changed = data(caller.patch(path, {"name": "Shop", "events": ["import.finished", "run.published"]}))
    assert (changed["name"], changed["url"]) == ("Shop", receiving.url)
    assert changed["events"] == ["run.published", "import.finished"]
    disabled = data(caller.patch(path, {"is_enabled": False}))
    assert (disabled["is_enabled"], disabled["disabled_at"] is None) == (False, False)
    assert data(caller.patch(path, {"is_enabled": True}))["disabled_at"] is None
    assert caller.delete(path).status_code == 204
    problem(caller.get(path), 404, "not_found")
    told = AuditEntry.objects.order_by("pk").filter(action__startswith="webhook")
    assert [entry.action for entry in told] == ["webhook made", *3 * ["webhook changed"], "webhook deleted"]
    assert "hook?of=ours" not in str([entry.detail for entry in told])


def test_a_rotated_secret_is_told_once_and_the_one_before_has_an_end(caller: Caller, receiving: Receiver) -> None:
    webhook = made(caller, receiving)
    rotated = data(caller.post(f"/webhooks/{webhook['id']}/rotate"))
    assert rotated["secret"] != webhook["secret"]
    assert rotated["previous_secret_until"]
    assert AuditEntry.objects.filter(action="webhook secret rotated").count() == 1


def test_a_delivery_is_sent_again_under_its_id(caller: Caller, receiving: Receiver) -> None:
    webhook = made(caller, receiving)
    delivery = given.sent(given.announced())
    path = f"/webhooks/{webhook['id']}/deliveries/{delivery.public_id}/replay"
    again = data(caller.post(path), 202)
    assert (again["id"], again["status"], again["tries"]) == (delivery.public_id, "waiting", 0)
    assert sending.claim(delivery.pk)
    problem(caller.post(path), 409, "delivery_in_flight")
    given.later(minutes=2)
    assert given.sent(delivery).status == "delivered"
    first, second = receiving.got
    assert first.headers["webhook-id"] == second.headers["webhook-id"]

    data(caller.patch(f"/webhooks/{webhook['id']}", {"is_enabled": False}))
    problem(caller.post(path), 409, "webhook_disabled")
    other = made(caller, receiving)
    problem(caller.post(path.replace(webhook["id"], other["id"])), 404, "not_found")


@pytest.mark.parametrize("noun", ["/webhooks", "/webhooks/{id}/deliveries"])
def test_a_longer_list_takes_as_many_queries_as_a_short_one(caller: Caller, receiving: Receiver, noun: str) -> None:
    path = noun.format(id=made(caller, receiving)["id"])
    made(caller, receiving)
    for _ in range(2):
        given.announced()
    counts = set()
    for size in (1, 2):
        with CaptureQueriesContext(connection) as queries:
            assert len(data(caller.get(path, {"page_size": size}))["results"]) == size
        counts.add(len(queries))
    assert len(counts) == 1


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({}, {"/name": "required", "/url": "required", "/events": "required"}),
        ({"name": " "}, {"/name": "invalid_name"}),
        ({"url": "https://[::127.0.0.1]/"}, {"/url": "webhook_address"}),
        ({"url": 17}, {"/url": "invalid_type"}),
        ({"events": []}, {"/events": "invalid_events"}),
        ({"events": ["run.lost"]}, {"/events": "invalid_events"}),
        ({"events": ["run.published", 1]}, {"/events/1": "invalid_type"}),
        ({"is_enabled": False}, {"/is_enabled": "unknown_field"}),
        ({"secret": "whsec_"}, {"/secret": "unknown_field"}),
    ],
)
def test_what_cannot_be_is_refused_where_it_stands(
    caller: Caller, receiving: Receiver, body: dict[str, Any], wrong: dict[str, str]
) -> None:
    right = {"name": "Newsletter", "url": receiving.url, "events": ["run.published"]} if body else {}
    answer = caller.post("/webhooks", right | body)
    assert answer.status_code == 400
    assert pointers(answer.json()) == wrong
    assert not Webhook.objects.exists()
