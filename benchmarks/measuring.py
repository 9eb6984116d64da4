"""Measuring contestants in turns, so that what disturbs one disturbs all, and judging by medians."""

import gc
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


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
class Limit:
    """A figure that needs no other beside it, and the most that the budget allows; `unit` as in "120 MB"."""

    what: str
    value: float
    most: float
    unit: str

    @property
    def is_kept(self) -> bool:
        return self.value <= self.most

    def __str__(self) -> str:
        word = "within" if self.is_kept else "OVER"
        return f"{self.what}: {self.value:,.4g} {self.unit} ({word} the budget of {self.most:,.4g} {self.unit})"


@dataclass(frozen=True, slots=True)
class Table:
    """Figures that are read across: a heading and cells that are text already."""

    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def __str__(self) -> str:
        widths = [max(map(len, column)) for column in zip(self.headings, *self.rows, strict=True)]
        lines = [
            "  ".join(
                cell.rjust(width) if place else cell.ljust(width)
                for place, (cell, width) in enumerate(zip(row, widths, strict=True))
            )
            for row in (self.headings, *self.rows)
        ]
        return "\n".join(f"  {line}" for line in lines)


@dataclass(frozen=True, slots=True)
class Measured:
    """Seconds of each round by contestant, and what is claimed of them."""

    title: str
    seconds: Mapping[str, list[float]]
    claims: tuple[Claim, ...]
    notes: tuple[str, ...] = field(default_factory=tuple)
    limits: tuple[Limit, ...] = field(default_factory=tuple)
    table: Table | None = None

    def median(self, name: str) -> float:
        return statistics.median(self.seconds[name])

    def ratio(self, claim: Claim) -> float:
        return self.median(claim.ours) / self.median(claim.other)

    @property
    def over(self) -> int:
        """How many budgets are exceeded."""
        return sum(self.ratio(claim) > claim.budget for claim in self.claims) + sum(
            not limit.is_kept for limit in self.limits
        )

    def as_json(self) -> dict[str, Any]:
        """All of it, with what follows from it, as JSON has it."""
        return {
            "title": self.title,
            "seconds": dict(self.seconds),
            "claims": [asdict(claim) | {"ratio": self.ratio(claim)} for claim in self.claims],
            "limits": [asdict(limit) for limit in self.limits],
            "notes": list(self.notes),
            "table": asdict(self.table) if self.table else None,
        }

    def __str__(self) -> str:
        lines = [f"{self.title}"]
        for name, seconds in self.seconds.items():
            spread = f"{min(seconds):.3f} to {max(seconds):.3f}"
            lines.append(f"  {name:<44} {self.median(name):>9.3f} s   ({spread}, {len(seconds)} rounds)")
        for claim in self.claims:
            ratio = self.ratio(claim)
            word = "within" if ratio <= claim.budget else "OVER"
            lines.append(f"  {claim.ours} / {claim.other}: {ratio:.3g} ({word} the budget of {claim.budget:.3g})")
        lines += [f"  {limit}" for limit in self.limits]
        if self.table:
            lines.append(str(self.table))
        return "\n".join([*lines, *(f"  {note}" for note in self.notes)])


def interleaved(
    contestants: Mapping[str, Contestant], rounds: int, *, warm_up: bool = True, both_ways: bool = False
) -> dict[str, list[float]]:
    """Seconds of each contestant in each of `rounds`, in turns; a first round warms up and is dropped.

    With `both_ways` every second round goes backwards, so that none always follows the same one: for those that take
    so little time that it matters what the caches of the processor hold.
    """
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    order = list(contestants)
    for number in range(0 if warm_up else 1, rounds + 1):
        for name in reversed(order) if both_ways and number % 2 else order:
            contestant = contestants[name]
            contestant.before()
            gc.collect()
            started = time.perf_counter()
            contestant.work()
            if number:
                seconds[name].append(time.perf_counter() - started)
    return seconds
