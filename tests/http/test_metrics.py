"""Prometheus gets what it needs to raise an alarm, and nobody else gets anything."""

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from customers.models import Import
from segmentation_site.jobs import sweeping
from segmentation_site.webhooks import registering, sending
from segmentation_site.webhooks.events import Event
from segmentation_site.webhooks.models import Delivery

pytestmark = pytest.mark.django_db


def value(text: str, line: str) -> float:
    found = re.search(rf"^{re.escape(line)} (\S+)$", text, re.MULTILINE)
    assert found, text
    return float(found[1])


def test_jobs_waits_attempts_durations_and_sweeps_are_told(client: Client) -> None:
    now = timezone.now()
    Import.objects.create(file_name="a.csv")
    Import.objects.create(
        file_name="b.csv", status="done", attempt=2, started_at=now, finished_at=now + timedelta(seconds=3)
    )
    sweeping.sweep()
    answer = client.get("/metrics")
    assert answer["Content-Type"].startswith("text/plain")
    text = answer.content.decode()
    assert value(text, 'segmentation_jobs{kind="import",status="queued"}') == 1
    assert value(text, 'segmentation_jobs{kind="run",status="failed"}') == 0
    assert value(text, 'segmentation_queue_age_seconds{kind="import"}') >= 0
    assert value(text, 'segmentation_job_attempts{kind="import"}') == 2
    assert value(text, 'segmentation_job_duration_seconds_sum{kind="import"}') == pytest.approx(3)
    assert value(text, "segmentation_sweeps_total") == 1
    assert value(text, "segmentation_last_sweep_timestamp_seconds") == pytest.approx(now.timestamp(), abs=60)


def test_webhooks_and_deliveries_are_told(client: Client) -> None:
    shop, mail = (
        registering.create(name=name, url="https://8.8.8.8/", events=[Event.RUN_PUBLISHED], by=None)[0]
        for name in ("Shop", "Mail")
    )
    sending.disable(mail, "It answered 410.", timezone.now())
    sent, waiting = registering.test(shop, by=None), registering.test(shop, by=None)
    Delivery.objects.filter(pk=sent.pk).update(status="delivered", tries=3)
    Delivery.objects.filter(pk=waiting.pk).update(next_try_at=timezone.now() - timedelta(hours=1))
    text = client.get("/metrics").content.decode()
    assert [value(text, f'segmentation_webhooks{{state="{state}"}}') for state in ("enabled", "disabled")] == [1, 0]
    assert value(text, 'segmentation_webhooks{state="given_up"}') == 1
    assert value(text, 'segmentation_deliveries{status="waiting"}') == 1
    assert value(text, 'segmentation_deliveries{status="delivered"}') == 1
    assert value(text, "segmentation_delivery_tries") == 3
    assert value(text, "segmentation_delivery_age_seconds") >= 3600


def test_a_stranger_finds_no_metrics(client: Client) -> None:
    assert client.get("/metrics", REMOTE_ADDR="192.0.2.7").status_code == 404
    for name in ("X-Forwarded-For", "X-Real-IP", "Forwarded", "Via", "X-Forwarded-Proto", "X-Forwarded-Host"):
        assert client.get("/metrics", headers={name: "127.0.0.1"}).status_code == 404
    # As on a unix socket: whoever is there need not be this machine's.
    assert client.get("/metrics", REMOTE_ADDR="").status_code == 404


def test_with_a_token_only_its_holder_reads_metrics(client: Client, settings: object) -> None:
    settings.METRICS_TOKEN = "a long one"  # type: ignore[attr-defined]
    assert client.get("/metrics").status_code == 404
    assert client.get("/metrics", headers={"Authorization": "Bearer another"}).status_code == 404
    answer = client.get("/metrics", headers={"Authorization": "Bearer a long one"}, REMOTE_ADDR="192.0.2.7")
    assert answer.status_code == 200
