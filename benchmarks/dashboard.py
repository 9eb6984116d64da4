"""The pages that people look at most, whole, as the site makes them: the overview, a run, a segment.

What they show was counted and drawn by runs, so a million customers cost what a thousand do. Two budgets are in
milliseconds, so their contestants are judged beside a clock.
"""

import gc
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from benchmarks import given
from benchmarks.measuring import Claim, Measured

FEW = 1_000
PAGES_A_ROUND = 20
SLOWEST_PAGE, SLOWEST_QUERY = 0.040, 0.003
GROWTH = 1.2
_PAGE_BUDGET, _QUERY_BUDGET = "the budget of 40 ms a page", "the budget of 3 ms a query"


def measure_dashboard(customers: int, rounds: int) -> Measured:
    """Medians of each page with a thousand customers and with `customers`, and of the slowest query of each."""
    from django.core.management import call_command

    # Pages name their files by what is in them.
    call_command("collectstatic", interactive=False, verbosity=0)
    few, _ = _looked_at(FEW, rounds)
    many, queries = _looked_at(customers, rounds)
    seconds: dict[str, list[float]] = {}
    claims = []
    for page, taken in many.items():
        small, large, query = f"{page}, {FEW:,} customers", f"{page}, {customers:,} customers", f"{page}, slowest query"
        seconds |= {small: few[page], large: taken, query: queries[page]}
        claims += [Claim(large, _PAGE_BUDGET, 1), Claim(large, small, GROWTH), Claim(query, _QUERY_BUDGET, 1)]
    seconds |= {_PAGE_BUDGET: [SLOWEST_PAGE], _QUERY_BUDGET: [SLOWEST_QUERY]}
    return Measured(f"whole pages, p50 of {rounds * PAGES_A_ROUND}", seconds, tuple(claims))


def _looked_at(customers: int, rounds: int) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Seconds of each page, and the longest query of each time; the first time of each warms up and is dropped."""
    from django.contrib.auth.models import Group, User
    from django.test import Client

    given.customers_in_place(customers)
    user = User.objects.create(username=f"bench-{secrets.token_hex(4)}")
    user.groups.add(Group.objects.get(name="manager"))
    client = Client(SERVER_NAME="localhost")
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    pages = _published()
    # As the web does once it has loaded what its processes share; importing and computing belong to other processes.
    gc.collect()
    gc.freeze()
    taken: dict[str, list[float]] = {page: [] for page in pages}
    slowest: dict[str, list[float]] = {page: [] for page in pages}
    for number in range(rounds * PAGES_A_ROUND + 1):
        for page, address in pages.items():
            started = time.perf_counter()
            response = client.get(address)
            seconds = time.perf_counter() - started
            assert response.status_code == 200, (address, response.status_code)
            # Timing each query costs time: it is done beside what is timed.
            with _timed_queries() as queries:
                client.get(address)
            if number:
                taken[page].append(seconds)
                slowest[page].append(max(queries))
    user.delete()
    return taken, slowest


def _published() -> dict[str, str]:
    """Two runs of one segmentation that were put to use one after the other: the addresses of what they show."""
    from segmentation_site.jobs import leases
    from segments import defining, publishing, running, starting
    from segments.models import Run, Segment, SegmentProfile

    definition = defining.read_definition({"features": ["annual_income", "spending_score"], "k": 5})
    segmentation = defining.create_segmentation(name=f"Bench {secrets.token_hex(4)}", definition=definition)
    for _number in range(2):
        run = starting.start_run(segmentation, by=None, ring=False)
        leases.carry_out(Run, run.pk, running.execute)
        run = publishing.publish(Run.objects.select_related("segmentation").get(pk=run.pk), by=None)
    given.vacuum()
    largest = SegmentProfile.objects.filter(run=run, segment__isnull=False).order_by("-size")[0].segment
    assert isinstance(largest, Segment)
    return {"overview": "/", "run": f"/runs/{run.public_id}", "segment": f"/segments/{largest.public_id}"}


@contextmanager
def _timed_queries() -> Iterator[list[float]]:
    """Seconds of each query in the block."""
    from django.db import connection

    found: list[float] = []

    def timed(execute: Callable[..., Any], *arguments: Any) -> Any:
        started = time.perf_counter()
        try:
            return execute(*arguments)
        finally:
            found.append(time.perf_counter() - started)

    with connection.execute_wrapper(timed):
        yield found
