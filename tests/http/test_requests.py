"""What holds for every request."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from segmentation_site.http.requests import FORM_BYTES
from tests.architecture.addresses import Address, pages

pytestmark = pytest.mark.django_db

NAMING = [page for page in pages() if page.has_arguments]


@pytest.mark.parametrize("address", NAMING, ids=str)
def test_a_page_of_something_that_no_column_could_name_is_not_there(
    address: Address, signed_in: Callable[[User], Client], admin: User
) -> None:
    browser = signed_in(admin)
    path = re.sub("<[^>]+>", "a%00b", f"/{address.route}")
    assert (browser.get(path).status_code, browser.post(path).status_code) == (404, 404)


@pytest.mark.parametrize(
    "path",
    [
        "/admin/customers/customer/?gender__exact=%00",
        "/admin/segments/run/?a%00b=1",
        "/audit/?to=9999-12-31",
        "/audit/?from=9999-12-31&to=10000-01-01",
        "/audit/export?to=9999-12-31",
        "/audit/?search=%00&action=%00&after=%00",
        "/people/?after=99999999999999999999",
        "/customers/99999999999999999999",
        "/customers/?after=99999999999999999999&sort=%00",
        "/imports/?after=²",
    ],
)
def test_an_address_that_asks_for_what_cannot_be_breaks_nothing(
    path: str, signed_in: Callable[[User], Client], admin: User
) -> None:
    assert signed_in(admin).get(path).status_code in {200, 302, 404}


@pytest.mark.parametrize("given", ["good-enough", "x" * 64])
def test_an_id_of_a_request_that_a_proxy_gives_is_kept(given: str) -> None:
    assert Client().get("/livez", headers={"X-Request-ID": given})["X-Request-ID"] == given


@pytest.mark.parametrize(
    "given", ["", "short", "x" * 65, "a b c d e f g", '","level":"error', "forged-line\n", "ünïcödé-id"]
)
def test_an_id_of_a_request_that_could_forge_a_line_of_the_log_is_not(given: str) -> None:
    answered = Client().get("/livez", headers={"X-Request-ID": given})["X-Request-ID"]
    assert re.fullmatch(r"req_[0-9a-f]{32}", answered)


def form_of(size: int) -> dict[str, Any]:
    """What a browser sends for a form with a file, all in all of this size."""
    file = b'--B\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'
    return {"data": file.ljust(size, b"1"), "content_type": "multipart/form-data; boundary=B"}


@pytest.mark.parametrize("path", ["/accounts/login/", "/imports/new", "/language", "/nothing-here"])
def test_nobody_fills_the_disk_with_a_file_before_they_have_signed_in(path: str) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.cookies["csrftoken"] = "x" * 32
    assert browser.post(path, **form_of(FORM_BYTES)).status_code in {403, 404}
    assert browser.post(path, **form_of(FORM_BYTES + 1)).status_code == 413


def test_who_is_signed_in_sends_no_more_than_can_be_imported(
    signed_in: Callable[[User], Client], admin: User, settings: Any
) -> None:
    settings.IMPORT_MAX_BYTES = 1000
    browser = signed_in(admin)
    assert browser.post("/imports/new", **form_of(FORM_BYTES + 1000)).status_code == 422
    assert browser.post("/imports/new", **form_of(FORM_BYTES + 1001)).status_code == 413
