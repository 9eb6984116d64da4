"""Somebody whose name and address go through everything, and are then erased, is found nowhere."""

import json
import subprocess
from collections.abc import Iterator

import pytest
import requests

from segmentation_site.embedded import postgres
from segmentation_site.embedded.folder import USER, DataFolder
from tests import given
from tests.chaos.trial import IMPORTS, RUNS, Trial, customers_file
from tests.embedded.processes import manage

NAME, ADDRESS, ID = "Zebedee-Canary", "zebedee.canary@nowhere.example", "canary-0001"
SCOPES = ("customers:write", "customers:erase", "exports:write")


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
        if any(word.lower().encode() in lower for word in (NAME, ADDRESS)):
            yield where


def test_who_is_erased_is_found_nowhere_and_does_not_come_in_again(trial: Trial, key: str) -> None:
    def call(method: str, path: str, **more: object) -> requests.Response:
        headers = {"Authorization": f"Bearer {key}", **more.pop("headers", {})}  # type: ignore[dict-item]
        return requests.request(method, f"{trial.site.url}{path}", headers=headers, timeout=30, **more)  # type: ignore[arg-type]

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
    export = call("POST", "/api/v1/exports", json={"segmentation": slug, "columns": ["email", "first_name"]}).json()
    given.eventually(lambda: call("GET", f"/api/v1/exports/{export['id']}").json()["file"], what="the export's file")
    file = f"/api/v1/exports/{export['id']}/file"
    assert ADDRESS in call("GET", file).text
    before = set(places_that_name_it(trial))
    assert any(export["id"] in where for where in before)
    assert "the dump" in before
    assert any("media" in where for where in before)

    assert call("DELETE", f"/api/v1/customers/{ID}").status_code == 204
    assert call("GET", file).status_code == 410
    assert list(places_that_name_it(trial)) == []

    row = trial.ended(IMPORTS, trial.upload(file_with_the_canary("40")))
    assert row["status"] == "done"
    reasons = trial.ask(f"SELECT reasons FROM customers_rejectedrow WHERE source_import_id = {row['id']} AND line = 2")
    assert [reason["code"] for reason in reasons[0]["reasons"]] == ["suppressed"]
    assert list(places_that_name_it(trial)) == []
    # Only its id is told, so that tools forget it, too.
    feed = trial.call("GET", f"/segmentations/{slug}/changes?page_size=1000").json()["results"]
    assert [entry["external_id"] for entry in feed if entry["type"] == "erased"] == [ID]
