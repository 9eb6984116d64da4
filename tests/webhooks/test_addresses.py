"""Webhooks go out into the internet and nowhere inside, however an address is written and wherever its name leads."""

import socket
from contextlib import suppress
from ipaddress import ip_address, ip_network
from typing import Any

import pytest
from hypothesis import given as examples
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from segmentation_site.webhooks import addresses, registering
from segmentation_site.webhooks.addresses import Refused
from segmentation_site.webhooks.models import Delivery, Webhook
from tests.webhooks import given
from tests.webhooks.receiving import Receiver

INSIDE = "not an address in the public internet"
SPELLING = "not how an address is written"
HOSTILE = {
    "http://203.0.113.7/": "begins with https://",
    "ftp://example.com/": "begins with https://",
    "https:///hook": "names no host",
    "https://127.0.0.1/": INSIDE,
    "https://localhost/": INSIDE,
    "https://0.0.0.0/": INSIDE,
    "https://10.0.0.7/": INSIDE,
    "https://172.16.0.1/": INSIDE,
    "https://192.168.1.1/": INSIDE,
    "https://169.254.169.254/latest/meta-data": INSIDE,
    "https://100.64.0.1/": INSIDE,
    "https://224.0.0.1/": INSIDE,
    "https://255.255.255.255/": INSIDE,
    "https://2130706433/": SPELLING,
    "https://0x7f000001/": SPELLING,
    "https://0x7f.1/": SPELLING,
    "https://0177.0.0.1/": SPELLING,
    "https://127.1/": SPELLING,
    "https://127.0.0.1./": SPELLING,
    "https://[::]/": INSIDE,
    "https://[::1]/": INSIDE,
    "https://[::127.0.0.1]/": INSIDE,
    "https://[::ffff:127.0.0.1]/": INSIDE,
    "https://[::ffff:0:127.0.0.1]/": INSIDE,
    "https://[64:ff9b::7f00:1]/": INSIDE,
    "https://[64:ff9b:1::a00:7]/": INSIDE,
    "https://[2002:7f00:1::]/": INSIDE,
    "https://[2001:0:7f00:1::]/": INSIDE,
    "https://[2a00:1450::5efe:10.0.0.7]/": INSIDE,
    "https://[fe80::1]/": INSIDE,
    "https://[fec0::1]/": INSIDE,
    "https://[fd00::1]/": INSIDE,
    "https://[ff02::1]/": INSIDE,
    "https://[fe80::1%25eth0]/": SPELLING,
    "https://①②⑦.0.0.1/": "a character that none can have",
    "https://example.com\\@127.0.0.1/": "a character that none can have",
    "https://example.com/\r\nHost: inside": "a character that none can have",
    "https://user:word@8.8.8.8/": "a user name or a password",
    "https://127.0.0.1@8.8.8.8/": "a user name or a password",
    "https://8.8.8.8:25/": "Nothing is sent to port 25",
    "https://8.8.8.8:0/": "There is no port 0",
    "https://8.8.8.8:99999/": "not an address of the web",
    "https://8.8.8.8/#fragment": "after #",
    "https://exa_mple..com/": "not the name of a host",
    "https://" + 2000 * "a" + ".com/": "1 to 2,000 characters",
}


def leads_to(monkeypatch: pytest.MonkeyPatch, *found: str) -> list[str]:
    """Names lead to these addresses, one list of them after another; returns what was asked for."""
    asked: list[str] = []

    def resolve(host: str, port: int, **kwargs: Any) -> list[Any]:
        asked.append(host)
        now = found[min(len(asked), len(found)) - 1].split()
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in now]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return asked


@pytest.mark.django_db
@pytest.mark.parametrize(("url", "why"), HOSTILE.items())
def test_a_hostile_address_is_refused_with_the_reason(url: str, why: str) -> None:
    with pytest.raises(Refused, match=why) as refused:
        registering.create(name="Shop", url=url, events=["run.published"], by=None)
    assert refused.value.pointer == "/url"
    assert not Webhook.objects.exists()


@pytest.mark.parametrize(
    "url",
    [
        "https://8.8.8.8/",
        "https://8.8.8.8:8443/hook?of=ours",
        "https://[2a00:1450:4001:830::200e]/",
        "https://[64:ff9b::808:808]/",
        "https://example.com/%E2%82%AC",
        "https://hooks.EXAMPLE.com./services/T0/B0",
        "https://_hooks.xn--bcher-kva.example/",
    ],
)
def test_a_public_address_is_taken(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = leads_to(monkeypatch, "93.184.215.14 2606:2800:21f:cb07:6820:80da:af6b:8b2c")
    is_name = "example" in url.lower()
    assert len(addresses.look_up(url).addresses) == (2 if is_name else 1)
    assert len(asked) == (1 if is_name else 0)


@pytest.mark.parametrize("found", ["10.0.0.7", "93.184.215.14 127.0.0.1", "2606:2800:21f::1 fec0::1", "0.0.0.1"])
def test_a_name_is_refused_when_any_of_its_addresses_is_inside(found: str, monkeypatch: pytest.MonkeyPatch) -> None:
    leads_to(monkeypatch, found)
    with pytest.raises(Refused, match=INSIDE):
        addresses.look_up("https://example.com/")


def test_a_name_that_nobody_knows_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(*args: Any, **kwargs: Any) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", nobody)
    with pytest.raises(Refused, match="Nobody knows where example"):
        addresses.look_up("https://example.com/")


@pytest.mark.django_db
def test_a_name_that_led_outside_when_it_was_saved_and_leads_inside_now_gets_nothing(
    receiving: Receiver, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.WEBHOOKS_ALLOW_PRIVATE = ()
    asked = leads_to(monkeypatch, "93.184.215.14", "127.0.0.1")
    url = f"https://receiver.example:{receiving.port}/"
    registering.create(name="Shop", url=url, events=["run.published"], by=None)
    delivery = given.sent(given.announced())
    assert len(asked) == 2
    assert not receiving.got
    assert "receiver.example leads to 127.0.0.1" in delivery.error
    assert INSIDE in delivery.error


@pytest.mark.django_db
def test_the_connection_goes_to_the_very_address_that_was_looked_at(
    receiving: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Whoever asked again would be sent into another network, where nobody answers.
    asked = leads_to(monkeypatch, "127.0.0.1", "127.0.0.1", "192.0.2.1")
    url = f"https://receiver.example:{receiving.port}/"
    registering.create(name="Shop", url=url, events=["run.published"], by=None)
    connected: list[Any] = []
    monkeypatch.setattr("urllib3.util.connection.create_connection", _connecting(connected))
    delivery = given.sent(given.announced())
    assert asked == ["receiver.example", "receiver.example"]
    assert connected == [("127.0.0.1", receiving.port)]
    assert delivery.status == "delivered"
    assert receiving.got[0].headers["host"] == f"receiver.example:{receiving.port}"


@pytest.mark.django_db
def test_so_it_does_without_tls_within_networks_of_ones_own(
    receiving: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    leads_to(monkeypatch, "127.0.0.1", "127.0.0.1", "192.0.2.1")
    registering.create(name="Shop", url=f"http://receiver.example:{receiving.port}/", events=["run.published"], by=None)
    connected: list[Any] = []
    monkeypatch.setattr("urllib3.util.connection.create_connection", _connecting(connected))
    # The receiver speaks TLS only, and so does not understand what comes; where it comes to is what counts.
    given.sent(given.announced())
    assert connected == [("127.0.0.1", receiving.port)]


@pytest.mark.django_db
def test_where_one_address_of_a_name_does_not_answer_the_next_one_is_tried(
    receiving: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    leads_to(monkeypatch, "127.0.0.2 127.0.0.1")
    connected: list[Any] = []
    monkeypatch.setattr("urllib3.util.connection.create_connection", _connecting(connected))
    url = f"https://receiver.example:{receiving.port}/"
    registering.create(name="Shop", url=url, events=["run.published"], by=None)
    assert given.sent(given.announced()).status == "delivered"
    assert [address for address, _ in connected] == ["127.0.0.2", "127.0.0.1"]


@hypothesis_settings(max_examples=40, deadline=None)
@examples(st.text(max_size=40) | st.from_regex(r"https?://[^/]{1,30}(/.{0,20})?", fullmatch=True))
def test_whatever_is_typed_is_refused_or_leads_into_the_internet(typed: str) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        leads_to(monkeypatch, "93.184.215.14")
        found: tuple[str, ...] = ()
        with suppress(Refused):
            found = addresses.look_up(typed).addresses
        assert all(addresses.is_public(ip_address(address)) for address in found)


def _connecting(connected: list[Any]) -> Any:
    """Connects where it is told to without asking for a name, and remembers where that was."""

    def connect(address: tuple[str, int], timeout: float, **kwargs: Any) -> socket.socket:
        connected.append(address)
        own = socket.socket(socket.AF_INET)
        own.settimeout(timeout)
        try:
            own.connect(address)
        except OSError:
            own.close()
            raise
        return own

    return connect


@pytest.mark.django_db
def test_own_networks_are_reached_only_when_they_are_named_and_then_without_tls_too(settings: Any) -> None:
    settings.WEBHOOKS_ALLOW_PRIVATE = ()
    with pytest.raises(Refused):
        addresses.look_up("http://10.1.2.3:8080/")
    settings.WEBHOOKS_ALLOW_PRIVATE = (ip_network("10.1.0.0/16"),)
    assert addresses.look_up("http://10.1.2.3/").authority == "10.1.2.3"
    assert addresses.look_up("https://10.1.2.3:25/").authority == "10.1.2.3:25"
    for elsewhere in ("http://10.2.0.1/", "https://10.2.0.1/", "http://8.8.8.8/", "https://127.0.0.1/"):
        with pytest.raises(Refused):
            addresses.look_up(elsewhere)


@hypothesis_settings(max_examples=40, deadline=None)
@examples(st.ip_addresses(v=4))
def test_an_ipv4_address_is_judged_the_same_in_every_spelling_of_ipv6(inside: Any) -> None:
    number = int(inside)
    spelled = [f"::ffff:{inside}", f"64:ff9b::{number >> 16:x}:{number & 0xFFFF:x}"]
    assert {addresses.is_public(ip_address(one)) for one in spelled} == {addresses.is_public(inside)}
    assert not addresses.is_public(ip_address(f"::{inside}"))
    if not addresses.is_public(inside):
        assert not addresses.is_public(ip_address(f"2002:{number >> 16:x}:{number & 0xFFFF:x}::1"))


@pytest.mark.django_db
def test_a_change_of_the_address_is_looked_at_too(receiving: Receiver) -> None:
    webhook, _ = given.webhook(receiving)
    with pytest.raises(Refused):
        registering.change(webhook, by=None, url="https://10.0.0.7/")
    webhook.refresh_from_db()
    assert webhook.url == receiving.url
    assert not Delivery.objects.exists()
