"""What leaves the house when something happens: e-mail and errors, and what is in neither."""

import gzip
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.core.files.base import ContentFile
from django.test import Client

from customers import importing, starting
from customers.models import Import
from segmentation_site.jobs import leases
from tests.conftest import ROOT

SignIn = Callable[[User], Client]
PRIVATE = "ada@example.com"
FAIL_WITH_SOMEBODYS_ADDRESS = f"""
import django, logging
django.setup()
import sentry_sdk
address = "{PRIVATE}"
try:
    raise ValueError("nobody is called " + address)
except ValueError:
    logging.getLogger("customers").exception("A job failed")
sentry_sdk.flush(10)
"""


@pytest.fixture
def _with_a_mail_server(settings: object) -> None:
    settings.IS_EMAIL_SET = True  # type: ignore[attr-defined]


@pytest.fixture
def sentry() -> Iterator[tuple[str, list[str]]]:
    """The DSN of something that takes what Sentry takes, and what it was told."""
    told: list[str] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            told.append((gzip.decompress(body) if self.headers["Content-Encoding"] == "gzip" else body).decode())
            self.send_response(200)
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            """Quietly."""

    with HTTPServer(("127.0.0.1", 0), Receiver) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://key@127.0.0.1:{server.server_port}/1", told
        server.shutdown()
        thread.join()


@pytest.mark.usefixtures("_with_a_mail_server")
def test_who_is_invited_gets_the_link_by_e_mail_too(admin: User, signed_in: SignIn) -> None:
    invited = {"username": "ada", "email": PRIVATE, "role": "analyst"}
    page = signed_in(admin).post("/people/new", invited).content.decode()
    (sent,) = mail.outbox
    assert sent.to == [PRIVATE]
    assert sent.body.splitlines()[0] in page
    assert "/accounts/invitation/" in sent.body


def test_without_a_mail_server_nothing_is_sent(admin: User, signed_in: SignIn) -> None:
    invited = {"username": "ada", "email": PRIVATE, "role": "analyst"}
    page = signed_in(admin).post("/people/new", invited).content.decode()
    assert not mail.outbox
    assert "/accounts/invitation/" in page
    assert PRIVATE not in page


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("_with_a_mail_server")
def test_who_started_a_job_is_told_that_it_failed_and_where_to_read_why(analyst: User) -> None:
    analyst.email = PRIVATE
    analyst.save()
    file = ContentFile(b"external_id,age\nA-1,40\n", name="few.csv")
    one = starting.start_import(file, by=analyst, ring=False)
    one.file.storage.delete(one.file.name or "")
    leases.carry_out(Import, one.pk, importing.execute)
    (sent,) = mail.outbox
    assert sent.to == [PRIVATE]
    assert one.public_id in sent.subject
    assert "few.csv" not in sent.body


def test_errors_are_told_to_sentry_without_what_they_say(sentry: tuple[str, list[str]]) -> None:
    dsn, told = sentry
    env = os.environ | {"SENTRY_DSN": dsn, "SEGMENTATION_PROCESS": "worker"}
    subprocess.run([sys.executable, "-c", FAIL_WITH_SOMEBODYS_ADDRESS], cwd=ROOT, env=env, check=True, timeout=60)
    (event,) = [one for one in told if "A job failed" in one]
    assert "ValueError" in event
    assert '"process":"worker"' in event.replace(" ", "")
    assert "@example" not in event
