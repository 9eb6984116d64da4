"""Where everybody is passed over: on this machine (`local`), or on many (`spark`).

The contract: starting centres are ours and are given, so that every engine goes the same way from them; a seed means
nothing to an engine. What comes back is the same `Fit`, in the same order of groups, whoever found it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from segments.kmeans.shapes import Fit, FloatMatrix, IntVector, Outline

MAX_ITERATIONS = 300
# Of the mean variance of the features: when all centres together moved by less, squared, they rest.
TOLERANCE = 1e-4
# Sums in another order differ in the last bits, and ties then fall otherwise: one thread, one result.
THREADS = 1

Check = Callable[[], None]


def no_check() -> None:
    """For who cannot be stopped."""
    return


@dataclass(frozen=True, slots=True)
class Ended:
    """Where the passes from one start ended: centres (k, c), the inertia of everybody there, how many passes."""

    centres: FloatMatrix
    inertia: float
    iterations: int


class Engine(Protocol):
    """Passes over everybody of one `Prepared`."""

    @property
    def name(self) -> str:
        """As the model's JSON calls it."""

    @property
    def at_once(self) -> int:
        """How many numbers of groups it may be asked about at once, in copies of this process."""

    @property
    def versions(self) -> dict[str, str]:
        """Library → version, of what it needs beyond what every run does."""

    def make_ready(self) -> None:
        """Make what all passes need, before copies of this process are made."""

    def ended(self, starts: Sequence[FloatMatrix], check: Check = no_check) -> list[Ended]:
        """Lloyd's passes from each of these centres (k, c) until they rest; `check` may raise between passes."""

    def outline(self, centres: FloatMatrix, *, iterations: int, restarts: int) -> Outline:
        """What `partition` would come to, in the stable order."""

    def partition(self, centres: FloatMatrix, *, iterations: int, restarts: int) -> Fit:
        """Everybody to the nearest of these centres, groups in the stable order."""


def stable_order(centres: FloatMatrix, sizes: IntVector) -> IntVector:
    """(k,) the largest group first, then by centroid: numbers that no engine and no chance decides."""
    order: IntVector = np.lexsort((*centres.T[::-1], -sizes))
    return order
