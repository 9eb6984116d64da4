"""Logs tell what happened and on whose request, and nobody's data."""

import io
import logging
from collections.abc import Callable, Iterator
from typing import Any

import orjson
import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError
from django.test import Client

from customers.models import Customer, Import
from segmentation_site import logs
from segmentation_site.jobs import leases
from segmentation_site.jobs.leases import Lease

SignIn = Callable[[User], Client]
CANARY = "anna.canary@example.com"


class Lines:
    """What the site has logged."""

    def __init__(self) -> None:
        self.text = io.StringIO()

    def read(self) -> list[dict[str, Any]]:
        return [orjson.loads(line) for line in self.text.getvalue().splitlines()]


@pytest.fixture
def lines() -> Iterator[Lines]:
    found = Lines()
    handler = logging.StreamHandler(found.text)
    handler.setFormatter(logs.formatter())
    root = logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    yield found
    root.removeHandler(handler)
    root.setLevel(before)


@pytest.mark.django_db
def test_a_request_is_one_line_with_its_id_and_without_its_path(lines: Lines, signed_in: SignIn, admin: User) -> None:
    browser = signed_in(admin)
    answer = browser.get(f"/api/v1/customers/{CANARY}", headers={"X-Request-ID": "from-the-proxy-1"})
    assert answer.status_code == 404
    told = [line for line in lines.read() if line["event"] == "request"]
    assert [(line["method"], line["status"], line["request_id"]) for line in told] == [("GET", 404, "from-the-proxy-1")]
    assert told[0]["route"].startswith("api/v1/customers/<")
    assert CANARY not in lines.text.getvalue()


@pytest.mark.django_db(transaction=True)
def test_what_a_database_says_of_a_row_stays_out_of_the_logs(lines: Lines) -> None:
    Customer.objects.create(external_id=CANARY)
    try:
        Customer.objects.create(external_id=CANARY)
    except IntegrityError:
        logging.getLogger("segmentation_site").exception("It could not be saved")
    (line,) = lines.read()
    assert line["event"] == "It could not be saved"
    assert {error["sqlstate"] for error in line["errors"]} == {"23505"}
    assert any("test_logs.py" in frame for error in line["errors"] for frame in error["frames"])
    assert CANARY not in lines.text.getvalue()


@pytest.mark.django_db(transaction=True)
def test_the_id_of_a_request_follows_the_job_that_it_started(lines: Lines) -> None:
    token = logs.current_request_id.set("req_of_the_upload")
    job = Import.objects.create(file_name=f"{CANARY}.csv")
    logs.current_request_id.reset(token)

    def break_down(one: Import, lease: Lease[Import]) -> None:
        raise KeyError("no such thing")

    leases.carry_out(Import, job.pk, break_down)

    told = lines.read()
    assert [line["request_id"] for line in told] == ["req_of_the_upload"] * len(told)
    assert "failed, reference" in told[-1]["event"]
    job.refresh_from_db()
    assert told[-1]["event"].split()[-1] in job.error_detail
    assert CANARY not in lines.text.getvalue()
