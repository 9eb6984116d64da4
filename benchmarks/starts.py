"""Starting the whole site, and how much memory its processes take when nobody wants anything of them."""

import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import requests

from benchmarks.measuring import Limit, Measured, Table
from tests.chaos.trial import IMPORTS, RUNS, Trial, customers_file
from tests.embedded.processes import Site, free_port
from tests.given import eventually

# Of the web its share: what its processes have in common they have once, and resident counts it in each of them.
START_SECONDS, WEB_MB, WORKER_MB = 5, 120, 150
PEOPLE = 2_000
# So often that every process of the web has shown every page.
TIMES_SEEN = 10


def measure_start(customers: int, rounds: int) -> Measured:
    """`up` on a folder that was up before, to the first page; then memory after every page was seen, and at rest."""
    outside = Path(tempfile.mkdtemp(prefix="seg-start-"))
    site = Site(outside / "data", free_port(), {"API_CALLS_PER_MINUTE": "0"})
    try:
        trial = Trial(site).begin()
        assert trial.ended(IMPORTS, trial.upload(customers_file(PEOPLE)))["status"] == "done"
        slug = trial.define("Start")
        run = trial.run(slug, publish=True)
        assert trial.ended(RUNS, run)["status"] == "done"
        session = signed_in(site)
        seconds = []
        for _ in range(rounds):
            site.stop(signal.SIGTERM)
            began = time.perf_counter()
            site.begin()
            eventually(lambda: site.status("/accounts/login/") == 200, what="the first page")
            seconds.append(time.perf_counter() - began)
            eventually(lambda: "Ctrl-C" in site.output, what="everything else")
        eventually(lambda: len(trial.processes("worker")) > 1, what="the worker")
        segment = trial.ask("SELECT public_id FROM segments_segment LIMIT 1")[0]["public_id"]
        for page in [*pages_seen(slug, run, segment)] * TIMES_SEEN:
            assert session.get(site.url + page, timeout=30).status_code == 200, page
        memory = {name: [_memory(process) for process in trial.processes(name)[1:]] for name in ("web", "worker")}
    finally:
        site.end()
        shutil.rmtree(outside, ignore_errors=True)
    limits = (
        Limit("the slowest start, to the first page", max(seconds), START_SECONDS, "s"),
        Limit(
            "the largest process of the web, its share (PSS)", max(one["pss"] for one in memory["web"]), WEB_MB, "MB"
        ),
        Limit(
            "the largest process of the worker, resident", max(one["rss"] for one in memory["worker"]), WORKER_MB, "MB"
        ),
    )
    rows = tuple(
        (f"{name} {number}", *(f"{one[kind]:.0f} MB" for kind in ("rss", "pss", "uss")))
        for name, processes in memory.items()
        for number, one in enumerate(processes, 1)
    )
    table = Table(("process, after every page was seen", "resident", "its share (PSS)", "its own (USS)"), rows)
    title = f"`up` on a folder that was up before, {os.cpu_count()} processes each of web and worker"
    return Measured(title, {"up, to the first page": seconds}, (), limits=limits, table=table)


def pages_seen(slug: str, run: str, segment: str) -> Iterator[str]:
    """What people look at who use the site."""
    yield from ("/", "/customers/", "/imports/", "/imports/new", "/segmentations/", "/segmentations/new", "/segments/")
    yield from (f"/segmentations/{slug}", f"/runs/{run}", f"/segments/{segment}", "/exports/", "/status", "/api-keys/")


def signed_in(site: Site) -> requests.Session:
    """Somebody who may see everything, by the password that the first start showed."""
    session = requests.Session()
    password = site.output.split("with password")[1].split()[0]
    session.get(f"{site.url}/accounts/login/", timeout=30).raise_for_status()
    fields = {"username": "admin", "password": password, "csrfmiddlewaretoken": session.cookies["csrftoken"]}
    answer = session.post(f"{site.url}/accounts/login/", fields, timeout=30)
    assert answer.url == f"{site.url}/", answer.url
    return session


def _memory(process: psutil.Process) -> dict[str, float]:
    found = process.memory_full_info()
    return {kind: getattr(found, kind) / 1024**2 for kind in ("rss", "pss", "uss")}
