"""A whole site under load: people, tools and streams by locust, while imports and runs are at work; then it stops."""

import csv
import json
import os
import shutil
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import psutil

from benchmarks import given
from benchmarks.measuring import Limit, Measured, Table
from benchmarks.recording import ROOT
from benchmarks.starts import signed_in
from tests.chaos.trial import IMPORTS, RUNS, Trial
from tests.embedded.processes import Site, free_port

# In an environment of its own, which `./run bench` makes.
LOCUST = ROOT / ".venv-load" / "bin" / "locust"
USERS = 16
SECONDS = 60
JOB_SECONDS = 600
# 120, and for the instant of a sign-in the 100 MB that Argon2 is asked to need.
WEB_MB = 220


def measure_load(customers: int, rounds: int) -> Measured:
    """One round of a minute: each answer's time as locust saw it, errors, and the memory of web and worker."""
    outside = Path(tempfile.mkdtemp(prefix="seg-load-"))
    site = Site(outside / "data", free_port(), {"API_CALLS_PER_MINUTE": "0"})
    try:
        trial = Trial(site).begin()
        original, changed = (given.customers_file(customers, changed=share).read_bytes() for share in (0.0, 0.1))
        assert trial.ended(IMPORTS, trial.upload(original), JOB_SECONDS)["status"] == "done"
        slug = trial.define("Load")
        run = trial.run(slug, publish=True)
        assert trial.ended(RUNS, run, JOB_SECONDS)["status"] == "done"
        watch = _Watch(trial)
        work = _Work(trial, slug, [changed, original])
        watch.start()
        work.start()
        answers = _locust(trial, slug, run, outside)
        done = work.stop()
        watch.stop()
    finally:
        site.end()
        shutil.rmtree(outside, ignore_errors=True)
    errors = sum(int(row["Failure Count"]) for row in answers)
    rows = tuple(
        (
            row["Name"],
            row["Request Count"],
            row["Failure Count"],
            *(f"{float(row[share]):,.0f} ms" for share in ("50%", "95%", "99%")),
        )
        for row in sorted(answers, key=lambda row: row["Name"])
    )
    calls = sum(int(row["Request Count"]) for row in answers)
    notes = (
        f"{USERS} users for {SECONDS} s: {calls / SECONDS:.0f} answers a second",
        f"meanwhile: {', '.join(done)}",
        f"largest process of the worker {watch.peaks['worker']:,.0f} MB, resident",
    )
    limits = (
        Limit("answers that were errors", errors, 0, ""),
        Limit("largest process of the web, resident", watch.peaks["web"], WEB_MB, "MB"),
    )
    title = f"pages, API pages and streams of {customers:,} customers while imports and runs are at work"
    return Measured(title, {}, (), notes, limits, Table(("", "answers", "errors", "p50", "p95", "p99"), rows))


def _locust(trial: Trial, slug: str, run: str, folder: Path) -> list[dict[str, str]]:
    """Its table of answers, without the line of sums."""
    site = trial.site
    segment = trial.ask("SELECT public_id FROM segments_segment ORDER BY id LIMIT 1")[0]["public_id"]
    told = {
        "key": trial.key,
        "slug": slug,
        "cookies": signed_in(site).cookies.get_dict(),
        "pages": {
            "overview": "/",
            "customers": "/customers/",
            "a search": "/customers/?search=ada",
            "segmentation": f"/segmentations/{slug}",
            "run": f"/runs/{run}",
            "segment": f"/segments/{segment}",
            "imports": "/imports/",
        },
    }
    subprocess.run(
        [
            *(str(LOCUST), "-f", str(Path(__file__).with_name("locustfile.py"))),
            *("--headless", "--skip-log", "--host", site.url, "--csv", str(folder / "load")),
            *("--users", str(USERS), "--spawn-rate", str(USERS), "--run-time", f"{SECONDS}s", "--stop-timeout", "60"),
        ],
        env=os.environ | {"BENCH_LOAD": json.dumps(told)},
        check=False,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        timeout=SECONDS + 180,
    )
    with (folder / "load_stats.csv").open(newline="") as file:
        return [row for row in csv.DictReader(file) if row["Name"] != "Aggregated"]


class _Work(threading.Thread):
    """Imports and runs, one after the other, until it is stopped."""

    def __init__(self, trial: Trial, slug: str, files: list[bytes]) -> None:
        super().__init__(daemon=True)
        self.trial, self.slug, self.files = trial, slug, files
        self.stopped = threading.Event()
        self.seconds: dict[str, list[float]] = {"import": [], "run": []}
        self.failed: list[str] = []

    def run(self) -> None:
        number = 0
        while not self.stopped.is_set():
            began = time.monotonic()
            self._note("import", IMPORTS, self.trial.upload(self.files[number % 2]), began)
            began = time.monotonic()
            self._note("run", RUNS, self.trial.run(self.slug, publish=True), began)
            number += 1

    def _note(self, what: str, table: str, name: str, began: float) -> None:
        row = self.trial.ended(table, name, JOB_SECONDS)
        self.seconds[what].append(time.monotonic() - began)
        if row["status"] != "done":
            self.failed.append(f"{what}: {row['error_detail']}")

    def stop(self) -> list[str]:
        """What was done, with seconds; fails when something of it did."""
        self.stopped.set()
        self.join(2 * JOB_SECONDS)
        assert not self.failed, self.failed
        return [f"{len(taken)} × {what} of {sum(taken) / len(taken):.1f} s" for what, taken in self.seconds.items()]


class _Watch(threading.Thread):
    """The largest process of web and of worker, in MB, as long as it is watched."""

    def __init__(self, trial: Trial) -> None:
        super().__init__(daemon=True)
        self.trial = trial
        self.stopped = threading.Event()
        self.peaks = {"web": 0.0, "worker": 0.0}

    def run(self) -> None:
        while not self.stopped.wait(0.3):
            for name in self.peaks:
                for process in self.trial.processes(name):
                    try:
                        self.peaks[name] = max(self.peaks[name], process.memory_info().rss / 1024**2)
                    except psutil.NoSuchProcess:
                        continue

    def stop(self) -> None:
        self.stopped.set()
        self.join()
