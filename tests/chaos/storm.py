"""A storm: for some time everything is killed, frozen and restarted by chance while jobs come in.

The chance has a seed.
"""

import random
import signal
import time
import uuid
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import requests

from tests.chaos.trial import IMPORTS, RUNS, TERMINAL, Trial, customers_file
from tests.embedded.processes import names_of, processes_of
from tests.given import eventually

ROWS = 3000
SEGMENTATIONS = 6
# A job may need three attempts, each with a lease and a sweep before the next one.
ALL_TERMINAL_SECONDS = 180


@dataclass
class Summary:
    """What the storm did, and what became of the jobs."""

    seed: int
    harms: Counter[str] = field(default_factory=Counter)
    imports: Counter[str] = field(default_factory=Counter)
    runs: Counter[str] = field(default_factory=Counter)
    attempts: Counter[int] = field(default_factory=Counter)
    refused: int = 0
    seconds_to_calm: float = 0.0

    def __str__(self) -> str:
        return (
            f"seed {self.seed}: harms {dict(self.harms)}; imports {dict(self.imports)}; runs {dict(self.runs)}; "
            f"attempts {dict(sorted(self.attempts.items()))}; starts refused because one was under way {self.refused}; "
            f"all terminal {self.seconds_to_calm:.0f} s after the last harm"
        )


class Storm:
    """Use `rage`, then `calm_down`, then `check`."""

    def __init__(self, trial: Trial, seed: int) -> None:
        self.trial = trial
        self.chance = random.Random(seed)
        self.summary = Summary(seed)
        self.uploads: dict[str, int] = {}
        self.runs: list[str] = []
        self.slugs: list[str] = []
        self.harms: dict[str, Callable[[], None]] = {
            "worker child killed": lambda: trial.kill_children("worker"),
            "worker killed": lambda: trial.kill("worker"),
            "worker frozen": lambda: self._freeze("worker", 3, 9),
            "scheduler killed": lambda: trial.kill("scheduler"),
            "web killed": lambda: trial.kill("web"),
            "web child killed": lambda: trial.kill_children("web"),
            "broker killed": lambda: trial.kill("valkey"),
            "broker frozen": lambda: self._freeze("valkey", 2, 6),
            "database restarted fast": lambda: trial.signal("postgres", signal.SIGINT),
            "database restarted at once": lambda: trial.signal("postgres", signal.SIGQUIT),
        }

    def begin(self) -> None:
        """Customers and segmentations that the runs are about."""
        assert self.trial.ended(IMPORTS, self.trial.upload(customers_file(ROWS)))["status"] == "done"
        self.slugs = [self.trial.define(f"Storm {number}", k=3) for number in range(SEGMENTATIONS)]

    def rage(self, seconds: float, *, jobs: int = 30, pause: tuple[float, float] = (5, 15)) -> None:
        """Start so many jobs, evenly, and harm something every now and then."""
        began = time.monotonic()
        next_harm = began + self.chance.uniform(*pause)
        started = 0
        while (now := time.monotonic()) < began + seconds:
            if started < jobs and now >= began + started * seconds / jobs:
                self._start_a_job(started)
                started += 1
            if now >= next_harm:
                name = self.chance.choice(sorted(self.harms))
                self.harms[name]()
                self.summary.harms[name] += 1
                next_harm = time.monotonic() + self.chance.uniform(*pause)
            time.sleep(0.05)

    def calm_down(self) -> None:
        """Wait until the site is whole and every job has ended."""
        began = time.monotonic()
        eventually(self.trial.is_whole(), seconds=60, what="the site to be whole")
        active = "status NOT IN ('done', 'failed', 'cancelled')"
        eventually(
            lambda: not self.trial.count(IMPORTS, active) and not self.trial.count(RUNS, active),
            seconds=ALL_TERMINAL_SECONDS,
            what="all jobs to end",
        )
        self.summary.seconds_to_calm = time.monotonic() - began

    def check(self) -> None:
        """No job is lost, each has had its effect once or not at all, and nothing is left over."""
        rows = {row["public_id"]: row for row in self.trial.ask(f"SELECT * FROM {IMPORTS}")}
        for public_id, number in self.uploads.items():
            row = rows[public_id]
            there = self.trial.count("customers_customer", f"external_id LIKE 'storm-{number}-%'")
            assert row["status"] in TERMINAL
            assert there == (ROWS if row["status"] == "done" else 0), (
                f"{public_id} is {row['status']}, {there} are there"
            )
            self.summary.imports[row["error_code"] or row["status"]] += 1
            self.summary.attempts[row["attempt"]] += 1
        assert len(rows) == 1 + len(self.uploads), "no upload made two imports"
        runs = {row["public_id"]: row for row in self.trial.ask(f"SELECT * FROM {RUNS}")}
        assert set(runs) == set(self.runs), "no start made two runs"
        for row in runs.values():
            assert row["status"] in TERMINAL
            self.summary.runs[row["error_code"] or row["status"]] += 1
            self.summary.attempts[row["attempt"]] += 1
        self.trial.check_runs_are_whole()
        self.trial.check_nothing_is_left_over()
        assert not self.trial.count("pg_locks", "locktype = 'advisory'")

    def check_processes(self) -> None:
        """The site stops cleanly, and no process of it is left."""
        assert self.trial.site.stop(signal.SIGTERM) == 0
        assert not names_of(processes_of(self.trial.site.folder))

    def _freeze(self, name: str, least: float, most: float) -> None:
        with self.trial.frozen(name):
            time.sleep(self.chance.uniform(least, most))

    def _start_a_job(self, number: int) -> None:
        if number % 2:
            lines = "".join(f"storm-{number}-{row},{20 + row % 50},{row % 90},{row % 100}\n" for row in range(ROWS))
            content = f"id,age,annual income,spending score\n{lines}".encode()
            answer = self._insist("/imports", files={"file": ("storm.csv", content)})
            self.uploads[str(answer.json()["id"])] = number
            return
        answer = self._insist(f"/segmentations/{self.chance.choice(self.slugs)}/runs", json={})
        if answer.status_code == 409:
            self.summary.refused += 1
        else:
            self.runs.append(str(answer.json()["id"]))

    def _insist(self, path: str, **more: Any) -> requests.Response:
        """As a careful tool does: again with the same idempotency key, until there is an answer."""
        key = str(uuid.UUID(int=self.chance.getrandbits(128)))
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with suppress(requests.RequestException):
                answer = self.trial.call("POST", path, idempotency_key=key, **more)
                is_in_flight = answer.status_code == 409 and "run" not in answer.json()
                if answer.status_code < 500 and not is_in_flight:
                    assert answer.status_code in (202, 409), answer.text
                    return answer
            time.sleep(0.3)
        raise AssertionError(f"no answer from {path} in a minute")
