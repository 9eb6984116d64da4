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
import struct
import sys
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, BinaryIO, NoReturn, TypeVar

from segmentation_site.jobs.parents import die_with_parent

T = TypeVar("T")

# How often somebody is asked whether all this is still wanted.
CHECK_SECONDS = 0.2
CHUNK = 64 * 1024
_POSITION = struct.Struct("<I")
# All positions wait in one pipe, which must hold them.
MOST_ITEMS = 4096 // _POSITION.size


# What came of an item whose copy died.
_NOTHING = object()


@dataclass(slots=True)
class _Copy:
    """`told` is what came of the line that it is writing; it works on the item at `position`."""

    process: int
    pipe: int
    told: bytearray = field(default_factory=bytearray)
    position: int | None = None


def in_copies(
    work: Callable[[T], Any], items: Sequence[T], *, at_once: int, check: Callable[[], None]
) -> Generator[Any]:
    """What the work makes of each item, a value that JSON keeps, in their order; so many are worked on at once.

    A copy that dies or fails costs time and nothing else: its item is worked on here, and what the work raises is
    raised here. `check` may raise to stop. No copy outlives the iterator, or this process.
    """
    if min(at_once, len(items)) == 1 or len(items) > MOST_ITEMS or sys.platform != "linux":
        yield from map(work, items)
        return
    with selectors.DefaultSelector() as copies:
        try:
            waiting = _waiting(len(items))
            for _ in range(min(at_once, len(items))):
                copy = _begun(work, items, waiting)
                copies.register(copy.pipe, selectors.EVENT_READ, copy)
            os.close(waiting)
            done: dict[int, Any] = {}
            for position, item in enumerate(items):
                while position not in done and copies.get_map():
                    check()
                    done.update(_heard(copies))
                value = done.pop(position, _NOTHING)
                yield work(item) if value is _NOTHING else value
        finally:
            for key in list(copies.get_map().values()):
                with suppress(ProcessLookupError):
                    os.kill(key.data.process, signal.SIGKILL)
                _take_leave(key.data)


def _waiting(count: int) -> int:
    """A pipe with the position of each item, of which every copy takes the next: none waits for another."""
    reading, writing = os.pipe()
    # The last as a rule takes longest, and would keep the others waiting at the end.
    os.write(writing, b"".join(map(_POSITION.pack, [count - 1, *range(count - 1)])))
    os.close(writing)
    return reading


def _heard(copies: selectors.BaseSelector) -> Iterator[tuple[int, Any]]:
    """Positions and what came of them, as far as copies have told it since; those that ended are taken leave of."""
    for key, _ in copies.select(CHECK_SECONDS):
        copy: _Copy = key.data
        chunk = os.read(copy.pipe, CHUNK)
        if not chunk:
            copies.unregister(copy.pipe)
            _take_leave(copy)
            if copy.position is not None:
                yield copy.position, _NOTHING
        *lines, rest = (copy.told + chunk).split(b"\n")
        copy.told = rest
        for line in lines:
            copy.position, *value = json.loads(line)
            if copy.position is not None and value:
                yield copy.position, value[0]
                copy.position = None


def _begun(work: Callable[[T], Any], items: Sequence[T], waiting: int) -> _Copy:
    original = os.getpid()
    reading, writing = os.pipe()
    process = os.fork()
    if not process:
        _be_a_copy(work, items, waiting, writing, original)
    os.close(writing)
    return _Copy(process, reading)


def _be_a_copy(work: Callable[[T], Any], items: Sequence[T], waiting: int, pipe: int, original: int) -> NoReturn:
    """Nothing of what ends a process in an orderly way is done here: it is not this copy's to end."""
    try:
        die_with_parent(original)
        # Whoever asks the original to stop does not mean this one, which ends with it.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        with open(pipe, "wb") as telling:
            while taken := os.read(waiting, _POSITION.size):
                (position,) = _POSITION.unpack(taken)
                _tell(telling, [position])
                _tell(telling, [position, work(items[position])])
    finally:
        os._exit(0)


def _tell(telling: BinaryIO, what: list[Any]) -> None:
    telling.write(json.dumps(what).encode() + b"\n")
    telling.flush()


def _take_leave(copy: _Copy) -> None:
    os.close(copy.pipe)
    os.waitpid(copy.process, 0)
