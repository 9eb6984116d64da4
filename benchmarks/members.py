"""Members over HTTP beside what the database and the simplest code need for the same."""

import subprocess
from urllib.parse import urlencode

import orjson
from django.db import connection
from django.test import Client

from benchmarks import given
from benchmarks.measuring import Claim, Contestant, Measured, interleaved
from benchmarks.runs import FEATURES
from segmentation_site.access.keys import create_key
from segmentation_site.access.scopes import Scope
from segmentation_site.embedded import postgres
from segmentation_site.jobs import leases
from segments import defining, publishing, running, starting
from segments.models import Assignment, Run, Segmentation

PAGE = 1000
# Pages in a round: one alone is too quick to measure.
PAGES = 20


def measure_page(customers: int, rounds: int) -> Measured:
    """Pages of 1,000 at the start and far on, and keyset pages of the same values straight from the table."""
    run, client = _published(customers)
    url = f"/api/v1/segmentations/{run.segmentation.slug}/members"
    far = _cursor_at(client, url, run, customers - (PAGES + 1) * PAGE)
    ours, deep, peer = "pages over HTTP, from the start", "pages over HTTP, at the far end", "values() + orjson, keyset"
    seconds = interleaved(
        {
            ours: Contestant(lambda: _walk(client, f"{url}?page_size={PAGE}")),
            deep: Contestant(lambda: _walk(client, far)),
            peer: Contestant(lambda: _walk_table(run)),
        },
        rounds,
    )
    return Measured(
        f"{PAGES} pages of {PAGE:,} of {customers:,} members", seconds, (Claim(ours, peer, 1.3), Claim(deep, ours, 1.1))
    )


def measure_stream(customers: int, rounds: int) -> Measured:
    """Everybody as CSV and as NDJSON over HTTP, and psql's COPY of the same query."""
    run, client = _published(customers)
    url = f"/api/v1/segmentations/{run.segmentation.slug}/members"
    seconds = interleaved(
        {
            "CSV over HTTP": Contestant(lambda: _drain(client, url, "text/csv")),
            "psql, COPY as CSV": Contestant(lambda: _psql(run, "(FORMAT csv)", "{}")),
            "NDJSON over HTTP": Contestant(lambda: _drain(client, url, "application/x-ndjson")),
            "psql, COPY of row_to_json": Contestant(lambda: _psql(run, "", "SELECT row_to_json(one) FROM ({}) AS one")),
        },
        rounds,
    )
    claims = (
        Claim("CSV over HTTP", "psql, COPY as CSV", 1.3),
        Claim("NDJSON over HTTP", "psql, COPY of row_to_json", 1.3),
    )
    return Measured(f"{customers:,} members", seconds, claims)


def _published(customers: int) -> tuple[Run, Client]:
    """A published run over everybody, and a program that may read its members without being counted."""
    from django.conf import settings

    given.customers_in_place(customers)
    settings.API_CALLS_PER_MINUTE = 0
    for segmentation in Segmentation.objects.all():
        defining.delete_segmentation(segmentation)
    definition = defining.read_definition({"features": FEATURES, "k": 5})
    segmentation = defining.create_segmentation(name="Benchmark", definition=definition)
    run = starting.start_run(segmentation, by=None, ring=False)
    leases.carry_out(Run, run.pk, running.execute)
    run = publishing.publish(Run.objects.get(pk=run.pk), by=None)
    _, secret = create_key("benchmark", scopes=[Scope.MEMBERS_READ.value], by=None)
    return run, Client(headers={"Authorization": f"Bearer {secret}"}, SERVER_NAME="localhost")


def _walk(client: Client, url: str) -> str:
    for _ in range(PAGES):
        url = client.get(url).json()["next"]
    return url


def _cursor_at(client: Client, url: str, run: Run, depth: int) -> str:
    """The address of a page far on, as somebody gets it who walked there."""
    from django.test import RequestFactory
    from rest_framework.request import Request

    from segmentation_site.http import paging

    after = (
        Assignment.objects.filter(run_id=run.pk).order_by("customer_id").values_list("customer_id", flat=True)[depth]
    )
    request = Request(RequestFactory().get(url, SERVER_NAME="localhost"))
    following = paging.answer(request, paging.Page([], [run.pk, after]))["next"]
    return f"{following}&{urlencode({'page_size': PAGE})}"


def _walk_table(run: Run) -> None:
    after = 0
    for _ in range(PAGES):
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT m.customer_id, c.external_id, s.public_id, m.distance, m.runner_up_distance, m.joined_run_id"
                " FROM (SELECT * FROM segments_assignment WHERE run_id = %s AND customer_id > %s"
                " ORDER BY customer_id LIMIT %s) AS m"
                " JOIN customers_customer AS c ON c.id = m.customer_id"
                " JOIN segments_segment AS s ON s.id = m.segment_id"
                " ORDER BY 1",
                [run.pk, after, PAGE],
            )
            rows = cursor.fetchall()
        after = rows[-1][0]
        orjson.dumps(rows)


def _drain(client: Client, url: str, accept: str) -> None:
    for _ in client.get(url, headers={"Accept": accept}):
        pass


def _psql(run: Run, options: str, around: str) -> None:
    query = around.format(
        "SELECT c.external_id, s.public_id, m.distance, m.runner_up_distance, r.published_at FROM segments_assignment m"
        " JOIN customers_customer c ON c.id = m.customer_id JOIN segments_segment s ON s.id = m.segment_id"
        f" JOIN segments_run r ON r.id = m.joined_run_id WHERE m.run_id = {run.pk}"
    )
    from django.conf import settings

    subprocess.run(
        [
            postgres.binaries() / "psql",
            "-q",
            settings.DATA_FOLDER.database_url,
            "-c",
            f"COPY ({query}) TO STDOUT {options}",
        ],
        check=True,
        stdout=subprocess.DEVNULL,
    )
