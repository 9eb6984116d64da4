"""Carrying out a job in a command: here and now, with its progress on a terminal."""

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from django.core.management.base import CommandError
from django.db import connection

from segmentation_site.jobs.leases import Lease, carry_out
from segmentation_site.jobs.models import Job, JobStatus

J = TypeVar("J", bound=Job)

EVERY_SECONDS = 0.5
WIDTH = 24


def carry_out_here(job: J, execute: Callable[[J, Lease[J]], None]) -> J:
    """Do the queued `job` in this process and return it done. Raises CommandError with why it did not get there."""
    with _progress_shown(job):
        carry_out(type(job), job.pk, execute)
    job.refresh_from_db()
    if job.status != JobStatus.DONE:
        raise CommandError(job.error_detail or f"It is {job.get_status_display().lower()}.")
    return job


@contextmanager
def _progress_shown(job: Job) -> Iterator[None]:
    """A line on standard error that is written over again; nothing where nobody looks."""
    if not sys.stderr.isatty():
        yield
        return
    ended = threading.Event()
    teller = threading.Thread(target=_tell, args=(job, ended), daemon=True)
    teller.start()
    try:
        yield
    finally:
        ended.set()
        teller.join()
        sys.stderr.write("\r\033[K")
        sys.stderr.flush()


def _tell(job: Job, ended: threading.Event) -> None:
    try:
        while not ended.wait(EVERY_SECONDS):
            seen = type(job)._default_manager.only("phase", "progress_done", "progress_total", "status").get(pk=job.pk)
            sys.stderr.write(f"\r\033[K{_line(seen)}")
            sys.stderr.flush()
    finally:
        connection.close()


def _line(job: Job) -> str:
    percent = job.percent
    if percent is None:
        return f"{job.phase} …"
    bar = "█" * (WIDTH * percent // 100)
    return f"{job.phase:<28} {bar:░<{WIDTH}} {job.progress_done:,} of {job.progress_total:,}"
