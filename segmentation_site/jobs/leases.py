"""Claiming a job and holding it: one worker at a time, and only its holder writes results.

Only the database's clock decides. The holder's heartbeat has a connection of its own, so that a long statement on
the working connection does not cost the lease; every result is written with the lease's token (a fencing token), so
that a worker that was frozen and wakes up changes nothing.
"""

import errno
import logging
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

import psycopg
from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.db.models import F, QuerySet
from django.db.models.expressions import RawSQL
from django.utils.translation import gettext_noop

from segmentation_site.jobs.models import Job, JobStatus
from segmentation_site.jobs.problems import Problem
from segmentation_site.jobs.signals import job_ended
from segmentation_site.logs import current_request_id

logger = logging.getLogger(__name__)

J = TypeVar("J", bound=Job)

# Often enough that progress looks live and a cancel is heard within a second; a lease outlives sixty missed beats.
BEAT_SECONDS = 1.0


class LeaseLost(Exception):
    """Somebody else may hold this job now: whatever was being written must not be."""


class Cancelled(Exception):
    """Somebody asked for this job to stop."""


class OutOfMemory(Problem):
    code = "memory"
    sentence = gettext_noop("There was not enough memory for this work.")
    remedy = gettext_noop("Nothing was changed. Try less at once, or give the worker more memory.")


class DiskFull(Problem):
    code = "disk"
    sentence = gettext_noop("There was no room left on the disk.")
    remedy = gettext_noop("Nothing was changed. Make room and start it again.")
    http_status = 507


class WorkerLost(Problem):
    code = "worker_lost"
    sentence = gettext_noop("The worker was lost {attempts} times while it did this.")
    remedy = gettext_noop("Nothing was changed. Look at the status page, then start it again.")


class NotActive(Problem):
    code = "not_active"
    sentence = gettext_noop("This has already ended: it is {state}.")
    remedy = gettext_noop("There is nothing to stop.")
    http_status = 409


class Unexpected(Problem):
    code = "unexpected"
    sentence = gettext_noop("Something went wrong that we did not foresee ({kind}).")
    remedy = gettext_noop("Nothing was changed. The worker's log has the details under {reference}.")


def _now() -> RawSQL:
    return RawSQL("clock_timestamp()", [])


def _lease_end() -> RawSQL:
    return RawSQL("clock_timestamp() + make_interval(secs => %s)", [settings.JOB_LEASE_SECONDS])


class Lease(Generic[J]):
    """The right to carry out one job for as long as the heartbeat keeps it."""

    def __init__(self, job: J, token: uuid.UUID) -> None:
        self.job = job
        self.token = token
        self._phase = job.phase
        self._done = job.progress_done
        self._total = job.progress_total
        self._lost = threading.Event()
        self._cancelled = threading.Event()
        self._stopped = threading.Event()
        self._ended = False

    @property
    def _rows(self) -> QuerySet[J]:
        """The job's row, as long as this lease still holds it."""
        return type(self.job)._default_manager.filter(pk=self.job.pk, lease_token=self.token, status=JobStatus.RUNNING)

    @property
    def ended(self) -> bool:
        """Whether the job's end was written by this lease."""
        return self._ended

    def check(self) -> None:
        """Call at every chunk and iteration. Raises Cancelled or LeaseLost; costs no query."""
        if self._lost.is_set() or self._ended:
            raise LeaseLost(f"{self.job.log_name} is no longer ours")
        if self._cancelled.is_set():
            raise Cancelled(f"{self.job.log_name} is to stop")

    def progress(self, done: int, total: int | None = None, *, phase: str | None = None) -> None:
        """Say how far the work is; the next heartbeat writes it. Checks for cancel on the way."""
        if phase is not None:
            self._phase = phase
        self._done, self._total = done, self._total if total is None else total
        self.check()

    def phase(self, name: str, total: int | None = None) -> None:
        """Begin a phase whose work has `total` parts (rows, candidates); None when nobody knows yet."""
        self._phase, self._done, self._total = name, 0, total
        self.check()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """One transaction of results, committed only if the lease still holds at its end.

        Raises LeaseLost or Cancelled.
        """
        self.check()
        with transaction.atomic():
            yield
            # `finish` in the block is a guarded write itself, and leaves no lease to renew.
            if not self._ended:
                self.check()
                if not self._rows.update(lease_expires_at=_lease_end()):
                    raise LeaseLost(f"{self.job.log_name} is no longer ours")

    def finish(self, **values: Any) -> None:
        """Mark the job done, with its last results; inside `writing` or on its own. Raises LeaseLost or Cancelled."""
        self.check()
        self._end(JobStatus.DONE, **values)

    def fail(self, code: str, detail: str) -> None:
        """Mark the job failed with what the user is told. Raises LeaseLost."""
        self._end(JobStatus.FAILED, error_code=code, error_detail=detail)

    def give_back(self) -> None:
        """Let somebody else, or the same worker a little later, make another attempt. Raises LeaseLost."""
        if self.job.attempt >= self.job.max_attempts:
            self.fail(WorkerLost.code, WorkerLost(attempts=self.job.attempt).detail)
            return
        returned = self._rows.update(
            status=JobStatus.QUEUED,
            dispatched_at=None,
            lease_token=None,
            lease_expires_at=None,
            backend_pid=None,
            phase="",
        )
        if not returned:
            raise LeaseLost(f"{self.job.log_name} is no longer ours")
        self._ended = True

    def _end(self, status: JobStatus, **values: Any) -> None:
        values = {
            "phase": self._phase,
            "progress_done": self._done,
            "progress_total": self._total,
            **values,
            "status": status,
            "finished_at": _now(),
        }
        with transaction.atomic():
            ended = self._rows.update(**values, lease_token=None, lease_expires_at=None, backend_pid=None)
            if not ended:
                raise LeaseLost(f"{self.job.log_name} is no longer ours")
            job_ended.send(sender=type(self.job), job=self.job, status=status)
        self._ended = True

    def beat(self) -> None:
        """Renew the lease, write progress, and hear whether somebody asked to stop."""
        held = self._rows.update(
            lease_expires_at=_lease_end(),
            phase=self._phase,
            progress_done=self._done,
            progress_total=self._total,
        )
        if not held:
            # After the end was written there is nothing left to hold.
            if not self._ended:
                self._lost.set()
        elif self._rows.filter(cancel_requested_at__isnull=False).exists():
            self._cancelled.set()

    def _keep(self) -> None:
        try:
            while not self._stopped.wait(BEAT_SECONDS) and not self._lost.is_set():
                try:
                    self.beat()
                except Exception as error:
                    # The database may be restarting; the lease outlives it or the next beat finds it lost.
                    logger.warning("Heartbeat of %s failed: %s", self.job.log_name, type(error).__name__)
                    connection.close()
        finally:
            connection.close()

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Keep the lease with a heartbeat on a connection of its own while the work goes on."""
        heart = threading.Thread(target=self._keep, name=f"heartbeat-{self.job.pk}", daemon=True)
        heart.start()
        try:
            yield
        finally:
            self._stopped.set()
            heart.join()


def claim(model: type[J], pk: int) -> Lease[J] | None:
    """Take a queued job: one guarded UPDATE. None when it is not there, not queued, or somebody else was quicker."""
    token = uuid.uuid4()
    claimed = model._default_manager.filter(pk=pk, status=JobStatus.QUEUED).update(
        status=JobStatus.RUNNING,
        attempt=F("attempt") + 1,
        lease_token=token,
        lease_expires_at=_lease_end(),
        backend_pid=RawSQL("pg_backend_pid()", []),
        backend_started_at=RawSQL("(SELECT backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid())", []),
        started_at=_now(),
        finished_at=None,
        progress_done=0,
        progress_total=None,
        phase="",
        error_code="",
        error_detail="",
    )
    return Lease(model._default_manager.get(pk=pk), token) if claimed else None


def carry_out(model: type[J], pk: int, execute: Callable[[J, Lease[J]], None]) -> bool:
    """Claim a job and do it; whatever happens, the row says how it ended. False when it was not there to be claimed.

    `execute` either finishes the job itself (in the transaction of its results) or leaves that to this function.
    """
    lease = claim(model, pk)
    if lease is None:
        return False
    job = lease.job
    request = current_request_id.set(job.request_id or "-")
    logger.info("%s begins, attempt %d", job.log_name, job.attempt)
    try:
        with lease.kept():
            execute(job, lease)
        if not lease.ended:
            lease.finish()
        logger.info("%s is done", job.log_name)
    except LeaseLost:
        logger.warning("%s was taken over by somebody else; nothing of this attempt was kept", job.log_name)
    except Cancelled:
        _end_quietly(lease, lambda: lease._end(JobStatus.CANCELLED))
    except KeyboardInterrupt:
        # Somebody at a terminal wants no more of it; a worker's processes do not hear this.
        _end_quietly(lease, lambda: lease._end(JobStatus.CANCELLED))
        raise
    except Problem as problem:
        _fail(lease, problem)
    except MemoryError:
        # It must not leave the task: it would kill the worker's main process.
        _fail(lease, OutOfMemory())
    except Exception as error:
        if _is_disk_full(error):
            _fail(lease, DiskFull())
        elif _is_connection_lost(error):
            logger.warning("%s lost its connection to the database; it is given back", job.log_name)
            connection.close()
            _end_quietly(lease, lease.give_back)
        else:
            reference = lease.token.hex[:12]
            logger.exception("%s failed, reference %s", job.log_name, reference)
            _fail(lease, Unexpected(kind=type(error).__name__, reference=reference))
    finally:
        current_request_id.reset(request)
    return True


def _sqlstate(error: BaseException) -> str:
    return getattr(error, "sqlstate", None) or getattr(error.__cause__, "sqlstate", None) or ""


def _is_disk_full(error: Exception) -> bool:
    return getattr(error, "errno", None) == errno.ENOSPC or _sqlstate(error) == "53100"


def _is_connection_lost(error: Exception) -> bool:
    """Whether the database went away under the work, or chose it as the victim of a deadlock: it may be done again."""
    if not isinstance(error, DatabaseError | psycopg.Error):
        return False
    return _sqlstate(error).startswith(("08", "57P", "40")) or not connection.is_usable()


def _fail(lease: Lease[Any], problem: Problem) -> None:
    _end_quietly(lease, lambda: lease.fail(problem.code, problem.detail))


def _end_quietly(lease: Lease[Any], end: Callable[[], None]) -> None:
    """Write the job's end; when even that fails the lease expires and the sweeper takes over."""
    try:
        end()
    except LeaseLost:
        logger.warning("%s was taken over by somebody else before its end could be written", lease.job.log_name)
    except Exception:
        logger.exception("The end of %s could not be written; the sweeper will take it up", lease.job.log_name)
        connection.close()


def request_cancel(job: Job) -> bool:
    """Ask a job to stop: one that waits is cancelled at once, one that works at its next check.

    False when it has ended.
    """
    rows = type(job)._default_manager.filter(pk=job.pk)
    with transaction.atomic():
        if rows.filter(status=JobStatus.QUEUED).update(
            status=JobStatus.CANCELLED, cancel_requested_at=_now(), finished_at=_now()
        ):
            job_ended.send(sender=type(job), job=job, status=JobStatus.CANCELLED)
            return True
    return bool(rows.filter(status=JobStatus.RUNNING).update(cancel_requested_at=_now()))
