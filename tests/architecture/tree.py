"""The project's own files, as the architecture tests look at them."""

import ast
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
APPS = ("segmentation_site", "customers", "segments")
PYTHON_FOLDERS = (*APPS, "tests", "benchmarks", "docs")


@cache
def files() -> tuple[Path, ...]:
    """Every file that belongs to the project: known to git, or new and not ignored by it."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=True,
        text=True,
    ).stdout
    return tuple(path for name in listed.split("\0") if name and (path := ROOT / name).is_file())


@cache
def text_of(path: Path) -> str:
    """What the file says; empty when it is no text."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""


def python_files(*folders: str) -> Iterator[tuple[Path, ast.Module]]:
    """The Python files in these folders (all when none is named), parsed."""
    for path in files():
        inside = path.relative_to(ROOT).parts
        if path.suffix == ".py" and (not folders or inside[0] in folders):
            yield path, ast.parse(text_of(path), filename=str(path))


def named(path: Path) -> str:
    """How a message names a file."""
    return str(path.relative_to(ROOT))
