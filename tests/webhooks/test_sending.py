"""What happened reaches who wants to know, signed, at least once, and never what did not happen."""

import json
import threading
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from celery import current_app
from django.contrib.auth.models import User
from django.db import connection, transaction
from standardwebhooks import Webhook as StandardWebhook
from standardwebhooks import WebhookVerificationError

from customers.models import Customer, Import
from segmentation_site.access.models import AuditEntry
from segmentation_site.jobs import leases, sweeping
from segmentation_site.webhooks import outbox, posting, registering, sending, signing
from segmentation_site.webhooks.events import Event
from segmentation_site.webhooks.models import Delivery, Webhook
from segments.models import Run
from tests.customers import given as given_customers
from tests.segments import given as given_segments
from tests.webhooks import given
from tests.webhooks.receiving import Receiver

pytestmark = pytest.mark.django_db


@pytest.fixture
def draft(mall: object) -> Run:
    segmentation = given_segments.segmentation("Income and spending", ["annual_income", "spending_score"], k=5)
    return given_segments.run(segmentation)


@pytest.fixture
def mall() -> None:
    Customer.objects.bulk_create(
        Customer(external_id=f"{n}", annual_income=20 + 60 * (n % 2) + n % 7, spending_score=15 + 70 * (n % 3 == 0))
        for n in range(60)
    )


def test_a_published_run_reaches_the_receiver_with_a_signature_that_others_verify(
    receiving: Receiver, draft: Run
) -> None:
    _, secret = given.webhook(receiving, "run.published")
    given_segments.publish(draft)

    delivery = given.sent(Delivery.objects.get())
    (got,) = receiving.got
    told = StandardWebhook(secret).verify(got.body, got.headers)
    assert told["type"] == "run.published"
    assert told["data"] == {"run_id": draft.public_id, "segmentation": draft.segmentation.slug}
    assert abs(datetime.fromisoformat(told["timestamp"]) - datetime.now(UTC)) < timedelta(minutes=5)
    assert got.headers["webhook-id"] == delivery.event_id
    assert got.headers["host"] == f"127.0.0.1:{receiving.port}"
    assert (got.path, got.headers["content-type"]) == ("/hook?of=ours", "application/json")
    assert (delivery.status, delivery.tries, delivery.response_status) == ("delivered", 1, 200)
    # It knows by the ids who they are, and may have named them.
    assert delivery.response_excerpt == ""
    with pytest.raises(WebhookVerificationError):
        StandardWebhook(signing.new_secret()).verify(got.body, got.headers)


def test_what_is_rolled_back_is_told_to_nobody(receiving: Receiver, draft: Run) -> None:
    given.webhook(receiving)
    with transaction.atomic():
        given_segments.publish(draft)
        assert Delivery.objects.filter(type="run.published").count() == 1
        transaction.set_rollback(True)
    assert not Delivery.objects.exists()
    assert given.sent(given.announced()).type == "run.published"
    assert len(receiving.got) == 1


def test_runs_and_imports_tell_how_they_ended_and_rehearsals_nothing(receiving: Receiver, mall: None) -> None:
    given.webhook(receiving, "run.finished", "import.finished")
    run = given_segments.run(given_segments.segmentation("By income", ["annual_income"], k=2))
    hopeless = given_segments.run(given_segments.segmentation("By age", ["age"], k=2))
    waiting = given_customers.started("id,age\n1,30\n")
    assert leases.request_cancel(waiting)
    done = given_customers.imported("id,age\n1,30\n")
    given_customers.imported("id,age\n2,30\n", is_dry_run=True)
    lost = given_customers.started("id,age\n3,30\n")
    Import.objects.filter(pk=lost.pk).update(
        status="running", attempt=3, lease_expires_at=datetime.now(UTC) - timedelta(minutes=1)
    )
    sweeping.sweep()

    assert list(Delivery.objects.order_by("pk").values_list("type", "data")) == [
        ("run.finished", {"run_id": run.public_id, "segmentation": "by-income", "status": "done"}),
        ("run.finished", {"run_id": hopeless.public_id, "segmentation": "by-age", "status": "failed"}),
        ("import.finished", {"import_id": waiting.public_id, "kind": "customers", "status": "cancelled"}),
        ("import.finished", {"import_id": done.public_id, "kind": "customers", "status": "done"}),
        ("import.finished", {"import_id": lost.public_id, "kind": "customers", "status": "failed"}),
    ]


def test_only_those_who_want_to_know_are_told_each_under_the_same_id(receiving: Receiver) -> None:
    wants, _ = given.webhook(receiving, "run.published")
    also, _ = given.webhook(receiving)
    given.webhook(receiving, "import.finished")
    disabled, _ = given.webhook(receiving)
    registering.change(disabled, by=None, is_enabled=False)
    given.announced()
    deliveries = Delivery.objects.all()
    assert {delivery.webhook_id for delivery in deliveries} == {wants.pk, also.pk}
    assert len({delivery.event_id for delivery in deliveries}) == 1


def test_an_event_is_told_of_only_inside_a_transaction(transactional_db: None) -> None:
    with pytest.raises(RuntimeError, match="transaction"):
        outbox.emit(Event.RUN_PUBLISHED, run_id="run_1")


def test_a_receiver_that_fails_is_tried_ten_times_over_three_days_under_one_id(receiving: Receiver) -> None:
    webhook, secret = given.webhook(receiving)
    receiving.statuses = [500]
    delivery = given.announced()
    pauses = []
    while delivery.status == "waiting":
        delivery = given.sent(delivery)
        assert delivery.tried_at
        pauses.append(delivery.next_try_at - delivery.tried_at)
        assert not sending.due().exists()
        given.later(hours=30)

    assert len(receiving.got) == delivery.tries == 10
    assert delivery.status == "failed"
    assert len({(got.headers["webhook-id"], got.body) for got in receiving.got}) == 1
    for got in receiving.got:
        StandardWebhook(secret).verify(got.body, got.headers)
    assert all(longer > 1.15 * shorter for shorter, longer in pairwise(pauses[:-1]) if shorter < timedelta(hours=18))
    assert timedelta(hours=68) < sum(pauses, timedelta()) < timedelta(hours=83)

    webhook.refresh_from_db()
    assert not webhook.is_enabled
    assert webhook.disabled_reason.endswith("It answered 500.")
    assert AuditEntry.objects.filter(action="webhook disabled", subject=webhook.public_id).exists()
    with transaction.atomic():
        outbox.emit(Event.RUN_PUBLISHED, run_id="run_2")
    assert Delivery.objects.count() == 1


def test_pauses_are_spread(receiving: Receiver) -> None:
    spread = {sending.pause_after(5) for _ in range(20)}
    assert len(spread) > 10
    assert all(timedelta(hours=4.5) <= pause <= timedelta(hours=5.5) for pause in spread)


def test_one_event_that_a_receiver_does_not_like_disables_nothing_while_it_takes_others(receiving: Receiver) -> None:
    disliked = announced_to(receiving)
    Delivery.objects.update(tries=9, next_try_at=disliked.created_at)
    liked = given.announced()
    sending.deliver(liked.pk)
    receiving.statuses = [400]
    disliked = given.sent(disliked)
    assert (disliked.status, disliked.webhook.is_enabled) == ("failed", True)


def announced_to(receiving: Receiver) -> Delivery:
    given.webhook(receiving)
    return given.announced()


def test_a_receiver_that_is_gone_is_asked_once_and_never_again(receiving: Receiver) -> None:
    receiving.statuses = [410]
    delivery = given.sent(announced_to(receiving))
    assert (delivery.status, delivery.tries, delivery.webhook.is_enabled) == ("failed", 1, False)
    assert "410" in delivery.webhook.disabled_reason
    given.later(hours=100)
    given.sent(delivery)
    assert len(receiving.got) == 1


def test_what_waits_while_a_webhook_is_disabled_is_sent_once_it_is_enabled(receiving: Receiver) -> None:
    delivery = announced_to(receiving)
    registering.change(delivery.webhook, by=None, is_enabled=False)
    assert given.sent(delivery).status == "waiting"
    registering.change(delivery.webhook, by=None, is_enabled=True)
    assert given.sent(delivery).status == "delivered"


def test_while_a_secret_is_rotated_both_verify_and_afterwards_only_the_new_one(
    receiving: Receiver, admin: User
) -> None:
    webhook, old = given.webhook(receiving)
    _, new = registering.rotate(webhook, by=admin)
    given.sent(given.announced())
    (got,) = receiving.got
    assert len(got.headers["webhook-signature"].split(" ")) == 2
    for secret in (old, new):
        assert StandardWebhook(secret).verify(got.body, got.headers)

    Webhook.objects.update(previous_until=datetime.now(UTC) - timedelta(seconds=1))
    given.sent(given.announced())
    got = receiving.got[-1]
    assert StandardWebhook(new).verify(got.body, got.headers)
    with pytest.raises(WebhookVerificationError):
        StandardWebhook(old).verify(got.body, got.headers)


def test_the_database_holds_no_secret_and_another_key_reads_none(receiving: Receiver, settings: Any) -> None:
    webhook, secret = given.webhook(receiving)
    with connection.cursor() as cursor:
        cursor.execute("SELECT w::text FROM webhooks_webhook w")
        row = cursor.fetchone()[0]
    assert secret.encode().hex() not in row
    assert secret not in row
    assert secret not in json.dumps(list(AuditEntry.objects.values("detail")))

    of_before, settings.SECRET_KEY = settings.SECRET_KEY, "quite another key"
    delivery = given.sent(given.announced())
    assert not receiving.got
    assert "Rotate the secret" in delivery.error
    _, new = registering.rotate(webhook, by=None)
    given.later(minutes=1)
    given.sent(delivery)
    assert StandardWebhook(new).verify(receiving.got[0].body, receiving.got[0].headers)

    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = of_before, ["quite another key"]
    given.sent(given.announced())
    assert StandardWebhook(new).verify(receiving.got[1].body, receiving.got[1].headers)


def test_a_redirect_is_not_followed_and_told(receiving: Receiver) -> None:
    receiving.statuses, receiving.headers = [302], {"Location": receiving.url}
    delivery = given.sent(announced_to(receiving))
    assert len(receiving.got) == 1
    assert "Redirects are not followed" in delivery.error


def test_of_a_long_answer_little_is_read_and_kept(receiving: Receiver) -> None:
    receiving.answer = b"a\0b" + b"x" * 1_000_000
    webhook, _ = given.webhook(receiving)
    delivery = given.sent(registering.test(webhook, by=None))
    assert delivery.status == "delivered"
    assert delivery.response_excerpt == "a\ufffdb" + "x" * 997


def test_a_receiver_that_answers_byte_by_byte_is_given_up_at_the_deadline(
    receiving: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posting, "DEADLINE_SECONDS", 1.0)
    receiving.may_answer.clear()
    silent = given.sent(announced_to(receiving))
    assert (silent.status, silent.response_status) == ("waiting", None)
    assert silent.error == "It did not answer within 1 seconds."

    receiving.may_answer.set()
    receiving.drip, receiving.answer = 0.3, b"x" * 100
    slow = given.sent(registering.test(silent.webhook, by=None))
    assert slow.response_status == 200
    assert len(slow.response_excerpt) < 100


def test_a_certificate_that_nobody_vouches_for_is_refused(receiving: Receiver, settings: object) -> None:
    settings.WEBHOOKS_CA_FILE = ""  # type: ignore[attr-defined]
    delivery = given.sent(announced_to(receiving))
    assert not receiving.got
    assert "certificate of 127.0.0.1 is not to be trusted" in delivery.error


def test_nobody_there_is_told_and_tried_again(receiving: Receiver) -> None:
    delivery = announced_to(receiving)
    Webhook.objects.update(url="https://127.0.0.1:1/")
    delivery = given.sent(delivery)
    assert "did not take the connection: Connection refused" in delivery.error
    assert delivery.status == "waiting"


def test_two_senders_never_send_the_same_try(transactional_db: None, receiving: Receiver) -> None:
    delivery = announced_to(receiving)
    barrier, sent = threading.Barrier(4), []

    def send() -> None:
        barrier.wait()
        sent.append(sending.deliver(delivery.pk))
        connection.close()

    senders = [threading.Thread(target=send) for _ in range(4)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    assert sorted(sent) == [False, False, False, True]
    assert len(receiving.got) == 1


def test_a_webhook_is_deleted_while_it_is_being_told_and_neither_deed_fails(
    transactional_db: None, receiving: Receiver
) -> None:
    webhook, _ = given.webhook(receiving)
    deleted: list[int] = []

    def delete() -> None:
        registering.delete(webhook, by=None)
        deleted.append(webhook.pk)
        connection.close()

    deleting = threading.Thread(target=delete)
    with transaction.atomic():
        outbox.emit(Event.RUN_PUBLISHED, run_id="run_1")
        deleting.start()
        deleting.join(0.5)
        assert not deleted, "it waits for the transaction that tells"
    deleting.join(30)
    assert deleted
    assert not Delivery.objects.exists()


def test_a_slow_receiver_is_rung_for_once_at_a_time_and_others_beside_it(
    receiving: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    rung: list[int] = []
    monkeypatch.setattr("segmentation_site.jobs.bell.current_app.send_task", lambda task, args, **_: rung.extend(args))
    slow, _ = given.webhook(receiving)
    first, _second = given.announced(), given.announced()
    other, _ = given.webhook(receiving, "import.finished")
    third = given.announced(Event.IMPORT_FINISHED)
    assert third.webhook_id == other.pk
    assert sending.ring_for_due() == 2
    assert rung == [first.pk, third.pk]
    assert sending.claim(first.pk)
    assert sending.ring_for_due() == 1
    assert slow.deliveries.count() == 3


def test_deliveries_wait_behind_no_job() -> None:
    queues = {
        name: current_app.amqp.router.route({}, name)["queue"].name
        for name in (Delivery.task, Delivery.sweep_task, Import.task, Run.task)
    }
    assert queues == {
        Delivery.task: "deliveries",
        Delivery.sweep_task: "deliveries",
        Import.task: "jobs",
        Run.task: "jobs",
    }
