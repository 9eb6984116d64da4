"""`./run bench report`: docs/performance.md, written from what was measured."""

import json
import statistics
from collections.abc import Iterator
from typing import Any

from benchmarks.recording import RECORDS, ROOT, TIMES_KEPT

PAGE = ROOT / "docs" / "performance.md"
# What the page was written from, so that it can be written again on another machine line by line.
FIGURES = ROOT / "docs" / "performance.json"
# The size that budgets are meant for.
CUSTOMERS = 1_000_000
# In the order of a customer's way through the site.
ORDER = (
    *("import", "import_again", "xlsx", "run_k", "run_auto", "publish", "score", "page", "stream", "feed"),
    *("dashboard", "customer_list", "growth", "start", "load", "wins"),
)

Record = dict[str, Any]

BEGINNING = """# Performance

Written by `./run bench report` from what `./run bench --times 3` measured; nothing here is typed by hand. Every
budget is a ratio in one run, of medians of rounds taken in turns: beside a **floor**, the least that the database or
the library must do for the same, or beside a **peer**, what people use instead. Seconds are those of one machine and
only say where to look; ratios hold elsewhere. Each line was measured up to three times, and is met when it was met
each time.

How it became so, with profiles, is in the [decisions](decisions/README.md); beyond one machine: [scaling](scaling.md).
"""


def report() -> int:
    """Write the page from the newest figures of each benchmark; exit code 1 when there are none."""
    figures: dict[str, list[Record]] = json.loads(FIGURES.read_text()) if FIGURES.exists() else {}
    for path in sorted(RECORDS.glob("*.json")):
        figures[path.stem] = _merged(figures.get(path.stem, []), json.loads(path.read_text()))
    if not figures:
        print("Nothing has been measured yet: ./run bench")
        return 1
    FIGURES.write_text(json.dumps(figures, indent=1) + "\n")
    known = [name for name in ORDER if name in figures]
    names = [*known, *sorted(set(figures) - set(known))]
    PAGE.write_text("\n".join(_page({name: figures[name] for name in names})))
    print(f"{PAGE} is written, from {FIGURES}.")
    return 0


def _merged(old: list[Record], new: list[Record]) -> list[Record]:
    """The last three of each size."""
    each = {one["at"]: one for one in [*old, *new]}
    by_size: dict[int, list[Record]] = {}
    for at in sorted(each):
        by_size.setdefault(each[at]["customers"], []).append(each[at])
    return [one for size in sorted(by_size) for one in by_size[size][-TIMES_KEPT:]]


def _page(figures: dict[str, list[Record]]) -> Iterator[str]:
    chosen = {name: _of_budget_size(records) for name, records in figures.items()}
    yield BEGINNING
    yield from _circumstances([record for records in chosen.values() for record in records])
    yield "\n## Budgets\n"
    yield "| | what | measured | budget | |\n| --- | --- | ---: | ---: | --- |"
    for name, records in chosen.items():
        yield from _budgets(name, records)
    for name, records in chosen.items():
        yield from _detail(name, records[-1])
    for record in figures.get("growth", []):
        if record["customers"] > CUSTOMERS and record not in chosen["growth"]:
            yield from _detail("growth", record)
    yield ""


def _of_budget_size(records: list[Record]) -> list[Record]:
    """Those of the size that budgets are meant for; of the largest there is when nobody measured it."""
    size = CUSTOMERS if any(one["customers"] == CUSTOMERS for one in records) else records[-1]["customers"]
    return [one for one in records if one["customers"] == size]


def _circumstances(records: list[Record]) -> Iterator[str]:
    newest = max(records, key=lambda record: record["at"])
    machine = newest["machine"]
    days = sorted({record["at"][:10] for record in records})
    yield f"- **Machine**: {machine['cores']} cores ({machine['processor']}), {machine['memory_gb']} GB of memory"
    yield f"- **System**: {machine['system']}"
    yield f"- **Versions**: {', '.join(f'{name} {number}' for name, number in newest['versions'].items())}"
    yield f"- **Measured**: {days[0] if len(days) == 1 else f'{days[0]} to {days[-1]}'}"


def _budgets(name: str, records: list[Record]) -> Iterator[str]:
    last = records[-1]
    for place, claim in enumerate(last["claims"]):
        same = [_same(record["claims"], place, claim, ("ours", "other")) for record in records]
        ratios = [one["ratio"] for one in same if one]
        yield _line(name, f"{claim['ours']} / {claim['other']}", ratios, claim["budget"], "")
    for place, limit in enumerate(last["limits"]):
        same = [_same(record["limits"], place, limit, ("what",)) for record in records]
        values = [one["value"] for one in same if one]
        yield _line(name, limit["what"], values, limit["most"], f" {limit['unit']}".rstrip())


def _same(those: list[Record], place: int, one: Record, keys: tuple[str, ...]) -> Record | None:
    """The same line of another time, if it was already measured then."""
    found = those[place] if place < len(those) else None
    return found if found and all(found[key] == one[key] for key in keys) else None


def _line(name: str, what: str, values: list[float], most: float, unit: str) -> str:
    told = ", ".join(f"{value:.3g}" if value < 1000 else f"{value:,.0f}" for value in values)
    over = sum(value > most for value in values)
    verdict = "within" if not over else "**over**" if over == len(values) else f"**over** {over} of {len(values)} times"
    return f"| {name} | {what} | {told}{unit} | ≤ {most:,.4g}{unit} | {verdict} |"


def _detail(name: str, record: Record) -> Iterator[str]:
    yield f"\n## {name}\n"
    title = record["title"][:1].upper() + record["title"][1:]
    yield f"{title}. {record['at'][:16].replace('T', ' ')} UTC, at {record['commit']}.\n"
    if record["seconds"]:
        yield "| | median | spread | rounds |\n| --- | ---: | ---: | ---: |"
        for what, seconds in record["seconds"].items():
            spread = f"{min(seconds):.3f} to {max(seconds):.3f}"
            yield f"| {what} | {statistics.median(seconds):.3f} s | {spread} | {len(seconds)} |"
        yield ""
    if table := record["table"]:
        yield f"| {' | '.join(table['headings'])} |"
        yield f"| --- |{' ---: |' * (len(table['headings']) - 1)}"
        for row in table["rows"]:
            yield f"| {' | '.join(row)} |"
        yield ""
    for note in record["notes"]:
        yield f"- {note}"
