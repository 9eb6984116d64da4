"""Webhooks on their pages: the secret is shown once, deliveries tell what came of them, and can be sent again."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from standardwebhooks import Webhook as StandardWebhook

from segmentation_site.webhooks import pruning, registering
from segmentation_site.webhooks.models import Delivery, Webhook
from tests.webhooks import given
from tests.webhooks.conftest import receiving
from tests.webhooks.receiving import Receiver

SignIn = Callable[[User], Client]
pytestmark = pytest.mark.django_db

__all__ = ["receiving"]


@pytest.fixture
def browser(signed_in: SignIn, admin: User) -> Client:
    return signed_in(admin)


def test_the_secret_is_shown_once_and_verifies_what_is_sent(browser: Client, receiving: Receiver, admin: User) -> None:
    form = {"name": "Newsletter", "url": receiving.url, "events": ["run.published"]}
    answer = browser.post("/webhooks/new", form)
    secret = answer.context["secret"]
    assert secret in answer.content.decode()
    assert "no-store" in answer["Cache-Control"]
    webhook = Webhook.objects.get()
    assert (webhook.name, webhook.events, webhook.created_by) == ("Newsletter", ["run.published"], admin)
    path = f"/webhooks/{webhook.public_id}"

    browser.post(f"{path}/test")
    given.sent(Delivery.objects.get())
    assert StandardWebhook(secret).verify(receiving.got[0].body, receiving.got[0].headers)
    for page in ("/webhooks/", path, f"{path}/edit", f"/admin/webhooks/webhook/{webhook.pk}/change/"):
        assert secret not in browser.get(page).content.decode()
    page = browser.get(path).content.decode()
    assert "thank you" in page
    assert "webhook.test" in page


def test_an_address_inside_is_refused_beside_its_field_and_nothing_typed_is_lost(browser: Client) -> None:
    answer = browser.post("/webhooks/new", {"name": "Shop", "url": "https://[fec0::1]/", "events": ["run.finished"]})
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "fec0::1 is not an address in the public internet." in page
    assert 'value="Shop"' in page
    assert "Choose at least one event." in browser.post("/webhooks/new", {"name": "Shop"}).content.decode()
    assert not Webhook.objects.exists()


def test_a_webhook_is_changed_turned_off_and_on_and_deleted(browser: Client, receiving: Receiver) -> None:
    webhook, _ = given.webhook(receiving)
    path = f"/webhooks/{webhook.public_id}"
    form = {"name": "Shop", "url": receiving.url, "events": ["import.finished"]}
    assert "“Shop” is changed." in browser.post(f"{path}/edit", form, follow=True).content.decode()
    refused = browser.post(f"{path}/edit", form | {"url": "https://10.0.0.7/"})
    assert refused.status_code == 422
    off = browser.post(f"{path}/enable", follow=True).content.decode()
    assert "Nothing is sent, and new events are not written down for it." in off
    assert "told again" in browser.post(f"{path}/enable", {"is_enabled": "yes"}, follow=True).content.decode()
    webhook.refresh_from_db()
    assert (webhook.name, webhook.url, webhook.events, webhook.is_enabled) == (
        "Shop",
        receiving.url,
        ["import.finished"],
        True,
    )
    browser.post(f"{path}/delete")
    assert not Webhook.objects.exists()


def test_why_a_webhook_was_disabled_is_on_its_page_and_the_first_thing_that_admins_see(
    browser: Client, receiving: Receiver, signed_in: SignIn, manager: User
) -> None:
    webhook, _ = given.webhook(receiving)
    receiving.statuses = [410]
    given.sent(given.announced())
    page = browser.get(f"/webhooks/{webhook.public_id}").content.decode()
    assert "It was disabled by itself." in page
    assert "It answered 410: nothing is to be sent there any more." in page
    assert "Disabled" in browser.get("/webhooks/").content.decode()
    assert "“Newsletter” is told nothing any more." in browser.get("/").content.decode()
    assert "Newsletter" not in signed_in(manager).get("/").content.decode()


def test_a_delivery_is_sent_again_from_its_row(browser: Client, receiving: Receiver) -> None:
    receiving.statuses = [503, 200]
    webhook, _ = given.webhook(receiving)
    delivery = given.sent(given.announced())
    path = f"/webhooks/{webhook.public_id}"
    assert "It answered 503." in browser.get(f"{path}?status=waiting").content.decode()
    assert "No delivery is in this state" in browser.get(f"{path}?status=delivered").content.decode()
    replay = f"{path}/deliveries/{delivery.public_id}/replay"
    assert "on its way again" in browser.post(replay, follow=True).content.decode()
    assert given.sent(delivery).status == "delivered"
    registering.change(webhook, by=None, is_enabled=False)
    assert "Enable it first." in browser.post(replay, follow=True).content.decode()


def test_rotating_shows_the_new_secret_and_until_when_the_one_before_signs(
    browser: Client, receiving: Receiver
) -> None:
    webhook, before = given.webhook(receiving)
    answer = browser.post(f"/webhooks/{webhook.public_id}/rotate")
    assert answer.context["secret"] != before
    assert "signed with the secret before, too" in answer.content.decode()
    assert "signs as well until" in browser.get(f"/webhooks/{webhook.public_id}").content.decode()


def test_old_deliveries_go_and_those_that_still_wait_for_a_try_stay(receiving: Receiver) -> None:
    webhook, _ = given.webhook(receiving)
    given.sent(given.announced())
    waiting = given.announced()
    Delivery.objects.update(created_at=timezone.now() - timedelta(days=31))
    young = given.announced()
    assert pruning.prune() == 1
    assert set(Delivery.objects.values_list("pk", flat=True)) == {waiting.pk, young.pk}
    registering.change(webhook, by=None, is_enabled=False)
    assert pruning.prune() == 1
    assert Delivery.objects.get() == young
