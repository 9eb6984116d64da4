"""Several things at once on the cores of this machine: for work that numpy does without Python."""

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

S = TypeVar("S")
T = TypeVar("T")

# Each takes memory of its own.
MOST = 4


def at_once() -> int:
    """How many: one for each core."""
    return min(os.cpu_count() or 1, MOST)


def abreast(work: Callable[[S], T], items: Iterable[S]) -> list[T]:
    """What the work makes of each, in their order. Raises what the first of them raised."""
    with ThreadPoolExecutor(at_once()) as threads:
        return list(threads.map(work, items))
