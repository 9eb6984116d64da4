"""What was measured, kept as JSON: with the machine, the versions and the date, the last three times of each."""

import json
import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

from benchmarks.measuring import Measured

ROOT = Path(__file__).resolve().parent.parent
# Not in the repository: whoever measures has figures of a machine of their own. The page takes them from here.
RECORDS = ROOT / "var" / "bench"
# A budget is met when it is met each of so many times.
TIMES_KEPT = 3
PACKAGES = (
    "django",
    "psycopg",
    "polars",
    "numpy",
    "scikit-learn",
    "orjson",
    "djangorestframework",
    "django-postgres-copy",
)


def record(name: str, measured: Measured, customers: int, rounds: int) -> Path:
    """Add one measurement to its file in RECORDS; older ones than the last three of this size go. Returns the file."""
    RECORDS.mkdir(parents=True, exist_ok=True)
    path = RECORDS / f"{name}.json"
    before = json.loads(path.read_text()) if path.exists() else []
    now = {
        "name": name,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _commit(),
        "customers": customers,
        "rounds": rounds,
        "machine": machine(),
        "versions": versions(),
        **measured.as_json(),
    }
    same = [one for one in before if one["customers"] == customers]
    others = [one for one in before if one["customers"] != customers]
    path.write_text(json.dumps([*others, *same[1 - TIMES_KEPT :], now], indent=1) + "\n")
    return path


def machine() -> dict[str, Any]:
    """What it is measured on."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 1024**3),
        "system": f"{platform.system()} {platform.release()}",
    }


def versions() -> dict[str, str]:
    """What is measured: PostgreSQL, Python and the libraries that the time is spent in."""
    from segmentation_site.embedded import postgres

    server = subprocess.run([postgres.binaries() / "postgres", "--version"], check=True, capture_output=True, text=True)
    return {
        "PostgreSQL": server.stdout.split()[-1],
        "Python": platform.python_version(),
        **{name: version(name) for name in PACKAGES},
    }


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _commit() -> str:
    command = ["git", "rev-parse", "--short", "HEAD"]
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    return done.stdout.strip()
