"""Members over HTTP beside what the database and the simplest code need for the same."""

import re
import subprocess
import sys
from urllib.parse import urlencode

from django.conf import settings
from django.db import connection
from django.test import Client

from benchmarks import given
from benchmarks.measuring import Claim, Contestant, Limit, Measured, interleaved
from benchmarks.runs import FEATURES
from segmentation_site.access.keys import create_key
from segmentation_site.access.scopes import Scope
from segmentation_site.embedded import postgres
from segmentation_site.jobs import leases
from segments import defining, publishing, running, starting
from segments.browsing.members import Members, Stream
from segments.models import Assignment, Run, Segmentation

PAGE = 1000
# Pages in a round: one alone is too quick to measure.
PAGES = 20
ROWS, MODELS = "a view with SQL, dicts and orjson", "a view with CursorPagination and a serializer"
# Reading all the JSON would be the caller's work, not the site's.
_NEXT = re.compile(rb'"next":\s*"([^"]+)"')


def measure_page(customers: int, rounds: int) -> Measured:
    """Pages of 1,000 at the start and far on, and what others write for it in the same process."""
    run, client = _published(customers)
    url = f"/api/v1/segmentations/{run.segmentation.slug}/members"
    far = _cursor_at(client, url, run, customers - (PAGES + 1) * PAGE)
    ours, deep = "our pages, from the start", "our pages, at the far end"
    seconds = interleaved(
        {
            ours: Contestant(lambda: _walk(client, f"{url}?page_size={PAGE}")),
            deep: Contestant(lambda: _walk(client, far)),
            ROWS: Contestant(lambda: _walk(client, f"/peers/members-rows/{run.pk}/0")),
            MODELS: Contestant(lambda: _walk(client, f"/peers/members-models/{run.pk}")),
        },
        rounds,
        both_ways=True,
    )
    claims = (Claim(ours, ROWS, 1.3), Claim(deep, ours, 1.1), Claim(ours, MODELS, 0.25))
    return Measured(f"{PAGES} pages of {PAGE:,} of {customers:,} members", seconds, claims)


def measure_feed(customers: int, rounds: int) -> Measured:
    """The whole feed in pages of 1,000, and as many pages of what others write for it."""
    run, client = _published(customers)
    with connection.cursor() as cursor:
        # Ours needs to know nothing of the table; the others' statements would read it whole for each page.
        cursor.execute("ANALYZE segments_change")
    url, key = f"/api/v1/segmentations/{run.segmentation.slug}/changes", run.segmentation_id
    pages = -(-customers // PAGE)
    ours = "our feed, from 0 to its end"
    seconds = interleaved(
        {
            ours: Contestant(lambda: _walk(client, f"{url}?since=0&page_size={PAGE}", pages)),
            ROWS: Contestant(lambda: _walk(client, f"/peers/changes-rows/{key}/0", pages)),
        },
        rounds,
    )
    return Measured(f"{customers:,} changes", seconds, (Claim(ours, ROWS, 1.3),))


def measure_stream(customers: int, rounds: int) -> Measured:
    """Everybody as CSV and as NDJSON over HTTP, and psql's COPY of the same query."""
    run, client = _published(customers)
    url = f"/api/v1/segmentations/{run.segmentation.slug}/members"
    taken = _taken(url)
    seconds = interleaved(
        {
            "CSV over HTTP": Contestant(lambda: _drain(client, url, "text/csv")),
            "psql, COPY as CSV": Contestant(lambda: _psql(run, Stream.CSV)),
            "NDJSON over HTTP": Contestant(lambda: _drain(client, url, "application/x-ndjson")),
            "psql, COPY of row_to_json": Contestant(lambda: _psql(run, Stream.NDJSON)),
        },
        rounds,
    )
    claims = (
        Claim("CSV over HTTP", "psql, COPY as CSV", 1.3),
        Claim("NDJSON over HTTP", "psql, COPY of row_to_json", 1.3),
    )
    limits = tuple(
        Limit(f"more memory while {form} goes through", megabytes, 20, "MB")
        for form, megabytes in zip(("CSV", "NDJSON"), taken, strict=True)
    )
    return Measured(f"{customers:,} members", seconds, claims, limits=limits)


def _taken(url: str) -> list[float]:
    """MB that a stream takes in a process of its own, where nothing else has been."""
    _, secret = create_key("benchmark of memory", scopes=[Scope.MEMBERS_READ.value], by=None)
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.streamed", url, secret], check=True, capture_output=True, text=True
    )
    return [float(line) for line in done.stdout.split()]


def _published(customers: int) -> tuple[Run, Client]:
    """A published run over everybody, and a program that may read its members without being counted."""
    given.customers_in_place(customers)
    settings.API_CALLS_PER_MINUTE = 0
    settings.ROOT_URLCONF = "benchmarks.urls"
    for segmentation in Segmentation.objects.all():
        defining.delete_segmentation(segmentation)
    definition = defining.read_definition({"features": FEATURES, "k": 5})
    segmentation = defining.create_segmentation(name="Benchmark", definition=definition)
    run = starting.start_run(segmentation, by=None, ring=False)
    leases.carry_out(Run, run.pk, running.execute)
    run = publishing.publish(Run.objects.get(pk=run.pk), by=None)
    _, secret = create_key("benchmark", scopes=[Scope.MEMBERS_READ.value], by=None)
    return run, Client(headers={"Authorization": f"Bearer {secret}"}, SERVER_NAME="localhost")


def _walk(client: Client, url: str, pages: int = PAGES) -> None:
    for number in range(pages):
        answer = client.get(url)
        assert answer.status_code == 200, answer.content
        if number + 1 < pages:
            url = _NEXT.search(answer.content)[1].decode()  # type: ignore[index]


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


def _drain(client: Client, url: str, accept: str) -> None:
    for _ in client.get(url, headers={"Accept": accept}):
        pass


def _psql(run: Run, form: Stream) -> None:
    """The very statement, by PostgreSQL's own program."""
    statement = Members(run).copy_statement(form).as_string(None)
    subprocess.run(
        [postgres.binaries() / "psql", "-q", settings.DATA_FOLDER.database_url, "-c", statement],
        check=True,
        stdout=subprocess.DEVNULL,
    )
