"""The same work for ten times as many customers, again and again, and how its time and memory grow.

Each size is worked through by a process of its own, held to the memory of a job as a worker is, so that its peak is
that of this size alone.
"""

import json
import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.measuring import Limit, Measured, Table

if TYPE_CHECKING:
    from segments.models import Run

SMALLEST = 1_000
# A tenth more at most for a thousand times as many customers: what an index of some levels more costs.
EXPONENTS = {"import": 1.05, "run": 1.05, "publish": 1.05, "page": 0.05, "dashboard": 0.05}
WORKS = {
    "import": "import into the empty table",
    "run": "run with k = 5",
    "publish": "publish, a tenth moved",
    "page": "page of 100 members, half way",
    "dashboard": "overview, run and segment page",
}
PAGES = 15
SIZES = """
    SELECT pg_total_relation_size('customers_customer'),
        (
            SELECT max(pg_total_relation_size(inhrelid)) FROM pg_inherits
            WHERE inhparent = 'segments_assignment'::regclass
        )
"""
MOVE_A_TENTH = "UPDATE customers_customer SET spending_score = 101 - spending_score WHERE id % 10 = 0"


def measure_growth(customers: int, rounds: int) -> Measured:
    """From 1,000 to `customers` by tens; exponents are slopes over all sizes on logarithmic axes."""
    from django.core.management import call_command

    from benchmarks import given
    from segmentation_site.jobs import memory

    # Pages name their files by what is in them.
    call_command("collectstatic", interactive=False, verbosity=0)
    sizes = [SMALLEST]
    while sizes[-1] * 10 <= customers:
        sizes.append(sizes[-1] * 10)
    seconds: dict[str, list[float]] = {}
    peaks: list[dict[str, float]] = []
    bytes_: list[dict[str, int]] = []
    for size in sizes:
        given.customers_file(size)
        found = _in_a_process(size, rounds if size <= 100_000 else min(rounds, 3) if size <= 1_000_000 else 1)
        peaks.append(found.pop("peaks"))
        bytes_.append(found.pop("bytes"))
        for work, taken in found.items():
            seconds[f"{WORKS[work]}: {size:,}"] = taken
    medians = {
        work: [statistics.median(seconds[f"{what}: {size:,}"]) for size in sizes] for work, what in WORKS.items()
    }
    allowed = (memory.budget() + memory.BASE_BYTES) / 1024**2
    limits = [
        Limit(f"exponent of {what}", max(_exponent(sizes, medians[work]), 0.0), EXPONENTS[work], "")
        for work, what in WORKS.items()
    ]
    peak = max(max(one.values()) for one in peaks)
    limits.append(Limit("largest peak of memory, held to a job's budget", peak, allowed, "MB"))
    return Measured(
        f"from {sizes[0]:,} to {sizes[-1]:,} customers, ten columns, 3 features",
        seconds,
        (),
        limits=tuple(limits),
        table=_table(sizes, medians, peaks, bytes_),
    )


def _exponent(sizes: list[int], seconds: list[float]) -> float:
    """p of t = c·n^p, by least squares of the logarithms."""
    return float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0]) if len(sizes) > 1 else 0.0


def _table(
    sizes: list[int], medians: dict[str, list[float]], peaks: list[dict[str, float]], bytes_: list[dict[str, int]]
) -> Table:
    rows = [
        (
            what,
            *(f"{1000 * one:,.1f} ms" if one < 1 else f"{one:,.2f} s" for one in medians[work]),
            f"{_exponent(sizes, medians[work]):.2f}",
            f"{_exponent(sizes[-2:], medians[work][-2:]):.2f}",
        )
        for work, what in WORKS.items()
    ]
    for work in ("import", "run"):
        taken = [one[work] for one in peaks]
        rows.append((f"peak of memory, {work}", *(f"{one:,.0f} MB" for one in taken), "", ""))
    rows += [(what, *(f"{one[what] / 1024**2:,.1f} MB" for one in bytes_), "", "") for what in bytes_[0]]
    return Table(("", *(f"{size:,}" for size in sizes), "exponent", "of the last ten times"), tuple(rows))


def _in_a_process(size: int, rounds: int) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.growth", str(size), str(rounds)],
        env=os.environ | {"SEGMENTATION_PROCESS": "command"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


# ---- inside that process


def _work_through(size: int, rounds: int) -> dict[str, Any]:
    """Seconds of each work in each round, and the peaks of memory in MB."""
    import django

    django.setup()
    from benchmarks import given
    from segmentation_site.jobs import memory

    memory.limit_this_process()
    path = given.customers_file(size)
    found: dict[str, Any] = {"peaks": {}}
    # What is imported and compiled at the first time is no part of growth.
    given.nobody()
    given.imported(given.customers_file(SMALLEST))
    with _peak_of(found["peaks"], "import"):
        found["import"] = [_timed(lambda: given.imported(path), before=given.nobody) for _ in range(rounds)]
    given.vacuum()
    from django.db import connection

    from benchmarks.runs import _no_segmentation, _run

    with _peak_of(found["peaks"], "run"):
        found["run"] = [_timed(lambda: _run(k=5), before=_no_segmentation) for _ in range(rounds)]
    with connection.cursor() as cursor:
        cursor.execute(MOVE_A_TENTH)
    given.vacuum()
    found["publish"] = _published_to_and_fro(rounds)
    with connection.cursor() as cursor:
        cursor.execute(SIZES)
        table, assignments = cursor.fetchone()
    found["bytes"] = {
        "the file": path.stat().st_size,
        "table of customers with its indexes": table,
        "assignments of one run with their index": assignments,
    }
    found |= _read(size)
    return found


def _timed(work: Callable[[], object], before: Callable[[], object] = lambda: None) -> float:
    before()
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


@contextmanager
def _peak_of(into: dict[str, float], name: str) -> Iterator[None]:
    """Note the most memory, in MB, that the process has in the block; what it had before it does not count."""
    Path("/proc/self/clear_refs").write_text("5")
    yield
    (peak,) = re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    into[name] = int(peak) / 1024


def _in_use() -> "Run":
    from segments.models import Segmentation

    (run,) = [one.published_run for one in Segmentation.objects.select_related("published_run") if one.published_run]
    return run


def _published_to_and_fro(rounds: int) -> list[float]:
    from benchmarks.publishing import _carried_out
    from segments import publishing

    first = _in_use()
    second = _carried_out(first.segmentation, publish=False)
    return [_timed(partial(publishing.publish, run, by=None)) for _ in range(rounds) for run in (second, first)]


def _read(size: int) -> dict[str, list[float]]:
    """Pages for programs and for people, each kind in turns."""
    from django.conf import settings
    from django.contrib.auth.models import User
    from django.test import Client

    from benchmarks.members import _cursor_at
    from segmentation_site.access.keys import create_key
    from segmentation_site.access.scopes import Scope

    settings.API_CALLS_PER_MINUTE = 0
    run = _in_use()
    segmentation = run.segmentation
    _, secret = create_key("benchmark", scopes=[Scope.MEMBERS_READ.value], by=None)
    program = Client(headers={"Authorization": f"Bearer {secret}"}, SERVER_NAME="localhost")
    address = _cursor_at(program, f"/api/v1/segmentations/{segmentation.slug}/members", run, size // 2)
    address = re.sub(r"page_size=\d+", "page_size=100", address)
    person = Client(SERVER_NAME="localhost")
    user, _ = User.objects.get_or_create(username="growth", is_superuser=True)
    person.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    segment = segmentation.segments.all()[0]
    pages = ["/", f"/runs/{run.public_id}", f"/segments/{segment.public_id}"]

    def see() -> None:
        for page in pages:
            assert person.get(page).status_code == 200, page

    def call() -> None:
        assert program.get(address).status_code == 200, address

    see()
    call()
    found: dict[str, list[float]] = {"page": [], "dashboard": []}
    for _ in range(PAGES):
        found["page"].append(_timed(call))
        found["dashboard"].append(_timed(see))
    return found


if __name__ == "__main__":
    print(json.dumps(_work_through(int(sys.argv[1]), int(sys.argv[2]))))
