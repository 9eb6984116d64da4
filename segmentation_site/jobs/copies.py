"""Work on every core in copies of this process: for steps of numpy that are too short for threads.

Threads that call numpy for some ten microseconds at a time mostly wait for each other: trying k from 2 to 10 among a
million customers took two of them as long as one, and two copies 60 % of that. A copy is a fork: it begins within
milliseconds and has in memory whatever this process has, but must leave alone what both have hold of: connections,
logs, files.
"""

import json
import os
import selectors
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, NoReturn, TypeVar

from segmentation_site.jobs.parents import die_with_parent

T = TypeVar("T")

# How often somebody is asked whether all this is still wanted.
CHECK_SECONDS = 0.2
CHUNK = 64 * 1024


@dataclass(slots=True)
class _Copy:
    position: int
    process: int
    pipe: int
    told: bytearray = field(default_factory=bytearray)


def in_copies(
    work: Callable[[T], Any], items: Sequence[T], *, at_once: int, check: Callable[[], None]
) -> Iterator[Any]:
    """What the work makes of each item, a value that JSON keeps, in their order; so many are worked on at once.

    A copy that dies or fails costs time and nothing else: its item is worked on here, and what the work raises is
    raised here. `check` may raise to stop. No copy outlives the iterator, or this process.
    """
    if at_once == 1 or sys.platform != "linux":
        yield from map(work, items)
        return
    with selectors.DefaultSelector() as pipes:
        try:
            yield from _collected(work, items, at_once, check, pipes)
        finally:
            for key in list(pipes.get_map().values()):
                with suppress(ProcessLookupError):
                    os.kill(key.data.process, signal.SIGKILL)
                _ended(key.data)


def _collected(
    work: Callable[[T], Any],
    items: Sequence[T],
    at_once: int,
    check: Callable[[], None],
    pipes: selectors.BaseSelector,
) -> Iterator[Any]:
    # The last as a rule takes longest: nobody waits for it alone.
    waiting = iter(sorted(range(len(items)), key=lambda position: position != len(items) - 1))
    done: dict[int, Any] = {}
    for position in range(len(items)):
        while position not in done:
            check()
            while len(pipes.get_map()) < at_once and (begun := next(waiting, None)) is not None:
                copy = _begun(work, items[begun], begun)
                pipes.register(copy.pipe, selectors.EVENT_READ, copy)
            for key, _ in pipes.select(CHECK_SECONDS):
                if chunk := os.read(key.fd, CHUNK):
                    key.data.told += chunk
                    continue
                pipes.unregister(key.fd)
                is_well = _ended(key.data)
                at = key.data.position
                done[at] = json.loads(key.data.told) if is_well else work(items[at])
        yield done.pop(position)


def _begun(work: Callable[[T], Any], item: T, position: int) -> _Copy:
    original = os.getpid()
    reading, writing = os.pipe()
    process = os.fork()
    if not process:
        _be_the_copy(work, item, writing, original)
    os.close(writing)
    return _Copy(position, process, reading)


def _be_the_copy(work: Callable[[T], Any], item: T, pipe: int, original: int) -> NoReturn:
    """Nothing of what ends a process in an orderly way is done here: it is not this copy's to end."""
    try:
        die_with_parent(original)
        # Whoever asks the original to stop does not mean this one, which ends with it.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        told = json.dumps(work(item)).encode()
        with open(pipe, "wb") as writing:
            writing.write(told)
        os._exit(0)
    finally:
        os._exit(1)


def _ended(copy: _Copy) -> bool:
    """Take leave of a copy that ends; whether it told everything."""
    os.close(copy.pipe)
    _, status = os.waitpid(copy.process, 0)
    return status == 0
