"""One worker at a time, and only the holder of a job writes its results."""

import threading
from typing import Any

import pytest
from django.db import connection

from customers.models import Customer, Import
from segmentation_site.jobs import leases, sweeping
from segmentation_site.jobs.leases import Lease
from segmentation_site.jobs.models import JobStatus
from segmentation_site.jobs.problems import Problem

pytestmark = pytest.mark.django_db(transaction=True)


class NoColumns(Problem):
    code = "no_columns"
    sentence = "The file {name} has no columns."
    remedy = "Add a header."


@pytest.fixture
def job() -> Import:
    return Import.objects.create(file_name="customers.csv")


def expire(job: Import) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE customers_import SET lease_expires_at = clock_timestamp() - interval '1 second' WHERE id = %s",
            [job.pk],
        )


def write_a_customer(job: Import, lease: Lease[Import]) -> None:
    with lease.writing():
        Customer.objects.create(external_id="17")
        lease.finish(rows=1)


def test_a_job_whose_message_is_delivered_five_times_is_carried_out_once(job: Import) -> None:
    barrier = threading.Barrier(5)
    carried: list[bool] = []

    def deliver() -> None:
        barrier.wait()
        carried.append(leases.carry_out(Import, job.pk, write_a_customer))
        connection.close()

    messages = [threading.Thread(target=deliver) for _ in range(5)]
    for message in messages:
        message.start()
    for message in messages:
        message.join()

    job.refresh_from_db()
    assert sorted(carried) == [False, False, False, False, True]
    assert (job.status, job.attempt, job.rows) == (JobStatus.DONE, 1, 1)
    assert Customer.objects.count() == 1


def test_a_worker_that_slept_through_its_lease_changes_nothing(job: Import) -> None:
    def sleep_then_write(job: Import, lease: Lease[Import]) -> None:
        expire(job)
        sweeping.sweep()
        again = leases.claim(Import, job.pk)
        assert again is not None, "the sweeper gave the job back"
        write_a_customer(job, lease)

    leases.carry_out(Import, job.pk, sleep_then_write)

    job.refresh_from_db()
    assert Customer.objects.count() == 0
    assert (job.status, job.attempt) == (JobStatus.RUNNING, 2)


def test_a_lost_job_is_tried_three_times_and_then_fails_with_what_happened(job: Import) -> None:
    for attempt in (1, 2, 3):
        assert leases.claim(Import, job.pk) is not None
        expire(job)
        sweeping.sweep()
        job.refresh_from_db()
        assert job.attempt == attempt

    assert (job.status, job.error_code) == (JobStatus.FAILED, "worker_lost")
    assert job.finished_at is not None
    assert leases.claim(Import, job.pk) is None


def test_the_sweeper_ends_the_database_connection_of_a_lost_worker(job: Import) -> None:
    ended = threading.Event()
    claimed = threading.Event()
    error: list[Exception] = []

    def freeze_in_the_middle_of_a_statement() -> None:
        try:
            assert leases.claim(Import, job.pk)
            claimed.set()
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_sleep(60)")
        except Exception as broken:
            error.append(broken)
        finally:
            ended.set()
            connection.close()

    worker = threading.Thread(target=freeze_in_the_middle_of_a_statement)
    worker.start()
    assert claimed.wait(10)
    expire(job)
    sweeping.sweep()

    assert ended.wait(10), "its backend was terminated long before its statement would have ended"
    worker.join()
    assert error


def test_cancelling_a_job_that_waits_ends_it_at_once(job: Import) -> None:
    assert leases.request_cancel(job)
    job.refresh_from_db()
    assert job.status == JobStatus.CANCELLED
    assert not leases.carry_out(Import, job.pk, write_a_customer)
    assert not leases.request_cancel(job), "what has ended cannot be cancelled"


def test_cancelling_a_job_that_works_stops_it_at_its_next_check_and_keeps_nothing(job: Import) -> None:
    def work(job: Import, lease: Lease[Import]) -> None:
        leases.request_cancel(job)
        lease.beat()
        write_a_customer(job, lease)

    leases.carry_out(Import, job.pk, work)

    job.refresh_from_db()
    assert job.status == JobStatus.CANCELLED
    assert Customer.objects.count() == 0


def test_progress_is_seen_by_others_while_the_work_is_still_in_its_transaction(job: Import) -> None:
    seen: list[tuple[str, int, int | None]] = []

    def look() -> None:
        seen.append(Import.objects.values_list("phase", "progress_done", "progress_total").get(pk=job.pk))
        connection.close()

    def beat_elsewhere(lease: Lease[Import]) -> None:
        lease.beat()
        connection.close()

    def work(job: Import, lease: Lease[Import]) -> None:
        with lease.writing():
            lease.phase("merging", 200)
            lease.progress(41)
            beat = threading.Thread(target=beat_elsewhere, args=[lease])
            beat.start()
            beat.join()
            onlooker = threading.Thread(target=look)
            onlooker.start()
            onlooker.join()

    leases.carry_out(Import, job.pk, work)
    assert seen == [("merging", 41, 200)]


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (NoColumns(name="a.csv"), "no_columns", "The file a.csv has no columns. Add a header."),
        (MemoryError(), "memory", "not enough memory"),
        (OSError(28, "No space left on device"), "disk", "no room left on the disk"),
        (KeyError("secret detail"), "unexpected", "did not foresee"),
    ],
)
def test_a_job_that_fails_says_what_happened_and_keeps_nothing(
    job: Import, error: Exception, code: str, words: str
) -> None:
    def fail(job: Import, lease: Lease[Import]) -> None:
        with lease.writing():
            Customer.objects.create(external_id="17")
            raise error

    leases.carry_out(Import, job.pk, fail)

    job.refresh_from_db()
    assert (job.status, job.error_code) == (JobStatus.FAILED, code)
    assert words in job.error_detail
    assert "secret detail" not in job.error_detail
    assert Customer.objects.count() == 0


def test_the_sweeper_rings_for_a_job_that_nobody_heard(job: Import, monkeypatch: pytest.MonkeyPatch) -> None:
    rung: list[Any] = []
    monkeypatch.setattr("segmentation_site.jobs.bell.current_app.send_task", lambda *args, **kwargs: rung.append(args))
    with connection.cursor() as cursor:
        cursor.execute("UPDATE customers_import SET created_at = clock_timestamp() - interval '1 minute'")

    sweeping.sweep()
    sweeping.sweep()

    jobs = [task for task, *_ in rung if task.startswith("customers.execute")]
    assert jobs == ["customers.execute_import"], "and it is not rung again at once"
