"""A sender that is killed while it sends loses nothing: somebody else sends the same event again."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest
from celery import current_app
from standardwebhooks import Webhook as StandardWebhook

from segmentation_site.webhooks.models import Delivery
from tests import given as given_people
from tests.conftest import ROOT
from tests.webhooks import given
from tests.webhooks.receiving import Receiver

pytestmark = [pytest.mark.chaos, pytest.mark.django_db(transaction=True)]

SEND = """
import django, sys
django.setup()
from segmentation_site.webhooks import sending
sending.deliver(int(sys.argv[1]))
"""
WORKER = ["-m", "celery", "-A", "segmentation_site", "worker", "--concurrency=1", "--loglevel=WARNING"]


@pytest.fixture
def env(receiving: Receiver) -> dict[str, str]:
    """Of processes that may send to the receiver."""
    return os.environ | {
        "DATABASE_URL": given_people.url_of_test_database(),
        "DJANGO_SETTINGS_MODULE": "segmentation_site.settings",
        "SEGMENTATION_PROCESS": "worker",
        "JOB_SWEEP_SECONDS": "3600",
        "WEBHOOKS_ALLOW_PRIVATE": "127.0.0.0/8",
        "WEBHOOKS_CA_FILE": receiving.ca_file,
    }


@pytest.fixture
def start_worker(env: dict[str, str]) -> Iterator[object]:
    """`start_worker()` is a real worker, which sweeps once when it starts."""
    current_app.control.purge()
    started: list[subprocess.Popen[bytes]] = []

    def start() -> None:
        started.append(subprocess.Popen([sys.executable, *WORKER], cwd=ROOT, env=env, start_new_session=True))

    yield start
    for process in started:
        process.terminate()
        process.wait(30)
    current_app.control.purge()


def test_the_sender_is_killed_between_sending_and_the_answer(
    receiving: Receiver, env: dict[str, str], start_worker: object
) -> None:
    _, secret = given.webhook(receiving)
    receiving.may_answer.clear()
    delivery = given.announced()

    sender = subprocess.Popen([sys.executable, "-c", SEND, str(delivery.pk)], cwd=ROOT, env=env)
    assert receiving.hears.wait(60)
    sender.send_signal(signal.SIGKILL)
    assert sender.wait() == -signal.SIGKILL
    receiving.may_answer.set()
    delivery.refresh_from_db()
    assert (delivery.status, delivery.tries) == ("waiting", 1)

    given.later(minutes=2)
    start_worker()  # type: ignore[operator]

    arrives(delivery)
    assert delivery.tries == 2
    first, second = receiving.got
    assert first.headers["webhook-id"] == second.headers["webhook-id"] == delivery.event_id
    assert first.body == second.body
    assert StandardWebhook(secret).verify(second.body, second.headers)

    # What comes next needs no sweep: it is rung for when it is committed.
    arrives(given.announced())
    assert len(receiving.got) == 3


def arrives(delivery: Delivery) -> None:
    def is_delivered() -> bool:
        delivery.refresh_from_db()
        return delivery.status == "delivered"

    given_people.eventually(is_delivered, what="the delivery")
