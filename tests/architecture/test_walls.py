"""What may know what: the contracts in pyproject.toml, and what a linter of imports cannot see."""

import json
import os
import subprocess
import sys

import pytest
from importlinter.cli import lint_imports

from tests import given
from tests.architecture.tree import ROOT

HEAVY = ["sklearn", "scipy", "pandas", "polars", "pyspark"]

# Loads the web's door, walks every address, then opens every page and API address that needs no argument.
OPEN_EVERYTHING = """
import json, sys
from segmentation_site.wsgi import application
from django.contrib.auth.models import User
from django.test import Client
from django.urls import get_resolver
from django.conf import settings

settings.ALLOWED_HOSTS.append("testserver")
client = Client(raise_request_exception=False)
client.force_login(User.objects.get(username="admin"), backend="django.contrib.auth.backends.ModelBackend")
opened = []

def walk(patterns, before):
    for pattern in patterns:
        route = before + str(pattern.pattern)
        if hasattr(pattern, "url_patterns"):
            walk(pattern.url_patterns, route)
        else:
            pattern.callback
            if "<" not in route and "(" not in route and "logout" not in route:
                address = "/" + route.replace("^", "").replace("$", "")
                opened.append([address, client.get(address).status_code])

walk(get_resolver().url_patterns, "")
print(json.dumps({"opened": opened, "modules": sorted({name.split(".")[0] for name in sys.modules})}))
"""


def test_every_import_stays_behind_its_wall(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    broken = lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True)
    assert broken == 0, capsys.readouterr().out


@pytest.mark.django_db(transaction=True)
def test_the_web_process_opens_every_page_without_loading_what_only_workers_need() -> None:
    given.person("admin")
    done = subprocess.run(
        [sys.executable, "-c", OPEN_EVERYTHING],
        cwd=ROOT,
        env=os.environ | {"DATABASE_URL": given.url_of_test_database(), "SEGMENTATION_PROCESS": "web", "DEBUG": "on"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert len(found["opened"]) > 20
    assert not [address for address in found["opened"] if address[1] >= 500], done.stderr
    assert not set(found["modules"]) & set(HEAVY)
