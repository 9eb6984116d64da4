"""A client that a generator makes from the API's description calls every endpoint that reads."""

import importlib
import inspect
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest

from customers.models import Customer
from segmentation_site.access import keys
from segmentation_site.access.scopes import Scope
from segmentation_site.jobs import leases
from segmentation_site.webhooks import registering
from segmentation_site.webhooks.events import Event
from segments import delivering, exporting
from segments.models import Export, Run, Segment, Segmentation
from tests.connect.documented import run
from tests.customers.given import imported
from tests.segments import given


@pytest.fixture
def client_folder(web: str, tmp_path: Path) -> Iterator[Path]:
    """What openapi-python-client makes of the description, importable."""
    description = tmp_path / "openapi.json"
    description.write_text(httpx.get(f"{web}/api/schema?format=json").text, encoding="utf-8")
    generator = str(Path(sys.executable).with_name("openapi-python-client"))
    run(tmp_path, [generator, "generate", "--path", str(description), "--output-path", "made", "--meta", "none"])
    sys.path.insert(0, str(tmp_path))
    try:
        yield tmp_path
    finally:
        sys.path.remove(str(tmp_path))
        for name in [name for name in sys.modules if name == "made" or name.startswith("made.")]:
            del sys.modules[name]


def readers(folder: Path) -> dict[str, ModuleType]:
    """Path → the module of the function that gets it."""
    description = json.loads((folder / "openapi.json").read_text(encoding="utf-8"))
    wanted = {path: methods["get"] for path, methods in description["paths"].items() if "get" in methods}
    modules = {}
    for file in (folder / "made" / "api").rglob("*.py"):
        if file.name != "__init__.py":
            name = ".".join(file.relative_to(folder).with_suffix("").parts)
            modules[file.stem] = importlib.import_module(name)
    return {path: modules[operation["operationId"]] for path, operation in wanted.items()}


@pytest.mark.django_db(transaction=True)
def test_every_endpoint_that_reads_can_be_called_without_a_change_by_hand(
    web: str, client_folder: Path, segmentation: Segmentation
) -> None:
    rejected = imported("id,age\n1,abc\n2,44\n")
    before = given.publish(given.run(segmentation))
    after = given.publish(given.run(segmentation, seed=3))
    segment = Segment.objects.filter(segmentation=segmentation)[0]
    hook, _secret = registering.create(name="Shop", url="https://8.8.8.8/", events=[Event.RUN_PUBLISHED], by=None)
    segmentation.refresh_from_db()
    export = exporting.start_export(segmentation, None, by=None, ring=False)
    assert leases.carry_out(Export, export.pk, delivering.execute)
    _key, secret = keys.create_key("generated", scopes=[scope.value for scope in Scope], by=None)
    made = importlib.import_module("made")
    client = made.AuthenticatedClient(base_url=web, token=secret, raise_on_unexpected_status=True)
    known = {
        "slug": segmentation.slug,
        "external_id": Customer.objects.all()[0].external_id,
        "with_": before.public_id,
        "segmentation": segmentation.slug,
    }
    by_path: dict[str, str] = {
        "/runs/": after.public_id,
        "/segments/": segment.public_id,
        "/webhooks/": hook.public_id,
        "/imports/": rejected.public_id,
        "/exports/": export.public_id,
    }
    called = {}
    with client:
        for path, module in readers(client_folder).items():
            public_id = next((value for part, value in by_path.items() if part in path), None)
            if "{" in path and public_id is None and "{slug}" not in path and "{external_id}" not in path:
                continue
            parameters = inspect.signature(module.sync_detailed).parameters
            arguments: dict[str, Any] = {name: value for name, value in known.items() if name in parameters}
            arguments |= {name: public_id for name in ("public_id", "id") if name in parameters}
            answer = module.sync_detailed(client=client, **arguments)
            assert answer.status_code == 200, (path, answer.content)
            called[path] = answer.parsed
    described = json.loads((client_folder / "openapi.json").read_text(encoding="utf-8"))["paths"]
    assert set(called) == {path for path, methods in described.items() if "get" in methods}
    customers = called["/api/v1/customers"]
    assert len(customers.results) == min(100, Customer.objects.count())
    assert Run.objects.count() == 2
