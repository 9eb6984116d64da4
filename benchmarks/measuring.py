"""Measuring contestants in turns, so that what disturbs one disturbs all, and judging by medians."""

import gc
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Contestant:
    """What is measured, and what makes its starting state, which is not measured."""

    work: Callable[[], object]
    before: Callable[[], object] = lambda: None


@dataclass(frozen=True, slots=True)
class Claim:
    """A ratio of two contestants' medians, and the largest that the budget allows."""

    ours: str
    other: str
    budget: float


@dataclass(frozen=True, slots=True)
class Measured:
    """Seconds of each round by contestant, and what is claimed of them."""

    title: str
    seconds: Mapping[str, list[float]]
    claims: tuple[Claim, ...]
    notes: tuple[str, ...] = field(default_factory=tuple)

    def median(self, name: str) -> float:
        return statistics.median(self.seconds[name])

    def ratio(self, claim: Claim) -> float:
        return self.median(claim.ours) / self.median(claim.other)

    def __str__(self) -> str:
        lines = [f"{self.title}"]
        for name, seconds in self.seconds.items():
            spread = f"{min(seconds):.3f} to {max(seconds):.3f}"
            lines.append(f"  {name:<44} {self.median(name):>9.3f} s   ({spread}, {len(seconds)} rounds)")
        for claim in self.claims:
            ratio = self.ratio(claim)
            word = "within" if ratio <= claim.budget else "OVER"
            lines.append(f"  {claim.ours} / {claim.other}: {ratio:.3g} ({word} the budget of {claim.budget:.3g})")
        return "\n".join([*lines, *(f"  {note}" for note in self.notes)])


def interleaved(contestants: Mapping[str, Contestant], rounds: int, *, warm_up: bool = True) -> dict[str, list[float]]:
    """Seconds of each contestant in each of `rounds`, in turns; a first round warms up and is dropped."""
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for number in range(0 if warm_up else 1, rounds + 1):
        for name, contestant in contestants.items():
            contestant.before()
            gc.collect()
            started = time.perf_counter()
            contestant.work()
            if number:
                seconds[name].append(time.perf_counter() - started)
    return seconds
