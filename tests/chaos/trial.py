"""A whole site to be harmed: real processes in a data folder of their own, spoken to over HTTP.

What became of it is read from its tables.
"""

import io
import json
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import psutil
import psycopg
import requests
from celery import Celery
from psycopg.rows import dict_row

from customers.files.generating import write_customers
from segmentation_site.embedded.folder import DataFolder
from tests.embedded.processes import Site, manage
from tests.given import eventually

SCOPES = ("customers:read", "imports:write", "segments:read", "segmentations:write", "runs:write", "members:read")
TERMINAL = ("done", "failed", "cancelled")
# Everything happens ten times sooner than in a site that nobody harms on purpose.
QUICK = {
    "JOB_LEASE_SECONDS": "6",
    "JOB_SWEEP_SECONDS": "2",
    "API_CALLS_PER_MINUTE": "0",
    "WEB_WORKERS": "1",
    "WORKER_CONCURRENCY": "2",
}
IMPORTS, RUNS = "customers_import", "segments_run"
# A lock of the database that nobody else takes.
BAR = 8_421_503
BAR_UPDATES = """
CREATE FUNCTION wait_at_bar() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN PERFORM pg_advisory_xact_lock_shared({bar}); RETURN NEW; END';
CREATE TRIGGER bar BEFORE UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION wait_at_bar();
"""


def customers_file(count: int, seed: int = 1) -> bytes:
    """A CSV of so many customers, one in a hundred of them with a fault."""
    file = io.BytesIO()
    write_customers(count, seed, file)
    return file.getvalue()


def good_rows(count: int) -> int:
    """How many of them are without one."""
    return count - round(count / 100)


@dataclass
class Trial:
    """The site, a key to its API, and what harms it."""

    site: Site
    key: str = ""
    stopped: list[psutil.Process] = field(default_factory=list)

    def begin(self) -> "Trial":
        """Start the site and make a key."""
        self.site.start()
        done = manage(
            self.site.folder,
            "create_api_key",
            "chaos",
            "--json",
            *(part for one in SCOPES for part in ("--scope", one)),
            **self.site.more,
        )
        self.key = json.loads(done.stdout)["key"]
        return self

    # ---- as a program speaks to it

    def call(self, method: str, path: str, *, idempotency_key: str = "", **more: Any) -> requests.Response:
        """One request. Raises what requests raises while the web is away."""
        headers = {"Authorization": f"Bearer {self.key}"}
        if idempotency_key:
            headers["Idempotency-Key"] = idempotency_key
        return requests.request(method, f"{self.site.url}/api/v1{path}", headers=headers, timeout=30, **more)

    def upload(self, content: bytes) -> str:
        """Start an import; its id."""
        answer = self.call("POST", "/imports", files={"file": ("customers.csv", content)})
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])

    def define(self, name: str, **definition: Any) -> str:
        """A segmentation; its slug."""
        given = {"features": ["annual_income", "spending_score"], "k": 5, **definition}
        answer = self.call("POST", "/segmentations", json={"name": name, "definition": given})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["slug"])

    def run(self, slug: str, *, publish: bool = False) -> str:
        """Start a run; its id."""
        answer = self.call("POST", f"/segmentations/{slug}/runs", json={"publish": publish})
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])

    def send_again(self, task: str, pk: int, times: int) -> None:
        """The job's message once more, by the very broker."""
        socket = DataFolder(self.site.folder).redis_url.removeprefix("unix://")
        app = Celery(broker=f"redis+socket://{socket}?virtual_host=0", set_as_current=False)
        with app.connection_for_write() as connection:
            for _ in range(times):
                app.send_task(task, args=[pk], connection=connection, queue="jobs")

    # ---- as its owner looks into it

    @contextmanager
    def database(self) -> Iterator["psycopg.Cursor[dict[str, Any]]"]:
        """A connection of our own."""
        url = DataFolder(self.site.folder).database_url
        with psycopg.connect(url, autocommit=True, row_factory=dict_row, connect_timeout=5) as connection:
            yield connection.cursor()

    def ask(self, query: str, *parameters: Any) -> list[dict[str, Any]]:
        """Rows of a query, as soon as the database answers."""

        def answer() -> list[list[dict[str, Any]]]:
            with suppress(psycopg.OperationalError), self.database() as cursor:
                return [cursor.execute(query, parameters or None).fetchall()]
            return []

        return eventually(answer, seconds=60, what="the database")[0]

    def count(self, table: str, where: str = "true") -> int:
        return int(self.ask(f"SELECT count(*) AS number FROM {table} WHERE {where}")[0]["number"])

    def row(self, table: str, public_id: str) -> dict[str, Any]:
        return self.ask(f"SELECT * FROM {table} WHERE public_id = %s", public_id)[0]

    def ended(self, table: str, public_id: str, seconds: float = 90) -> dict[str, Any]:
        """The row of a job once it has ended."""

        def look() -> list[dict[str, Any]]:
            row = self.row(table, public_id)
            return [row] if row["status"] in TERMINAL else []

        return eventually(look, seconds=seconds, what=f"the end of {public_id}")[0]

    def wait_for_statement(self, words: str, seconds: float = 60) -> None:
        """Returns while a worker is in the middle of a statement that has these words."""
        query = (
            "SELECT pid FROM pg_stat_activity WHERE application_name = 'segmentation-worker'"
            " AND state = 'active' AND query LIKE %s"
        )
        deadline = time.monotonic() + seconds
        with self.database() as cursor:
            while not cursor.execute(query, [f"%{words}%"]).fetchall():
                assert time.monotonic() < deadline, f"no worker came to {words!r}"

    @contextmanager
    def held(self, statement: str) -> Iterator[None]:
        """Somebody holds the locks of this statement in the block, so that whoever comes to them waits there."""
        url = DataFolder(self.site.folder).database_url
        with psycopg.connect(url, connect_timeout=5) as connection:
            connection.execute(statement)
            yield
            connection.rollback()

    @contextmanager
    def barred(self, table: str) -> Iterator[None]:
        """Whoever updates a row of this table in the block waits there; others write and read as ever."""
        with self.database() as cursor:
            cursor.execute(BAR_UPDATES.format(bar=BAR, table=table))
            cursor.execute("SELECT pg_advisory_lock(%s)", [BAR])
            try:
                yield
            finally:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [BAR])
                cursor.execute("DROP FUNCTION wait_at_bar CASCADE")

    @contextmanager
    def run_in_phase(self, slug: str, phase: str) -> Iterator[str]:
        """The id of a run that is at work in this phase in the block: it waits there for what somebody else holds."""
        barrier, statement = {
            "reading": (self.held("LOCK TABLE customers_customer IN ACCESS EXCLUSIVE MODE"), "customers_customer"),
            "trying": (self.held("LOCK TABLE segments_candidate IN EXCLUSIVE MODE"), "segments_candidate"),
            "choosing": (self.barred("segments_candidate"), 'UPDATE "segments_candidate"'),
            "storing": (self.held("LOCK TABLE segments_assignment IN SHARE MODE"), "segments_assignment"),
            "publishing": (
                self.held("SELECT id FROM segments_segmentation FOR NO KEY UPDATE"),
                "segments_segmentation",
            ),
        }[phase]
        with barrier:
            run = self.run(slug, publish=True)
            self.wait_for_statement(statement)
            yield run

    # ---- as fate deals with it

    def processes(self, name: str) -> list[psutil.Process]:
        """A supervised process and all that it has started, the main one first."""
        with suppress(psutil.NoSuchProcess, IndexError):
            main = psutil.Process(self.site.process_of(name))
            return [main, *main.children(recursive=True)]
        return []

    def kill(self, name: str) -> None:
        """The main process, which takes its children with it or leaves them to the kernel."""
        for process in self.processes(name)[:1]:
            with suppress(psutil.NoSuchProcess):
                process.kill()

    def kill_children(self, name: str) -> None:
        for process in self.processes(name)[1:]:
            with suppress(psutil.NoSuchProcess):
                process.kill()

    def signal(self, name: str, number: int) -> None:
        for process in self.processes(name)[:1]:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(number)

    @contextmanager
    def frozen(self, *names: str) -> Iterator[None]:
        """These stand still in the block and go on after it."""
        frozen = [process for name in names for process in self.processes(name)]
        for process in frozen:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            for process in frozen:
                with suppress(psutil.NoSuchProcess):
                    process.send_signal(signal.SIGCONT)

    def is_whole(self) -> Callable[[], bool]:
        """Whether everything that was killed is back."""
        return lambda: self.site.status("/readyz") == 200

    # ---- what must be true whatever happened

    def check_nothing_is_left_over(self) -> None:
        """No staging table, no partition without its run, no lease without a worker."""
        eventually(
            lambda: not self.count("pg_class", r"relname LIKE 'import\_%\_rows' OR relname LIKE '%\_incoming%'"),
            seconds=30,
            what="staging to vanish",
        )
        kept = {
            row["relname"]
            for row in self.ask(r"SELECT relname FROM pg_class WHERE relname ~ '^segments_assignment_\d+$'")
        }
        runs = {
            f"segments_assignment_{row['id']}"
            for row in self.ask(f"SELECT id FROM {RUNS} WHERE status = 'done' AND pruned_at IS NULL")
        }
        assert kept == runs
        for table in (IMPORTS, RUNS):
            assert not self.count(table, "status IN ('done', 'failed', 'cancelled') AND lease_token IS NOT NULL")

    def check_runs_are_whole(self) -> None:
        """Each run that is done assigns everybody whom it read, each to one segment."""
        for run in self.ask(f"SELECT id, customers FROM {RUNS} WHERE status = 'done' AND pruned_at IS NULL"):
            assert self.count("segments_assignment", f"run_id = {run['id']}") == run["customers"]
