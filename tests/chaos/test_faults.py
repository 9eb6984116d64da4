"""Each thing that can happen to a process, the broker or the database, and what is true afterwards."""

import os
import signal
import subprocess
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis

from segmentation_site.embedded.folder import DataFolder
from tests.chaos.trial import IMPORTS, RUNS, Trial, customers_file, good_rows
from tests.embedded.processes import kill, processes_of
from tests.given import eventually

MANY = 200_000
PEOPLE = 30_000
# After the kill of a worker: a lease, a sweep, and the work once more.
BACK = 60
# Within this a worker hears that it is to stop.
HEARTBEATS = 2.5
# The first import fills a table that takes the customers' place, a later one a table of its own that is merged.
COPYING, INDEXING = 'COPY "customers_customer_incoming', 'INDEX "customer'
STAGING, MERGING = 'COPY "import_', "MERGE INTO"
FIRST, LATER = (COPYING, INDEXING), (STAGING, MERGING)


@pytest.fixture(scope="module")
def many() -> bytes:
    return customers_file(MANY)


def before(trial: Trial, statement: str) -> int:
    """Who is there before an import comes to this statement; how many they are."""
    if statement not in LATER:
        return 0
    assert trial.ended(IMPORTS, trial.upload(b"id,age\nbefore,30\n"))["created"] == 1
    return 1


def in_place(trial: Trial, count: int) -> None:
    """So many customers, imported without any harm."""
    assert trial.ended(IMPORTS, trial.upload(customers_file(count)))["status"] == "done"


@pytest.mark.parametrize("victim", ["child", "main"])
@pytest.mark.parametrize("statement", [*FIRST, *LATER])
def test_an_import_whose_worker_is_killed_is_done_by_another_as_if_nothing_had_happened(
    trial: Trial, many: bytes, victim: str, statement: str
) -> None:
    others = before(trial, statement)
    one = trial.upload(many)
    trial.wait_for_statement(statement)
    if victim == "child":
        trial.kill_children("worker")
    else:
        trial.kill("worker")

    row = trial.ended(IMPORTS, one, seconds=BACK)
    assert (row["status"], row["attempt"]) == ("done", 2)
    assert (row["created"], row["rejected"]) == (good_rows(MANY), MANY - good_rows(MANY))
    assert trial.count("customers_customer") == good_rows(MANY) + others
    assert trial.count("customers_rejectedrow") == row["rejected"]
    trial.check_nothing_is_left_over()


@pytest.mark.parametrize("phase", ["reading", "trying", "choosing", "storing", "publishing"])
def test_a_run_whose_worker_is_killed_is_done_by_another_and_readers_see_one_run_whole(
    trial: Trial, phase: str
) -> None:
    in_place(trial, PEOPLE)
    slug = trial.define("Income", k="auto", k_range=[4, 6])
    first = trial.run(slug, publish=True)
    trial.ended(RUNS, first)

    with trial.run_in_phase(slug, phase) as second:
        trial.kill_children("worker")

    seen = Counter[str]()
    while trial.row(RUNS, second)["status"] not in ("done", "failed"):
        page = trial.call("GET", f"/segmentations/{slug}/members?page_size=1000").json()["results"]
        runs = {member["run_id"] for member in page}
        assert len(runs) == 1, "a page is of one run"
        seen[runs.pop()] += 1
    row = trial.ended(RUNS, second, seconds=BACK)
    assert (row["status"], row["customers"]) == ("done", good_rows(PEOPLE))
    assert row["attempt"] <= 2
    assert set(seen) <= {first, second}
    trial.check_runs_are_whole()
    trial.check_nothing_is_left_over()


@pytest.mark.parametrize("phase", ["reading", "trying", "choosing", "storing"])
def test_a_run_that_is_cancelled_in_any_phase_ends_soon_and_keeps_nothing(trial: Trial, phase: str) -> None:
    in_place(trial, PEOPLE)
    slug = trial.define("Income", k="auto", k_range=[4, 6])
    first = trial.run(slug, publish=True)
    trial.ended(RUNS, first)

    with trial.run_in_phase(slug, phase) as second:
        assert trial.call("POST", f"/runs/{second}/cancel").status_code == 202
        time.sleep(HEARTBEATS)
    assert trial.ended(RUNS, second, seconds=35)["status"] == "cancelled"
    assert trial.call("GET", f"/segmentations/{slug}").json()["published_run"] == first
    trial.check_runs_are_whole()
    trial.check_nothing_is_left_over()


def test_a_message_that_comes_five_times_is_heeded_once(trial: Trial) -> None:
    in_place(trial, 1000)
    slug = trial.define("Income")
    with trial.frozen("worker"):
        imports = [trial.upload(f"id,age\nx{number},{number}\n".encode()) for number in range(20, 25)]
        run = trial.run(slug)
        for one in imports:
            trial.send_again("customers.execute_import", trial.row(IMPORTS, one)["id"], times=4)
        trial.send_again("segments.execute_run", trial.row(RUNS, run)["id"], times=4)
    ended = [trial.ended(IMPORTS, one) for one in imports] + [trial.ended(RUNS, run)]
    assert [(row["status"], row["attempt"]) for row in ended] == [("done", 1)] * 6
    assert {row["created"] for row in ended[:5]} == {1}
    assert trial.count("customers_customer") == good_rows(1000) + 5


def test_with_the_broker_frozen_a_start_is_answered_within_seven_seconds_and_done_later(trial: Trial) -> None:
    in_place(trial, 1000)
    slug = trial.define("Income")
    with trial.frozen("valkey"):
        began = time.monotonic()
        run = trial.run(slug)
        assert time.monotonic() - began < 7
        assert trial.row(RUNS, run)["dispatched_at"] is None
    assert trial.ended(RUNS, run)["status"] == "done"


def fifty_imports(trial: Trial) -> list[str]:
    """Fifty files of ten customers each, uploaded one after the other."""
    head = "id,age,annual income\n"
    return [
        trial.upload((head + "".join(f"{number}-{row},{20 + row},{row}\n" for row in range(10))).encode())
        for number in range(50)
    ]


def check_each_was_done_once(trial: Trial, imports: list[str]) -> None:
    rows = [trial.ended(IMPORTS, one) for one in imports]
    assert {(row["status"], row["attempt"], row["created"]) for row in rows} == {("done", 1, 10)}
    assert trial.count("customers_customer") == 500


def test_with_the_broker_killed_fifty_jobs_wait_and_each_is_done_once(trial: Trial) -> None:
    trial.kill("valkey")
    check_each_was_done_once(trial, fifty_imports(trial))


def test_with_every_message_lost_fifty_jobs_are_rung_for_again_and_each_is_done_once(trial: Trial) -> None:
    with trial.frozen("worker"):
        imports = fifty_imports(trial)
        redis.Redis.from_url(DataFolder(trial.site.folder).redis_url).flushall()
    check_each_was_done_once(trial, imports)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT], ids=["fast", "immediate"])
@pytest.mark.parametrize("statement", [*FIRST, *LATER])
def test_a_database_that_is_restarted_in_the_middle_loses_and_doubles_nothing(
    trial: Trial, many: bytes, how: int, statement: str
) -> None:
    others = before(trial, statement)
    one = trial.upload(many)
    trial.wait_for_statement(statement)
    trial.signal("postgres", how)
    row = trial.ended(IMPORTS, one, seconds=BACK)
    assert (row["status"], row["attempt"]) == ("done", 2), row["error_detail"]
    assert trial.count("customers_customer") == good_rows(MANY) + others
    trial.check_nothing_is_left_over()


def test_of_twenty_starts_at_once_one_runs_and_nineteen_are_told_which(trial: Trial) -> None:
    in_place(trial, 1000)
    slug = trial.define("Income")
    # The first one is at work as long as the others come.
    with trial.held("LOCK TABLE customers_customer IN ACCESS EXCLUSIVE MODE"), ThreadPoolExecutor(20) as together:
        answers = list(together.map(lambda _: trial.call("POST", f"/segmentations/{slug}/runs", json={}), range(20)))
    told = Counter(answer.status_code for answer in answers)
    assert told == {202: 1, 409: 19}
    (started,) = [answer.json()["id"] for answer in answers if answer.status_code == 202]
    assert {answer.json()["run"] for answer in answers if answer.status_code == 409} == {started}
    assert trial.ended(RUNS, started)["status"] == "done"


def test_a_worker_that_was_frozen_past_its_lease_wakes_up_and_changes_nothing(trial: Trial, many: bytes) -> None:
    one = trial.upload(many)
    trial.wait_for_statement(COPYING)
    with trial.frozen("worker"):
        eventually(lambda: trial.row(IMPORTS, one)["status"] == "running" and _is_expired(trial, one), seconds=30)
        # Nobody sweeps while the only worker stands still: another one comes.
        trial.ask(
            "UPDATE customers_import SET status = 'queued', lease_token = NULL, lease_expires_at = NULL RETURNING id"
        )
    row = trial.ended(IMPORTS, one, seconds=BACK)
    assert (row["status"], row["attempt"]) == ("done", 2)
    assert row["created"] == trial.count("customers_customer") == good_rows(MANY)
    trial.check_nothing_is_left_over()


def _is_expired(trial: Trial, one: str) -> bool:
    return bool(trial.count(IMPORTS, f"public_id = '{one}' AND lease_expires_at < clock_timestamp()"))


@pytest.mark.parametrize("statement", [*FIRST, *LATER])
def test_an_import_that_is_cancelled_while_it_works_ends_soon_and_keeps_nothing(
    trial: Trial, many: bytes, statement: str
) -> None:
    others = before(trial, statement)
    one = trial.upload(many)
    trial.wait_for_statement(statement)
    assert trial.call("POST", f"/imports/{one}/cancel").status_code == 202
    row = trial.ended(IMPORTS, one, seconds=35)
    # A merge that was nearly through may be quicker than the cancel; then all of it is there.
    expected = 0 if row["status"] == "cancelled" else good_rows(MANY)
    assert row["status"] in ("cancelled", "done")
    assert trial.count("customers_customer") == expected + others
    trial.check_nothing_is_left_over()


def test_with_the_scheduler_gone_for_good_lost_jobs_are_still_taken_up(trial: Trial, many: bytes) -> None:
    with trial.frozen("scheduler"):
        one = trial.upload(many)
        trial.wait_for_statement(COPYING)
        trial.kill_children("worker")
        row = trial.ended(IMPORTS, one, seconds=BACK)
    assert (row["status"], row["attempt"]) == ("done", 2)


def test_after_a_kill_of_everything_in_an_import_the_next_start_ends_it(trial: Trial) -> None:
    rows = 200_000
    lines = "".join(f"{number},{20 + number % 50},{number % 90}\n" for number in range(rows))
    one = trial.upload(f"id,age,annual income\n{lines}".encode())
    trial.wait_for_statement(COPYING)
    everything = processes_of(trial.site.folder)
    kill(everything)
    assert trial.site.process
    trial.site.process.wait()
    trial.site.start()

    row = trial.ended(IMPORTS, one, seconds=BACK)
    assert (row["status"], row["created"], row["rejected"]) == ("done", rows, 0)
    assert trial.count("customers_customer") == rows
    trial.check_nothing_is_left_over()
    assert not [process for process in everything if process.is_running() and process.status() != "zombie"]


@pytest.mark.skipif(os.getuid() != 0, reason="only root can make a small disk to fill up: NOT TESTED here")
def test_a_full_disk_is_told_and_the_site_goes_on(trial: Trial, many: bytes) -> None:
    media = trial.site.folder / "media"
    media.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", media], check=True)
    try:
        answer = trial.call("POST", "/imports", files={"file": ("customers.csv", many)})
        assert (answer.status_code, answer.json()["code"]) == (507, "disk")
        assert trial.count(IMPORTS) == 0
        assert not [path for path in media.rglob("*") if path.is_file()]
        assert trial.ended(IMPORTS, trial.upload(customers_file(1000)))["status"] == "done"
    finally:
        # The worker that has said that it is done may still be closing the file.
        eventually(lambda: subprocess.run(["umount", media], check=False).returncode == 0, what="the disk to be free")


def test_a_web_process_that_is_killed_in_an_upload_leaves_no_half_import(trial: Trial, many: bytes) -> None:
    with ThreadPoolExecutor(1) as aside:
        sent = aside.submit(lambda: trial.upload(many))
        time.sleep(0.05)
        trial.kill_children("web")
        lost = sent.exception()
    eventually(trial.is_whole(), seconds=30, what="the web")
    if lost is None:
        assert trial.ended(IMPORTS, sent.result())["status"] == "done"
    else:
        assert trial.count(IMPORTS) == 0
        assert trial.count("customers_customer") == 0
