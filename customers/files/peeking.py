"""The child process that opens workbooks and Parquet files; `children` starts it and says what it writes.

The job is its only argument, as JSON:

format   "xlsx" or "parquet"                      memory, seconds   limits of the child itself
rows     how many of the first rows, null for all  sheet            of a workbook, null for the first with rows
first    line where the rows begin                width            how many columns the rows have
decimal  how numbers are written as text
turn     of a workbook: the first part of the sheet that it reads, from 0; each `sharers` parts later comes the next

The answer to a job with `rows` is one frame with the first rows.
"""

import ctypes
import gc
import json
import os
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, BinaryIO

from customers.files.frames import END, HEADER, JSON, PROBLEM
from customers.files.plaintext import HEAD_BYTES
from customers.files.schema import Bomb, DamagedFile, FileProblem
from customers.files.wording import gettext_noop

# Whoever reads the answers gets no more than this at once.
MOST_AT_ONCE = 96 * 1024**2


def main() -> None:
    """Answer the job in the only argument."""
    job = json.loads(sys.argv[1])
    _limit(job["memory"])
    # Looking for rows that refer to each other in a circle, which none does, took a tenth of the time.
    gc.disable()
    try:
        for kind, content in _answers(job, sys.stdin.buffer):
            _send(kind, content, job["seconds"])
        _send(END, b"", 0)
    except FileProblem as problem:
        _refuse(problem)
    except BrokenPipeError:
        os._exit(0)
    except BaseException as error:  # what a reader of another language throws is no Exception, either
        if _is_out_of_memory(error):
            _refuse(
                Bomb(
                    found=gettext_noop("reading it took more than {megabytes} MB of memory").format(
                        megabytes=job["memory"] // 1024**2
                    )
                )
            )
        _refuse(DamagedFile(found=" ".join(str(error).split()).rstrip(".")[:200] or type(error).__name__))


def _is_out_of_memory(error: BaseException | None) -> bool:
    """Whether it was that, or cleaning up after that."""
    return error is not None and (isinstance(error, MemoryError) or _is_out_of_memory(error.__context__))


def _answers(job: Mapping[str, Any], file: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    signal.alarm(job["seconds"])
    if job["format"] == "xlsx":
        from customers.files import workbooks as reader
    else:
        from customers.files import columnar as reader  # type: ignore[no-redef]
    if job["rows"] is None:
        yield from reader.rows(file, job)
    else:
        found = reader.first_rows(file, job)
        yield JSON, json.dumps({**found, "rows": _few(found["rows"])}).encode()


def _few(rows: Sequence[Sequence[str]]) -> Sequence[Sequence[str]]:
    """As many of the first rows as a sample takes of a text, but two: the first may be a header."""
    taken = 0
    for count, row in enumerate(rows):
        taken += sum(map(len, row))
        if taken > HEAD_BYTES and count >= 2:
            return rows[:count]
    return rows


def _send(kind: bytes, content: bytes, seconds: int) -> None:
    """Write one frame; the clock stands still while whoever reads it takes its time."""
    signal.alarm(0)
    if len(content) > MOST_AT_ONCE:
        raise Bomb(
            found=gettext_noop("a few thousand of its rows take {megabytes} MB").format(
                megabytes=len(content) // 1024**2
            )
        )
    sys.stdout.buffer.write(HEADER.pack(kind, len(content)))
    sys.stdout.buffer.write(content)
    sys.stdout.buffer.flush()
    signal.alarm(seconds)


def _refuse(problem: FileProblem) -> None:
    said = {"code": problem.code, "facts": {name: str(fact) for name, fact in problem.facts.items()}}
    _send(PROBLEM, json.dumps(said).encode(), 0)
    # Without the clean-up that may fail once more.
    os._exit(0)


def _limit(memory: int) -> None:
    """No more memory than this, and no longer a life than the parent's; where the system can."""
    if sys.platform == "linux":
        import resource

        for what, most in ((resource.RLIMIT_DATA, memory), (resource.RLIMIT_CORE, 0)):
            resource.setrlimit(what, (most, most))
        set_parent_death_signal = 1
        ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL)


if __name__ == "__main__":
    main()
