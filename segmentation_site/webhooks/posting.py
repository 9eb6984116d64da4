"""One POST to one pinned address, with an end: a deadline over everything, little of the answer, no redirects."""

import logging
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import urllib3.exceptions
from django.conf import settings
from django.utils.translation import gettext_noop
from urllib3.connection import HTTPConnection, HTTPSConnection

from segmentation_site.webhooks import addresses
from segmentation_site.webhooks.addresses import Place, Refused

logger = logging.getLogger(__name__)

DEADLINE_SECONDS = 15.0
CONNECT_SECONDS = 5.0
LONGEST_ANSWER = 64 * 1024
EXCERPT = 1000
USER_AGENT = "Segments-Webhooks/1"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, or why nothing did.

    status   of HTTP; None when there was no answer
    excerpt  the first characters of the answer's body
    error    in words, why it did not count as received; "" when it did
    seconds  how long it took
    """

    status: int | None
    excerpt: str
    error: str
    seconds: float

    @property
    def is_received(self) -> bool:
        """Whether the receiver has it."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def is_gone(self) -> bool:
        """Whether the receiver says that it never wants to hear anything again."""
        return self.status == 410


class _Alarm:
    """Ends connections at the deadline, whatever they wait for: a receiver that sends a byte now and then never times
    out otherwise.
    """

    def __init__(self, seconds: float) -> None:
        self.ends = time.monotonic() + seconds
        self.has_rung = False
        self._handles: list[socket.socket] = []
        self._timer = threading.Timer(seconds, self._ring)
        self._timer.daemon = True

    @property
    def left(self) -> float:
        """Seconds, never quite none."""
        return max(0.01, self.ends - time.monotonic())

    def watch(self, connected: socket.socket) -> None:
        # TLS takes the socket over; a duplicate still ends the same connection.
        self._handles.append(connected.dup())

    def _ring(self) -> None:
        self.has_rung = True
        for handle in self._handles:
            try:
                handle.shutdown(socket.SHUT_RDWR)
            except OSError:
                # It has ended by itself.
                continue

    @contextmanager
    def set(self) -> Iterator[None]:
        self._timer.start()
        try:
            yield
        finally:
            self._timer.cancel()
            self._timer.join()
            for handle in self._handles:
                handle.close()


def post(url: str, headers: Mapping[str, str], body: bytes) -> Answer:
    """Send `body` there now. Raises nothing: what goes wrong is in the answer."""
    started = time.monotonic()
    try:
        place = addresses.look_up(url)
    except Refused as problem:
        return Answer(None, "", problem.detail, time.monotonic() - started)
    alarm = _Alarm(DEADLINE_SECONDS - (time.monotonic() - started))
    with alarm.set():
        status, excerpt, error = _exchange(place, headers, body, alarm)
    return Answer(status, excerpt, error, time.monotonic() - started)


def _exchange(place: Place, headers: Mapping[str, str], body: bytes, alarm: _Alarm) -> tuple[int | None, str, str]:
    status, excerpt, connection = None, "", None
    try:
        connection = _connected(place, alarm)
        connection.request(
            "POST",
            place.target,
            body=body,
            headers={
                "Host": place.authority,
                "Content-Type": "application/json",
                "User-Agent": USER_AGENT,
                "Accept-Encoding": "identity",
                "Connection": "close",
                **headers,
            },
            preload_content=False,
            decode_content=False,
        )
        response = connection.getresponse()
        status = response.status
        excerpt = _readable(response.read(LONGEST_ANSWER, decode_content=False))
    except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
        if status is None:
            return None, "", _in_words(error, place, alarm)
        # The status says whether it was received; the body is only shown.
        logger.info("The answer of a webhook ended early: %s", type(error).__name__)
    finally:
        if connection is not None:
            connection.close()
    return status, excerpt, _why_not_received(status)


def _connected(place: Place, alarm: _Alarm) -> HTTPConnection:
    """To the first that takes it of the addresses that were looked up, never to what the name may lead to by now.

    Raises what urllib3 raises.
    """
    *others, last = place.addresses
    for address in others:
        connection = _connection(place, address, alarm)
        try:
            connection.connect()
        except urllib3.exceptions.ConnectTimeoutError:
            connection.close()
        else:
            return connection
    return _connection(place, last, alarm)


def _connection(place: Place, address: str, alarm: _Alarm) -> HTTPConnection:
    timeout = min(CONNECT_SECONDS, alarm.left)
    if place.scheme == "http":
        return _WatchedHTTP(address, place.port, timeout=timeout, alarm=alarm)
    name = place.host.removesuffix(".")
    return _WatchedHTTPS(
        address,
        place.port,
        timeout=timeout,
        ssl_context=_trust(settings.WEBHOOKS_CA_FILE),
        server_hostname=name,
        assert_hostname=name,
        alarm=alarm,
    )


class _Watched(HTTPConnection):
    """Lets the alarm know of its socket as soon as there is one, and gives answers as long as the alarm does."""

    def __init__(self, *args: Any, alarm: _Alarm, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._alarm = alarm

    def _new_conn(self) -> socket.socket:
        connected = super()._new_conn()
        self._alarm.watch(connected)
        connected.settimeout(self._alarm.left)
        self.timeout = self._alarm.left
        return connected


class _WatchedHTTP(_Watched):
    pass


class _WatchedHTTPS(_Watched, HTTPSConnection):
    pass


@lru_cache(maxsize=2)
def _trust(ca_file: str) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=ca_file or None)


def _readable(body: bytes) -> str:
    """The beginning of a body, as text that can be stored and shown."""
    text = body[: 4 * EXCERPT].decode("utf-8", errors="replace")[:EXCERPT]
    return "".join(letter if letter.isprintable() or letter in "\n\t" else "\ufffd" for letter in text)


def _why_not_received(status: int) -> str:
    if 200 <= status < 300:
        return ""
    if 300 <= status < 400:
        return gettext_noop(
            "It answered {status}. Redirects are not followed: give the address that it leads to."
        ).format(status=status)
    if status == 410:
        return gettext_noop("It answered 410: nothing is to be sent there any more.")
    return gettext_noop("It answered {status}.").format(status=status)


def _in_words(error: Exception, place: Place, alarm: _Alarm) -> str:
    if alarm.has_rung or isinstance(error, urllib3.exceptions.ReadTimeoutError | TimeoutError):
        return gettext_noop("It did not answer within {seconds:.0f} seconds.").format(seconds=DEADLINE_SECONDS)
    cause = error.__cause__ or error.__context__ or error
    if isinstance(error, urllib3.exceptions.NewConnectionError):
        return gettext_noop("{host} did not take the connection: {why}.").format(
            host=place.host, why=getattr(cause, "strerror", None) or cause
        )
    if isinstance(error, urllib3.exceptions.ConnectTimeoutError):
        return gettext_noop("{host} did not take the connection within {seconds:.0f} seconds.").format(
            host=place.host, seconds=CONNECT_SECONDS
        )
    found = next((one for one in (error, cause) if isinstance(one, ssl.SSLError)), None)
    if isinstance(found, ssl.SSLCertVerificationError):
        return gettext_noop("The certificate of {host} is not to be trusted: {why}.").format(
            host=place.host, why=found.verify_message
        )
    if found:
        return gettext_noop("No TLS connection to {host} came about: {why}.").format(
            host=place.host, why=found.reason or found
        )
    return gettext_noop("The connection to {host} ended before there was an answer ({error}).").format(
        host=place.host, error=type(error).__name__
    )
