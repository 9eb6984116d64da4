"""What may stand in the tree, and where."""

import ast
import re
from pathlib import Path

from tests.architecture.tree import ROOT, files, named, python_files, text_of

LONGEST = 400
# A style sheet is a list of rules that know nothing of each other, so its length is no burden.
CODE = {".py", ".html", ".js", ".sh"}
# A longer file was asked whether it is two; the answer stands beside its name.
STAYS_ONE_FILE: dict[str, str] = {}

PICKLING = {"pickle", "cPickle", "_pickle", "shelve", "marshal", "dill", "joblib", "cloudpickle"}
PICKLED = {".pkl", ".pickle", ".joblib"}

# A home folder, a registry of packages: both are true on one machine only.
MACHINE = re.compile(r"(?<![\w.])(/root/|/home/\w+/|/Users/\w+/)|--(extra-)?index-url|https?://[^\s\"']+/simple\b")


def test_no_file_of_code_is_longer_than_a_reader_can_hold() -> None:
    long = {
        named(path): lines
        for path in files()
        if path.suffix in CODE and (lines := len(text_of(path).splitlines())) > LONGEST
    }
    assert set(long) <= set(STAYS_ONE_FILE), f"longer than {LONGEST} lines: is it two? {long}"


def test_nothing_is_pickled_anywhere() -> None:
    def pickles(tree: ast.AST) -> bool:
        for node in ast.walk(tree):
            if isinstance(node, ast.Import) and {name.name.split(".")[0] for name in node.names} & PICKLING:
                return True
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in PICKLING:
                return True
            if isinstance(node, ast.Attribute) and node.attr in {"to_pickle", "read_pickle"}:
                return True
            if isinstance(node, ast.keyword) and node.arg == "allow_pickle":
                return True
        return False

    assert not [named(path) for path, tree in python_files() if pickles(tree)]
    assert not [named(path) for path in files() if path.suffix in PICKLED]


def test_jobs_travel_as_json_only(settings: object) -> None:
    assert settings.CELERY_ACCEPT_CONTENT == ["json"]  # type: ignore[attr-defined]
    assert settings.CELERY_TASK_SERIALIZER == "json"  # type: ignore[attr-defined]


def test_no_file_knows_the_machine_it_was_written_on() -> None:
    here = {f"{ROOT}/", f"{Path.home()}/"} - {"//"}
    found = [
        f"{named(path)}:{number}"
        for path in files()
        if path != Path(__file__)
        for number, line in enumerate(text_of(path).splitlines(), 1)
        if MACHINE.search(line) or any(place in line for place in here)
    ]
    assert not found


def test_every_test_folder_is_a_package_so_that_two_may_have_files_of_one_name() -> None:
    folders = {path.parent for path in files() if path.is_relative_to(ROOT / "tests") and path.suffix == ".py"}
    assert not [named(folder) for folder in folders if not (folder / "__init__.py").exists()]
