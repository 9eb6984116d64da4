"""How much memory a job may take: asked before it begins, and held to by the operating system while it works."""

import os
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
from django.conf import settings
from django.utils.translation import gettext_noop

from segmentation_site.jobs.problems import Problem

# Of the machine's memory, what all jobs together may take; the rest is the database's, the web's and the system's.
JOBS_SHARE = 0.6
# What Python and the libraries take before a job has read anything, and room for what estimates leave out.
BASE_BYTES = 1024**3
_CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")


class TooLargeForMemory(Problem):
    code = "memory"
    sentence = gettext_noop("This needs about {needed:.1f} GB of memory, and a job may take {allowed:.1f} GB here.")
    remedy = gettext_noop("Nothing was changed. Use fewer features, or give jobs more memory (JOB_MEMORY_BYTES).")


def budget() -> int:
    """Bytes that one job may take: JOB_MEMORY_BYTES, or its share of what the machine or its container has."""
    if settings.JOB_MEMORY_BYTES:
        return int(settings.JOB_MEMORY_BYTES)
    at_once = settings.WORKER_CONCURRENCY or os.cpu_count() or 1
    return int(JOBS_SHARE * _total() / at_once)


def admit(needed: int) -> None:
    """Raises TooLargeForMemory when a job that needs so many bytes must not begin."""
    allowed = budget()
    if needed > allowed:
        raise TooLargeForMemory(needed=needed / 1024**3, allowed=allowed / 1024**3)


def limit_this_process() -> None:
    """Let allocations beyond the budget fail, as MemoryError, rather than have the system kill whom it likes."""
    if sys.platform == "linux":
        allowed = budget() + BASE_BYTES
        resource.setrlimit(resource.RLIMIT_DATA, (allowed, resource.getrlimit(resource.RLIMIT_DATA)[1]))


@contextmanager
def lifted() -> Iterator[None]:
    """For programs that are started within: they have limits of their own and must not inherit this process's."""
    if sys.platform != "linux":
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (hard, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def _total() -> int:
    total = int(psutil.virtual_memory().total)
    if _CGROUP_LIMIT.exists() and (limit := _CGROUP_LIMIT.read_text().strip()).isdecimal():
        return min(total, int(limit))
    return total
