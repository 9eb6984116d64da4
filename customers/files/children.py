"""Formats that are dangerous to open are opened by a child process, which has limits of memory and of time.

A workbook of 514 kB once took 1.5 GB. The child (`customers.files.peeking`) gets the file on its standard input and
writes `frames` on its standard output.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from itertools import cycle
from pathlib import Path
from typing import Any, BinaryIO

from customers.files.frames import END, HEADER, PROBLEM, TURN
from customers.files.schema import BLOCK_BYTES, Bomb, DamagedFile, FileProblem, TooSlow
from customers.files.wording import gettext_noop

SAMPLE_MEMORY = 512 * 1024**2
ROWS_MEMORY = 3 * 1024**3
# Longest time between two frames.
SAMPLE_SECONDS, ROWS_SECONDS = 20, 300

_ROOT = Path(__file__).resolve().parents[2]
# The child needs nothing of what else a server's environment holds.
_ENVIRONMENT = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "HOME", "TMPDIR", "TEMP", "SYSTEMROOT", "LANG")
# Threads would take address space that counts against the limit.
_FRUGAL = {"POLARS_MAX_THREADS": "1", "MALLOC_ARENA_MAX": "1"}


def ask(file: BinaryIO, job: Mapping[str, Any], *, memory: int, seconds: int) -> Generator[tuple[bytes, bytes]]:
    """The frames, as (kind, content), with which a child answers `job`: see `peeking`.

    Raises Bomb, TooSlow or DamagedFile when it does not come to an end, or the problem that it found.
    """
    with _asked(file, job, memory, seconds) as answers:
        yield from answers


def ask_in_turns(
    file: BinaryIO, jobs: Sequence[Mapping[str, Any]], *, memory: int, seconds: int
) -> Generator[tuple[bytes, bytes]]:
    """The frames of several children that read one file at once, a turn of each after the other; they share `memory`.

    Raises as `ask`.
    """
    with ExitStack() as stack:
        asked = [stack.enter_context(_asked(file, job, memory // len(jobs), seconds)) for job in jobs]
        for answers in cycle(asked):
            for kind, content in answers:
                if kind == TURN:
                    break
                yield kind, content
            else:
                # Nothing was left for this one, and so is nothing for those whose turn comes later.
                break
        for answers in asked:
            yield from answers


@contextmanager
def _asked(
    file: BinaryIO, job: Mapping[str, Any], memory: int, seconds: int
) -> Iterator[Iterator[tuple[bytes, bytes]]]:
    """A child at work, and what it answers."""
    with tempfile.TemporaryFile() as copy:
        file.seek(0)
        shutil.copyfileobj(file, copy, BLOCK_BYTES)
        copy.seek(0)
        arguments = {**job, "memory": memory, "seconds": seconds}
        child = subprocess.Popen(
            [sys.executable, "-m", "customers.files.peeking", json.dumps(arguments)],
            stdin=copy,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=_ROOT,
            env={**{name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}, **_FRUGAL},
        )
        try:
            yield _frames(child, memory, seconds)
        finally:
            child.kill()
            child.communicate()


def _frames(child: "subprocess.Popen[bytes]", memory: int, seconds: int) -> Iterator[tuple[bytes, bytes]]:
    assert child.stdout is not None  # noqa: S101  # it was asked for
    while True:
        header = child.stdout.read(HEADER.size)
        kind, length = HEADER.unpack(header) if len(header) == HEADER.size else (b"", 0)
        content = child.stdout.read(length)
        if not kind or len(content) < length:
            raise _why(child.wait(), memory, seconds)
        if kind == END:
            return
        if kind == PROBLEM:
            raise _told(json.loads(content))
        yield kind, content


def _why(code: int, memory: int, seconds: int) -> FileProblem:
    """What the end of a child that said nothing means."""
    if code == -signal.SIGALRM:
        return TooSlow(seconds=seconds)
    if code < 0:
        return Bomb(
            found=gettext_noop("reading it took more than {megabytes} MB of memory").format(megabytes=memory // 1024**2)
        )
    return DamagedFile(found=gettext_noop("its reader gave up"))


def _told(problem: Mapping[str, Any]) -> FileProblem:
    kind = next((kind for kind in FileProblem.__subclasses__() if kind.code == problem["code"]), DamagedFile)
    return kind(**problem["facts"])
