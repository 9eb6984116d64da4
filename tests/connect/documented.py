"""The programs of docs/connect, run as whoever copies them would run them."""

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT

# No program of these asks its maker for anything.
QUIET = {"RUNTIME__DLTHUB_TELEMETRY": "false", "RUNTIME__LOG_LEVEL": "ERROR", "DO_NOT_TRACK": "1"}


def program(page: str, language: str, number: int = 0) -> str:
    """A block of code of a page of docs/connect."""
    text = (ROOT / "docs" / "connect" / page).read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)[number]


def run(folder: Path, command: list[str], **environment: str) -> str:
    """What the command prints, in a folder of its own. It must end well."""
    done = subprocess.run(
        command,
        cwd=folder,
        env=os.environ | QUIET | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def run_python(folder: Path, source: str, **environment: str) -> str:
    """What a Python program prints."""
    script = folder / "program.py"
    script.write_text(source, encoding="utf-8")
    return run(folder, [sys.executable, str(script)], **environment)
