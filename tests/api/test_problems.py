"""Whatever is wrong with a request is told in one form: what, where, and what to do."""

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import OperationalError
from django.test import Client

from customers import attributes
from segmentation_site.access import keys
from segmentation_site.access.scopes import Scope
from tests.api.answers import pointers, problem
from tests.api.calling import Caller

pytestmark = pytest.mark.django_db

ATTRIBUTES, IMPORTS = "/api/v1/attributes", "/api/v1/imports"


@pytest.fixture
def client(db: None) -> Client:
    """A program that may do everything."""
    _, secret = keys.create_key("a tool", scopes=list(Scope), by=None)
    return Client(headers={"Authorization": f"Bearer {secret}"})


@pytest.mark.parametrize(
    "address",
    [
        "/api",
        "/api/",
        "/api/v1",
        "/api/v1/",
        "/api/v2/me",
        "/api/v1/me/",
        "/api/v1/unknown",
        "/api/v1/imports/a/b/c",
        "/api/v1/a%0Ab",
    ],
)
def test_where_nothing_is_a_problem_says_so(client: Client, address: str) -> None:
    problem(client.get(address, follow=True), 404, "not_found")
    problem(Client().post(address, follow=True), 404, "not_found")


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_where_nothing_is_nothing_can_be_changed_either(method: str) -> None:
    strict = Client(enforce_csrf_checks=True)
    # A line break is in no address of a customer.
    problem(getattr(strict, method)("/api/v1/customers/a%0Ab"), 404, "not_found")


@pytest.mark.parametrize("name", ["imp_none", "x" * 5000, "%00", "imp_%00", "..%2f..", "ünïcode", "'; DROP", "%ff"])
def test_an_import_that_does_not_exist_is_not_found(client: Client, name: str) -> None:
    for path in (name, f"{name}/rejects"):
        problem(client.get(f"{IMPORTS}/{path}"), 404, "not_found")
    problem(client.post(f"{IMPORTS}/{name}/cancel"), 404, "not_found")


@pytest.mark.parametrize(
    ("query", "faults"),
    [
        ("page=2", {"?page": "unknown_parameter"}),
        ("Page_Size=2", {"?Page_Size": "unknown_parameter"}),
        ("page_size=abc", {"?page_size": "invalid_parameter"}),
        ("page_size=0", {"?page_size": "invalid_parameter"}),
        ("page_size=-1", {"?page_size": "invalid_parameter"}),
        ("page_size=1001", {"?page_size": "invalid_parameter"}),
        ("page_size=1e2", {"?page_size": "invalid_parameter"}),
        ("page_size=٣", {"?page_size": "invalid_parameter"}),
        ("page_size=" + "9" * 5000, {"?page_size": "invalid_parameter"}),
        ("page_size=", {"?page_size": "invalid_parameter"}),
        ("page_size=2&page_size=3", {"?page_size": "repeated_parameter"}),
        ("page_size=x&what=1", {"?page_size": "invalid_parameter", "?what": "unknown_parameter"}),
        ("%00=1", {"?\0": "unknown_parameter"}),
    ],
)
def test_every_parameter_that_cannot_be_is_told(client: Client, query: str, faults: dict[str, str]) -> None:
    for address in (ATTRIBUTES, IMPORTS):
        document = problem(client.get(f"{address}?{query}"), 400, "invalid_request")
        assert pointers(document) == faults


def test_an_unknown_parameter_is_told_together_with_the_known_ones(client: Client) -> None:
    detail = problem(client.get(f"{IMPORTS}?limit=10"), 400, "invalid_request")["detail"]
    assert detail == "There is no parameter 'limit' here. Known: page_size, cursor."


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "None",
        "eyJhIjoxfQ",
        "MTA.abc",
        "MTA:abc",
        ".",
        "..",
        "%00",
        "%ff",
        "ünïcode",
        "a" * 500,
        "a" * 501,
        "🙂",
    ],
)
def test_a_cursor_that_was_made_up_is_told_and_never_followed(client: Client, cursor: str) -> None:
    for address in (ATTRIBUTES, IMPORTS):
        answer = client.get(f"{address}?cursor={cursor}")
        assert answer.status_code == 400
        document = problem(answer, 400, answer.json()["code"])
        assert list(pointers(document)) == ["?cursor"]


def test_a_cursor_of_another_list_and_one_that_was_altered_are_refused(client: Client) -> None:
    following = client.get(f"{ATTRIBUTES}?page_size=2").json()["next"]
    cursor = following.split("cursor=")[1]
    assert client.get(following).status_code == 200
    problem(client.get(f"{IMPORTS}?cursor={cursor}"), 400, "invalid_cursor")
    for altered in (cursor[:-1], cursor[1:], cursor + "A", cursor.swapcase()):
        problem(client.get(f"{ATTRIBUTES}?cursor={altered}"), 400, "invalid_cursor")


def test_what_cannot_be_answered_in_the_wanted_format_is_told_in_json(client: Client) -> None:
    refused = problem(client.get(ATTRIBUTES, headers={"Accept": "application/xml"}), 406, "not_acceptable")
    assert "application/json" in refused["detail"]
    problem(client.get(f"{IMPORTS}/imp_none/rejects", headers={"Accept": "text/csv"}), 404, "not_found")


def test_an_upload_that_is_no_form_is_told(client: Client) -> None:
    for kind in ("application/json", "text/csv", "application/octet-stream", "x"):
        document = problem(client.post(IMPORTS, "a,b", content_type=kind), 415, "unsupported_media_type")
        assert document["detail"].endswith("Send multipart/form-data.")


def test_a_form_that_breaks_off_is_told(client: Client) -> None:
    kind = "multipart/form-data; boundary=x"
    for body in (
        "",
        "--x\r\n",
        "--x\r\nContent-Disposition: form-data; name=file; filename=a.csv\r\n\r\nid,age\r\n1,2",
    ):
        assert client.post(IMPORTS, body, content_type=kind).status_code == 400
    problem(client.post(IMPORTS, "a", content_type="multipart/form-data"), 400, "parse_error")


def test_a_body_of_json_that_is_too_large_is_refused(settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    caller = Caller("customers:read")
    assert caller.post("/customers/lookup", {"external_ids": ["1" * 900]}).status_code == 200
    problem(caller.post("/customers/lookup", {"external_ids": ["1" * 1000]}), 413, "too_large")


def test_a_body_that_is_announced_as_too_large_is_refused_before_it_is_read(client: Client, settings: Any) -> None:
    settings.IMPORT_MAX_BYTES = 1000
    answer = client.post(IMPORTS, {"file": SimpleUploadedFile("a.csv", b"id,age\n" + b"1,2\n" * 600_000)})
    assert pointers(problem(answer, 413, "file_too_large")) == {"/file": "file_too_large"}


def test_what_is_announced_as_too_large_is_not_even_begun_to_be_read(client: Client, settings: Any) -> None:
    announced = str(settings.IMPORT_MAX_BYTES + 2 * 1024**2)
    # Whoever began to read it would find that it breaks off.
    answer = client.post(IMPORTS, b"--x", content_type="multipart/form-data; boundary=x", CONTENT_LENGTH=announced)
    assert pointers(problem(answer, 413, "file_too_large")) == {"/file": "file_too_large"}


def test_a_file_that_turns_out_too_large_is_refused(client: Client, settings: Any) -> None:
    settings.IMPORT_MAX_BYTES = 1000
    answer = client.post(IMPORTS, {"file": SimpleUploadedFile("a.csv", b"id,age\n" + b"1,2\n" * 300)})
    assert pointers(problem(answer, 413, "file_too_large")) == {"/file": "file_too_large"}


def test_a_form_with_thousands_of_fields_is_refused(client: Client) -> None:
    problem(client.post(IMPORTS, {f"field_{number}": "x" for number in range(1500)}), 400, "bad_request")


def test_what_nobody_foresaw_is_told_without_its_insides(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise RuntimeError("the secret of the house")

    monkeypatch.setattr(attributes, "columns", fail)
    client.raise_request_exception = False
    document = problem(client.get(ATTRIBUTES), 500, "internal_error")
    assert "secret" not in str(document)


def test_a_database_that_does_not_answer_is_told_as_a_moment_to_wait(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise OperationalError("connection refused at 10.0.0.1")

    monkeypatch.setattr(attributes, "columns", fail)
    answer = client.get(ATTRIBUTES)
    assert "10.0.0.1" not in str(problem(answer, 503, "unavailable"))
    assert int(answer["Retry-After"]) > 0


def test_a_request_id_of_the_caller_is_kept_and_a_malformed_one_is_not(client: Client) -> None:
    kept = client.get("/api/v1/nothing", headers={"X-Request-ID": "shop-12345678"})
    assert problem(kept, 404, "not_found")["request_id"] == "shop-12345678"
    for bad in ("a b", "x" * 500, "<script>", ""):
        document = problem(client.get("/api/v1/nothing", headers={"X-Request-ID": bad}), 404, "not_found")
        assert document["request_id"].startswith("req_")


def test_what_the_api_says_is_kept_by_no_cache_of_others(client: Client) -> None:
    assert client.get(ATTRIBUTES)["Cache-Control"] == "private, no-cache"
