"""What is there is in the docs, and what is in the docs is there."""

import ast
import re
from pathlib import Path

import pytest
from django.core.management import get_commands
from rest_framework.views import APIView

from segmentation_site.access.scopes import Scope
from tests.architecture.addresses import Address, endpoints
from tests.architecture.tree import APPS, ROOT, files, named, python_files, text_of

SETTINGS = ROOT / "docs" / "operator" / "settings.md"
COMMANDS = ROOT / "docs" / "operator" / "commands.md"
API = ROOT / "docs" / "api.md"
DECISIONS = ROOT / "docs" / "decisions"

# Of others: read by Django, by Python or by the shell.
NOT_OURS = {"DJANGO_SETTINGS_MODULE", "PATH", "HOME", "PYTHONPATH", "LANG", "LC_ALL"}

_ROW = re.compile(r"^\| `([A-Z][A-Z_]+)` \|", re.MULTILINE)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def variables_read() -> set[str]:
    """Every environment variable that settings read."""
    found: set[str] = set()
    for path, tree in python_files("segmentation_site"):
        for node in ast.walk(tree):
            if (
                path.name == "settings.py"
                and isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and isinstance(node.func.value, ast.Name)
                and node.func.value.id == "env"
                and node.args
                and isinstance(node.args[0], ast.Constant)
            ):
                found.add(str(node.args[0].value))
    return found - NOT_OURS


def documented(address: Address) -> str:
    """How the docs spell an endpoint: `/runs/{id}`."""
    path = address.route.removeprefix("api/v1")
    return re.sub(r"<(?:\w+:)?(\w+)>", lambda found: "{" + SPELLED.get(found[1], found[1]) + "}", path)


SPELLED = {"public_id": "id", "import_id": "id", "run_id": "id", "segment_id": "id", "pk": "id"}


def test_every_setting_is_in_the_docs_and_every_documented_one_is_read() -> None:
    assert set(_ROW.findall(text_of(SETTINGS))) == variables_read()


def test_an_environment_variable_is_read_once_in_settings() -> None:
    text = text_of(ROOT / "segmentation_site" / "settings.py")
    read = re.findall(r"\benv\.\w+\(\s*\"([A-Z_]+)\"", text)
    assert sorted(read) == sorted(set(read))


def test_the_example_of_an_environment_file_names_only_settings_that_are_read() -> None:
    named_there = set(re.findall(r"^#? ?([A-Z][A-Z_]+)=", text_of(ROOT / ".env.example"), re.MULTILINE))
    assert named_there
    assert named_there <= variables_read()


def test_every_command_is_in_the_docs() -> None:
    ours = {name for name, app in get_commands().items() if str(app).split(".")[0] in APPS}
    assert ours
    assert not [name for name in ours if not re.search(rf"^\| `{name}\b", text_of(COMMANDS), re.MULTILINE)]


@pytest.mark.parametrize("scope", list(Scope))
def test_every_scope_is_in_the_docs(scope: Scope) -> None:
    assert f"`{scope.value}`" in text_of(API)


@pytest.mark.parametrize("endpoint", endpoints(), ids=str)
def test_every_endpoint_is_in_the_docs_with_its_methods(endpoint: Address) -> None:
    path = documented(endpoint)
    assert f"`{path}`" in text_of(API), f"{path} is not in {named(API)}"
    view = endpoint.view_class
    assert view
    assert issubclass(view, APIView)
    methods = {name.upper() for name in view.http_method_names if hasattr(view, name)} - {"OPTIONS", "HEAD"}
    told = " ".join(line for line in text_of(API).splitlines() if f"`{path}`" in line)
    assert methods <= set(re.findall(r"\b[A-Z]{3,6}\b", told)), f"{path} answers {methods}; the docs say: {told}"


@pytest.mark.parametrize("page", [path for path in files() if path.suffix == ".md"], ids=named)
def test_links_between_documents_lead_somewhere(page: Path) -> None:
    targets = [
        link.split("#")[0] for link in _LINK.findall(text_of(page)) if not link.startswith(("http", "#", "mailto"))
    ]
    assert not [target for target in targets if not (page.parent / target).exists()]


def test_every_decision_is_in_the_index() -> None:
    index = text_of(DECISIONS / "README.md")
    assert not [path.name for path in DECISIONS.glob("0*.md") if f"({path.name})" not in index]


def test_each_threat_that_is_told_of_has_its_tests() -> None:
    rows = text_of(ROOT / "SECURITY.md").partition("## Where it is tested")[2].splitlines()
    named_tests = [re.findall(r"`([\w/]+\.py)::(\w+)`", row) for row in rows if row.startswith("| ")][2:]
    assert len(named_tests) > 15
    for tests in named_tests:
        assert tests
        missing = [name for path, name in tests if f"def {name}(" not in text_of(ROOT / "tests" / path)]
        assert not missing
