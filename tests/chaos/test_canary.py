"""Somebody whose name and address go through everything, and are then erased, is found nowhere."""

import hashlib
import json
import re
import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
import requests

from segmentation_site.embedded import postgres
from segmentation_site.embedded.folder import USER, DataFolder
from tests import given
from tests.chaos.conftest import site_for_trials
from tests.chaos.trial import IMPORTS, RUNS, Trial, customers_file
from tests.embedded.processes import manage
from tests.webhooks.receiving import Receiver, receiver

NAME, ADDRESS, ID = "Zebedee-Canary", "zebedee.canary@nowhere.example", "canary-0001"
# Platforms are given this in place of the address.
HASHED = hashlib.sha256(ADDRESS.encode()).hexdigest()
SCOPES = ("customers:write", "customers:erase", "exports:write", "webhooks:write")
FORMATS, PLATFORMS = ("csv", "ndjson", "xlsx", "parquet"), ("google", "meta", "tiktok")
EXPORTS: list[dict[str, Any]] = [{"format": form, "columns": ["email", "first_name"]} for form in FORMATS]
EXPORTS += [{"hashed": platform} for platform in PLATFORMS]


@pytest.fixture(scope="module")
def receiving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Receiver]:
    """A system that is told of everything, and answers with what it knows."""
    with receiver(tmp_path_factory.mktemp("receiver")) as one:
        one.answer = f"synced {ADDRESS}".encode()
        yield one


@pytest.fixture(scope="module")
def _trial(receiving: Receiver) -> Iterator[Trial]:
    with site_for_trials(WEBHOOKS_ALLOW_PRIVATE="127.0.0.0/8", WEBHOOKS_CA_FILE=receiving.ca_file) as trial:
        yield trial


def file_with_the_canary(age: str) -> bytes:
    header, rest = customers_file(300).split(b"\n", 1)
    columns = header.decode().strip().split(",")
    known = {"CustomerID": ID, "First name": NAME, "Email": ADDRESS, "Age": age, "Consent": "yes"}
    known |= {"Annual Income (k$)": "60", "Spending Score (1-100)": "50"}
    row = ",".join(known.get(column, "") for column in columns)
    return b"\n".join([header, row.encode(), rest])


@pytest.fixture
def key(trial: Trial) -> str:
    """Of a tool that may write and erase, too."""
    scopes = [part for one in (*SCOPES, "customers:read", "members:read") for part in ("--scope", one)]
    done = manage(trial.site.folder, "create_api_key", "eraser", "--json", *scopes)
    return str(json.loads(done.stdout)["key"])


def places_that_name_it(trial: Trial) -> Iterator[str]:
    """Where the name or the address is still to be read: a dump, files, the queue and the logs."""
    folder = DataFolder(trial.site.folder)
    dump = subprocess.run(
        [str(postgres.binaries() / "pg_dump"), f"--host={folder.sockets}", f"--username={USER}", "segmentation"],
        env={"PGPASSWORD": folder.postgres_password},
        capture_output=True,
        check=True,
    ).stdout
    assert b"customers_customer" in dump
    found = [("the dump", dump)]
    # PostgreSQL's own files hold what was deleted until vacuum comes by; whoever reads those reads everything.
    files = [path for path in folder.path.rglob("*") if path.is_file() and folder.postgres not in path.parents]
    assert {"logs", "valkey"} <= {path.relative_to(folder.path).parts[0] for path in files}
    found += [(str(path), path.read_bytes()) for path in files]
    found += [("the terminal", trial.site.output.encode())]
    for where, content in found:
        lower = content.lower()
        if any(word.lower().encode() in lower for word in (NAME, ADDRESS, HASHED)):
            yield where


def signed_in(trial: Trial) -> requests.Session:
    """A browser in which the first admin has signed in."""
    browser = requests.Session()
    password = re.search(r"with password\s+(\S+)", trial.site.output)
    assert password
    browser.get(f"{trial.site.url}/accounts/login/", timeout=30)
    words = {"username": "admin", "password": password[1], "csrfmiddlewaretoken": browser.cookies["csrftoken"]}
    answer = browser.post(f"{trial.site.url}/accounts/login/", data=words, timeout=30)
    assert answer.url == f"{trial.site.url}/"
    return browser


def look_at_pages(trial: Trial, browser: requests.Session) -> None:
    """Search the canary, open it, and bring it into the wizard, which is then left."""

    def opened(path: str, **form: object) -> requests.Response:
        more: dict[str, object] = {"csrfmiddlewaretoken": browser.cookies["csrftoken"], "kind": "customers"}
        answer = browser.request("POST" if form else "GET", f"{trial.site.url}{path}", timeout=30, **_sent(form, more))
        assert answer.ok, f"{path}: {answer.status_code}"
        return answer

    for search in (NAME, ADDRESS, ID):
        assert NAME in opened(f"/customers/?search={search}").text
    pk = trial.ask("SELECT id FROM customers_customer WHERE external_id = %s", ID)[0]["id"]
    assert ADDRESS in opened(f"/customers/{pk}").text
    assert ID in opened(f"/customers/{pk}/erase").text
    wizard = opened("/imports/new", file=("customers.csv", file_with_the_canary("40")))
    assert wizard.url.endswith("/map")
    assert NAME in wizard.text
    path = wizard.url.removeprefix(trial.site.url)
    # Another way of reading it: the page comes again, with the first rows of the file.
    words = {"csrfmiddlewaretoken": browser.cookies["csrftoken"], "encoding": "latin-1"}
    assert NAME in browser.post(wizard.url, data=words, timeout=30).text
    opened(path.removesuffix("/map") + "/cancel", anything="")


def _sent(form: dict[str, object], more: dict[str, object]) -> dict[str, Any]:
    files = {name: value for name, value in form.items() if isinstance(value, tuple)}
    return (
        {"data": more | {name: value for name, value in form.items() if name not in files}, "files": files}
        if form
        else {}
    )


def _file_of(call: Callable[..., requests.Response], export: str) -> str | None:
    file: str | None = call("GET", f"/api/v1/exports/{export}").json()["file"]
    return file


def test_who_is_erased_is_found_nowhere_and_does_not_come_in_again(trial: Trial, key: str, receiving: Receiver) -> None:
    def call(method: str, path: str, **more: object) -> requests.Response:
        headers = {"Authorization": f"Bearer {key}", **more.pop("headers", {})}  # type: ignore[dict-item]
        return requests.request(method, f"{trial.site.url}{path}", headers=headers, timeout=30, **more)  # type: ignore[arg-type]

    hook = {"name": "CRM", "url": receiving.url, "events": ["run.published", "import.finished", "export.finished"]}
    made = call("POST", "/api/v1/webhooks", json=hook)
    assert made.status_code == 201
    # In: a good row, a row with a fault, a change over the API, and tries that go wrong.
    assert trial.ended(IMPORTS, trial.upload(file_with_the_canary("40")))["status"] == "done"
    assert trial.ended(IMPORTS, trial.upload(file_with_the_canary("4000")))["status"] == "done"
    assert trial.count("customers_rejectedrow", f"cells::text LIKE '%{NAME}%'") == 1
    written = {"first_name": NAME, "email": ADDRESS, "age": 41}
    assert call("PUT", f"/api/v1/customers/{ID}", json=written).status_code == 200
    batch = {"customers": [written | {"external_id": ID}, {"external_id": NAME, "age": ADDRESS}]}
    again = {"Idempotency-Key": "canary"}
    assert call("POST", "/api/v1/customers/batch", json=batch, headers=again).status_code == 200
    assert call("GET", f"/api/v1/customers/{ADDRESS}").status_code == 404
    assert call("GET", f"/api/v1/customers?segment={ADDRESS}").status_code == 400
    assert call("POST", "/api/v1/customers/lookup", json={"emails": [ADDRESS]}).status_code == 200
    assert call("GET", f"/customers/?search={ADDRESS}", allow_redirects=False).status_code == 302
    # Through: a run, and out of the house.
    slug = trial.define("Canaries")
    assert trial.ended(RUNS, trial.run(slug, publish=True))["status"] == "done"
    csv = call("GET", f"/api/v1/segmentations/{slug}/members?fields=email,first_name", headers={"Accept": "text/csv"})
    assert ADDRESS in csv.text
    exports = [call("POST", "/api/v1/exports", json={"segmentation": slug} | asked).json()["id"] for asked in EXPORTS]
    for export in exports:
        given.eventually(partial(_file_of, call, export), what="the export's file")
    texts = [call("GET", f"/api/v1/exports/{export}/file").text for export in exports]
    assert ADDRESS in texts[0]
    assert ADDRESS in texts[1]
    assert all(HASHED in text for text in texts[4:])
    look_at_pages(trial, signed_in(trial))
    # The receiver has heard of all of it by id, and has answered with what it should have kept to itself.
    sent = "status = 'delivered'"
    given.eventually(lambda: trial.count("webhooks_delivery", sent) >= len(EXPORTS) + 3, what="deliveries")
    assert not trial.count("webhooks_delivery", "response_excerpt <> ''")
    # To a test, too, of which the answer is kept.
    assert call("POST", f"/api/v1/webhooks/{made.json()['id']}/test").status_code == 202
    given.eventually(lambda: trial.count("webhooks_delivery", "response_excerpt <> ''") == 1, what="the test's answer")
    told = b" ".join(request.body for request in receiving.got)
    assert exports[0].encode() in told
    assert not any(word.encode() in told for word in (NAME, ADDRESS, HASHED))
    before = set(places_that_name_it(trial))
    # Two of the formats are compressed, so that nobody finds anything in them by looking.
    assert len([where for where in before if any(export in where for export in exports)]) == len(EXPORTS) - 2
    assert "the dump" in before
    assert any("media" in where for where in before)

    assert call("DELETE", f"/api/v1/customers/{ID}").status_code == 204
    assert {call("GET", f"/api/v1/exports/{export}/file").status_code for export in exports} == {410}
    assert list((DataFolder(trial.site.folder).path / "media" / "exports").iterdir()) == []
    assert not trial.count("webhooks_delivery", "response_excerpt <> ''")
    assert list(places_that_name_it(trial)) == []

    # Whoever reads the feed has forgotten them by now.
    receiving.answer = b"synced"
    row = trial.ended(IMPORTS, trial.upload(file_with_the_canary("40")))
    assert row["status"] == "done"
    reasons = trial.ask(f"SELECT reasons FROM customers_rejectedrow WHERE source_import_id = {row['id']} AND line = 2")
    assert [reason["code"] for reason in reasons[0]["reasons"]] == ["suppressed"]
    assert list(places_that_name_it(trial)) == []
    # Only its id is told, so that tools forget it, too.
    feed = trial.call("GET", f"/segmentations/{slug}/changes?page_size=1000").json()["results"]
    assert [entry["external_id"] for entry in feed if entry["type"] == "erased"] == [ID]
