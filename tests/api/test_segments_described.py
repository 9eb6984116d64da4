"""The API's description says the truth: every answer about segments has the shape that it promises."""

from collections.abc import Callable
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import orjson
import pytest
from drf_spectacular.generators import SchemaGenerator

from segments import starting
from segments.models import Run
from tests.api.calling import Caller, data

Check = Callable[[str, Any], None]


@pytest.fixture(scope="session")
def description() -> dict[str, Any]:
    made = SchemaGenerator().get_schema(request=None, public=True)
    described: dict[str, Any] = orjson.loads(orjson.dumps(made, default=str))
    return described


@pytest.fixture
def is_as_described(description: dict[str, Any]) -> Check:
    """`is_as_described("GET /runs/{id} 200", answer)` fails where the answer is of another shape."""

    def check(what: str, answer: Any) -> None:
        method, path, status = what.split()
        told = description["paths"][f"/api/v1{path}"][method.lower()]["responses"][status]["content"]
        schema = told["application/json"]["schema"] | {"components": description["components"]}
        jsonschema.Draft202012Validator(schema).validate(answer)

    return check


def test_every_answer_has_the_shape_that_the_description_promises(published: Run, is_as_described: Check) -> None:
    caller = Caller("segments:read", "members:read", "customers:read", "runs:write")
    segment = caller.pull("/segmentations/income-and-spending/segments")[0]["id"]
    waiting = starting.start_run(published.segmentation, by=None, ring=False)
    for path, named in {
        "/segmentations": {},
        "/segmentations/{slug}": {"slug": "income-and-spending"},
        "/segmentations/{slug}/runs": {"slug": "income-and-spending"},
        "/segmentations/{slug}/segments": {"slug": "income-and-spending"},
        "/segmentations/{slug}/members": {"slug": "income-and-spending"},
        "/runs/{id}": {"id": published.public_id},
        "/runs/{id}/model": {"id": published.public_id},
        "/segments/{id}": {"id": segment},
        "/segments/{id}/members": {"id": segment},
        "/customers": {},
        "/customers/{external_id}": {"external_id": "1"},
        "/customers/{external_id}/explanation": {"external_id": "1"},
    }.items():
        is_as_described(f"GET {path} 200", data(caller.get(path.format(**named))))

    run = f"/runs/{waiting.public_id}"
    is_as_described("GET /runs/{id} 200", data(caller.get(run)))
    is_as_described("POST /runs/{id}/cancel 202", data(caller.post(f"{run}/cancel"), 202))
    started = caller.post("/segmentations/income-and-spending/runs")
    is_as_described("POST /segmentations/{slug}/runs 202", data(started, 202))
