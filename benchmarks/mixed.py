"""`./run bench mixed`: a file that has everything, through a whole site: new, known, bad and repeated rows; and back.

What the report says is compared with what the generator put in, while somebody goes on looking at pages.
"""

import io
import shutil
import statistics
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl
import psutil
import requests

from customers.files.generating import FAULTS, write_customers
from tests.chaos.trial import Trial
from tests.embedded.processes import Site, free_port

BAD, REPEATED, KNOWN = 0.01, 0.03, 0.30


@dataclass(slots=True)
class Expected:
    """What the file of `rows` rows holds."""

    rows: int
    bad: int = field(init=False)
    repeated: int = field(init=False)
    known: int = field(init=False)

    def __post_init__(self) -> None:
        self.bad, self.repeated, self.known = (round(share * self.rows) for share in (BAD, REPEATED, KNOWN))

    @property
    def report(self) -> dict[str, int]:
        new = self.rows - self.bad - self.repeated - self.known
        return {
            "rows": self.rows,
            "created": new,
            "updated": self.known,
            "unchanged": 0,
            "rejected": self.bad + self.repeated,
        }


def files(count: int, seed: int) -> tuple[bytes, bytes, Expected]:
    """The customers who are there before, the mixed file, and what is in it."""
    random = np.random.default_rng(seed)
    expected = Expected(count)
    file = io.BytesIO()
    write_customers(2 * count, seed, file)
    file.seek(0)
    people = pl.read_csv(file, infer_schema=False).filter(_is_good())
    known = people.head(expected.known)
    distinct = people.head(count - expected.bad - expected.repeated)
    bad = _with_faults(people.tail(expected.bad))
    # Everybody who is known comes with another score.
    changed = distinct.with_columns(
        (100 - pl.col("Spending Score (1-100)").cast(pl.Int64)).cast(pl.String).alias("Spending Score (1-100)"),
        pl.lit("yes").alias("Consent"),
    ).with_columns(pl.format("{}-{}", "City", pl.int_range(pl.len())).alias("City"))
    again = changed.sample(expected.repeated, seed=seed)
    mixed = pl.concat([changed, bad, again])
    mixed = mixed[random.permutation(mixed.height)]
    return known.write_csv().encode(), mixed.write_csv().encode(), expected


def _is_good() -> pl.Expr:
    return pl.all_horizontal(pl.col(header).is_null() | (pl.col(header) != value) for header, value in FAULTS) & (
        pl.col("CustomerID") != ""
    )


def _with_faults(people: pl.DataFrame) -> pl.DataFrame:
    kind = pl.int_range(pl.len()) % len(FAULTS)
    for number, (header, value) in enumerate(FAULTS):
        people = people.with_columns(
            pl.when(kind == number).then(pl.lit(value)).otherwise(pl.col(header)).alias(header)
        )
    return people


class _Watch(threading.Thread):
    """Looks at the site as a person would, and at the memory of its worker, until it is stopped."""

    def __init__(self, trial: Trial) -> None:
        super().__init__(daemon=True)
        self.trial = trial
        self.stopped = threading.Event()
        self.waits: list[float] = []
        self.peak = 0

    def run(self) -> None:
        while not self.stopped.wait(0.1):
            began = time.perf_counter()
            page = requests.get(
                f"{self.trial.site.url}/api/v1/customers?page_size=100",
                headers={"Authorization": f"Bearer {self.trial.key}"},
                timeout=60,
            )
            page.raise_for_status()
            self.waits.append(time.perf_counter() - began)
            for process in self.trial.processes("worker"):
                try:
                    self.peak = max(self.peak, process.memory_info().rss)
                except psutil.NoSuchProcess:
                    continue

    def told(self) -> str:
        """What was seen."""
        self.stopped.set()
        self.join()
        waits = sorted(self.waits)
        p95 = waits[int(0.95 * (len(waits) - 1))]
        return (
            f"worker's peak {self.peak / 1024**2:,.0f} MB; {len(waits)} pages meanwhile, median"
            f" {1000 * statistics.median(waits):.0f} ms, p95 {1000 * p95:.0f} ms, longest {1000 * waits[-1]:.0f} ms"
        )


def mixed(count: int, seed: int = 1) -> int:
    """Exit code 0 when every number agrees and the undo gives back what was there."""
    before, content, expected = files(count, seed)
    print(f"A file of {count:,} rows, {len(content) / 1024**2:,.0f} MB", flush=True)
    outside = Path(tempfile.mkdtemp(prefix="seg-mixed-"))
    site = Site(outside / "data", free_port(), {"API_CALLS_PER_MINUTE": "0", "WEB_WORKERS": "1"})
    try:
        trial = Trial(site).begin()
        first = trial.ended("customers_import", trial.upload(before), seconds=600)
        assert (first["status"], first["created"], first["rejected"]) == ("done", expected.known, 0), first
        was = _state(trial)

        watch = _Watch(trial)
        watch.start()
        began = time.monotonic()
        name = trial.upload(content)
        uploaded = time.monotonic() - began
        one = trial.ended("customers_import", name, seconds=600)
        told = watch.told()
        report = {key: one[key] for key in expected.report}
        print(f"imported in {time.monotonic() - began:.1f} s (upload {uploaded:.1f} s): {one['status']} {report}")
        print(f"  {told}")
        assert one["status"] == "done", one["error_detail"]
        assert report == expected.report, expected.report
        assert trial.count("customers_customer") == expected.known + report["created"]

        watch = _Watch(trial)
        watch.start()
        began = time.monotonic()
        assert trial.call("POST", f"/imports/{name}/undo").status_code == 202
        undo = _undone(trial, one["id"])
        print(f"taken back in {time.monotonic() - began:.1f} s: {undo}\n  {watch.told()}")
        assert _state(trial) == was, "not what was there before"
        print("Every number agrees with what was put in, and everything is back as it was.")
    finally:
        site.end()
        shutil.rmtree(outside, ignore_errors=True)
    return 0


def _state(trial: Trial) -> str:
    """A fingerprint of everything that is known of everybody."""
    (row,) = trial.ask(
        "SELECT md5(string_agg(md5(row(external_id, first_name, last_name, email, gender, age, annual_income,"
        " spending_score, city, country, joined_on, consent)::text), '' ORDER BY external_id)) AS seen"
        " FROM customers_customer"
    )
    return str(row["seen"])


def _undone(trial: Trial, import_id: int) -> dict[str, int]:
    while True:
        (row,) = trial.ask("SELECT * FROM customers_undo WHERE undone_import_id = %s", import_id)
        if row["status"] in ("done", "failed", "cancelled"):
            assert row["status"] == "done", row["error_detail"]
            return {key: row[key] for key in ("removed", "restored", "kept")}
        time.sleep(0.1)
