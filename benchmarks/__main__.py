"""`./run bench [NAME …] [--customers N] [--rounds N]`: servers of its own, then one benchmark after the other.

A table of each goes to standard output, the same as JSON to var/bench/; `report`, alone or behind other names, makes
docs/performance.md of that.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from benchmarks.measuring import Measured
from benchmarks.recording import record
from benchmarks.reporting import report
from segmentation_site.embedded.folder import DataFolder
from segmentation_site.embedded.servers import running

# Name → the module that holds it as a function of the same name; imported only when Django is ready.
BENCHMARKS = {
    "import": "imports",
    "import_again": "imports",
    "xlsx": "imports",
    "run_k": "runs",
    "run_auto": "runs",
    "inertia": "inertia",
    "publish": "publishing",
    "score": "publishing",
    "page": "members",
    "stream": "members",
    "feed": "members",
    "dashboard": "dashboard",
    "customer_list": "customer_list",
    "start": "starts",
    "growth": "growth",
    "load": "load",
    "wins": "wins",
}
REPORT = "report"
# Several at once, by the name of what they are about.
GROUPS = {
    "run": ("run_k", "run_auto", "inertia", "publish", "score"),
    "api": ("page", "stream", "feed"),
    "import": ("import", "import_again", "xlsx"),
    "pages": ("dashboard", "customer_list"),
}


def main() -> int:
    """Exit code 1 when a budget is exceeded."""
    parser = argparse.ArgumentParser(prog="./run bench", description=__doc__)
    known = ", ".join(dict.fromkeys([*BENCHMARKS, *GROUPS]))
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"any of {known}; all without; or `report`, `chaos`, `mixed`, `spark`"
    )
    parser.add_argument("--customers", type=int, default=1_000_000, help="default 1,000,000")
    parser.add_argument("--largest", type=int, default=1_000_000, help="of `growth`; default 1,000,000")
    parser.add_argument("--rounds", type=int, default=5, help="default 5")
    parser.add_argument("--times", type=int, default=1, help="everything so many times; default once")
    parser.add_argument("--minutes", type=float, default=20, help="of `chaos`; default 20")
    parser.add_argument("--seed", type=int, help="of `chaos`; by chance without")
    asked = parser.parse_args()
    if asked.names == [REPORT]:
        return report()
    if asked.names == ["chaos"]:
        return _storm(asked.minutes, asked.seed)
    if asked.names == ["mixed"]:
        return _mixed(asked.customers, asked.seed or 1)
    if asked.names == ["spark"]:
        from benchmarks.spark import compare

        return compare(asked.customers)
    names = _ungrouped([name for name in asked.names if name != REPORT])
    if unknown := set(names) - set(BENCHMARKS):
        parser.error(f"there is no benchmark {', '.join(sorted(unknown))}; there are {known}")
    with tempfile.TemporaryDirectory(prefix="seg-bench-") as scratch:
        os.environ |= {"DATA_DIR": scratch, "DJANGO_SETTINGS_MODULE": "segmentation_site.settings"}
        folder = DataFolder(Path(scratch))
        with running(folder, postgres="DATABASE_URL" not in os.environ, valkey="REDIS_URL" not in os.environ):
            over = _measure((names or list(BENCHMARKS)) * asked.times, asked)
    return over | report() if REPORT in asked.names else over


def _ungrouped(names: list[str]) -> list[str]:
    """Each benchmark once, in the place of the groups that name it; of a group those that there are."""
    each = [one for name in names for one in GROUPS.get(name, (name,)) if one in BENCHMARKS or name not in GROUPS]
    return list(dict.fromkeys(each))


def _storm(minutes: float, seed: int | None) -> int:
    """On servers and processes of its own: nothing of this process may be harmed."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "segmentation_site.settings"
    with tempfile.TemporaryDirectory(prefix="seg-bench-") as scratch:
        os.environ["DATA_DIR"] = scratch
        import django

        django.setup()
        from benchmarks.chaos import storm

        return storm(minutes, seed)


def _mixed(customers: int, seed: int) -> int:
    os.environ["DJANGO_SETTINGS_MODULE"] = "segmentation_site.settings"
    with tempfile.TemporaryDirectory(prefix="seg-bench-") as scratch:
        os.environ["DATA_DIR"] = scratch
        import django

        django.setup()
        from benchmarks.mixed import mixed

        return mixed(customers, seed)


def _measure(names: list[str], asked: argparse.Namespace) -> int:
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)
    over = 0
    for name in names:
        benchmark: Callable[[int, int], Measured] = getattr(
            import_module(f"benchmarks.{BENCHMARKS[name]}"), f"measure_{name}"
        )
        customers = asked.largest if name == "growth" else asked.customers
        measured = benchmark(customers, asked.rounds)
        path = record(name, measured, customers, asked.rounds)
        print(f"\n{name}: {measured}\n  as JSON: {path}", flush=True)
        over += measured.over
    return min(over, 1)


if __name__ == "__main__":
    sys.exit(main())
