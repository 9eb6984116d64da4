"""The API describes itself in OpenAPI 3.1, wholly and truly, and shows it on a page."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from openapi_spec_validator import OpenAPIV31SpecValidator

from segmentation_site.access.scopes import ANY_KEY, Scope
from tests.api.calling import Caller, data
from tests.architecture.addresses import Address, endpoints

KEPT = Path(__file__).parents[2] / "docs" / "openapi.json"
RENEW = "./run manage spectacular --format openapi-json --file docs/openapi.json, and look at the difference."
METHODS = ["get", "post", "put", "patch", "delete"]
CAN_BE_REFUSED = {"400", "401", "403", "406", "429", "503"}


@pytest.fixture(scope="module")
def description() -> dict[str, Any]:
    """The document as a program gets it."""
    answer = Client().get("/api/schema?format=json")
    assert answer.status_code == 200
    document: dict[str, Any] = answer.json()
    return document


def described(endpoint: Address) -> str:
    """The path of an endpoint as the document has it."""
    return "/" + re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", endpoint.route).replace("{public_id}", "{id}")


def refusal(description: dict[str, Any], answer: dict[str, str]) -> dict[str, Any]:
    """What stands once for all operations that refuse in this way."""
    found: dict[str, Any] = description["components"]["responses"][answer["$ref"].rpartition("/")[2]]
    return found


def operations(description: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    return {
        (path, method): operation
        for path, methods in description["paths"].items()
        for method, operation in methods.items()
        if method in METHODS
    }


def test_the_description_is_valid(description: dict[str, Any]) -> None:
    assert description["openapi"].startswith("3.1")
    OpenAPIV31SpecValidator(description).validate()


def test_it_is_to_be_had_as_json_and_as_yaml() -> None:
    for accept, kind in [("application/json", "application/json"), ("application/yaml", "application/yaml")]:
        answer = Client().get("/api/schema", headers={"Accept": accept})
        assert answer.status_code == 200
        assert answer["Content-Type"].startswith(kind)
        assert b"/api/v1/me" in answer.content


def test_every_endpoint_with_its_methods_is_described_and_nothing_else(description: dict[str, Any]) -> None:
    there = {
        (described(endpoint), method)
        for endpoint in endpoints()
        for method in METHODS
        if hasattr(endpoint.view_class, method)
    }
    assert set(operations(description)) == there


def test_every_operation_says_its_scope_its_sign_in_and_what_it_refuses(description: dict[str, Any]) -> None:
    known = {scope.value for scope in Scope}
    views = {described(endpoint): endpoint.view_class for endpoint in endpoints()}
    for (path, method), operation in operations(description).items():
        where = f"{method} {path}"
        required = views[path].required_scope  # type: ignore[union-attr]
        scope = required[method.upper()] if isinstance(required, dict) else required
        assert operation["summary"], where
        if scope == ANY_KEY:
            assert "whatever its scopes" in operation["description"], where
        else:
            assert scope in known
            assert f"Needs the scope `{scope}`." in operation["description"], where
        assert operation["security"] == [{"apiKey": []}, {"session": []}], where
        assert set(operation["responses"]) >= CAN_BE_REFUSED, where
        assert ("404" in operation["responses"]) == ("{" in path), where
        for status, answer in operation["responses"].items():
            if int(status) >= 400:
                assert list(refusal(description, answer)["content"]) == ["application/problem+json"], where


def test_every_operation_has_a_name_of_its_own(description: dict[str, Any]) -> None:
    names = [operation["operationId"] for operation in operations(description).values()]
    assert len(names) == len(set(names))


def test_keys_are_described_as_bearer_tokens(description: dict[str, Any]) -> None:
    schemes = description["components"]["securitySchemes"]
    assert (schemes["apiKey"]["type"], schemes["apiKey"]["scheme"]) == ("http", "bearer")
    assert (schemes["session"]["in"], schemes["session"]["name"]) == ("cookie", "sessionid")


def test_the_parameters_of_a_list_are_described_with_their_limits(description: dict[str, Any]) -> None:
    parameters = {one["name"]: one for one in description["paths"]["/api/v1/imports"]["get"]["parameters"]}
    assert set(parameters) == {"page_size", "cursor"}
    assert parameters["page_size"]["schema"] == {"type": "integer", "minimum": 1, "maximum": 1000, "default": 100}


def test_every_json_that_goes_in_or_out_has_an_example_that_fits(description: dict[str, Any]) -> None:
    components = {"components": description["components"]}
    refusals = description["components"]["responses"]
    contents = [(name, content) for name, one in refusals.items() for content in one["content"].values()]
    for (path, method), operation in operations(description).items():
        bodies = [operation.get("requestBody", {}), *operation["responses"].values()]
        for body in bodies:
            found = [content for kind, content in body.get("content", {}).items() if kind == "application/json"]
            contents += [(f"{method} {path}", content) for content in found]
        contents += [
            (f"{method} {path} {one['name']}", one) for one in operation.get("parameters", ()) if one["in"] != "header"
        ]
    assert len(contents) > 100
    for where, content in contents:
        whole = content["schema"] | components
        faults = [fault.message for fault in Draft202012Validator(whole).iter_errors(content["example"])]
        assert not faults, (where, faults)
        assert "…" not in json.dumps(content["example"], ensure_ascii=False), where


def test_who_is_told_to_wait_or_to_sign_in_is_told_how(description: dict[str, Any]) -> None:
    responses = description["components"]["responses"]
    for name, headers in [
        ("Unauthorized", {"WWW-Authenticate"}),
        ("TooManyRequests", {"Retry-After", "RateLimit", "RateLimit-Policy"}),
        ("ServiceUnavailable", {"Retry-After"}),
    ]:
        assert set(responses[name]["headers"]) == headers


def test_every_post_that_starts_work_takes_an_idempotency_key(description: dict[str, Any]) -> None:
    started = {path for (path, method), one in operations(description).items() if "202" in one["responses"]}
    assert len(started) >= 7
    for path in started:
        takes = {one["name"] for one in description["paths"][path]["post"].get("parameters", ())}
        # To end what has ended is refused anyway.
        assert ("Idempotency-Key" in takes) != path.endswith("/cancel"), path


def test_the_description_is_what_is_kept_beside_the_docs(description: dict[str, Any]) -> None:
    kept = json.loads(KEPT.read_text(encoding="utf-8"))
    assert description == kept, f"The API's description has changed. When it is meant to: {RENEW}"


def test_what_starts_work_takes_an_idempotency_key_and_answers_with_a_location(description: dict[str, Any]) -> None:
    for path in ("/api/v1/imports", "/api/v1/segmentations/{slug}/runs"):
        operation = description["paths"][path]["post"]
        assert "Idempotency-Key" in {one["name"] for one in operation["parameters"] if one["in"] == "header"}
        assert "Location" in operation["responses"]["202"]["headers"]
        assert set(operation["responses"]) >= {"409", "422"}


@pytest.mark.django_db
def test_answers_are_what_the_description_says(description: dict[str, Any]) -> None:
    caller = Caller("imports:write", "customers:read")
    form = {"file": SimpleUploadedFile("ages.csv", b"id,age\n1,30\n")}
    started = caller._client.post("/api/v1/imports", form).json()
    for path, method, status, answer in [
        ("/api/v1/me", "get", "200", data(caller.get("/me"))),
        ("/api/v1/attributes", "get", "200", data(caller.get("/attributes"))),
        ("/api/v1/imports", "get", "200", data(caller.get("/imports"))),
        ("/api/v1/imports", "post", "202", started),
        ("/api/v1/imports/{id}", "get", "200", data(caller.get(f"/imports/{started['id']}"))),
        ("/api/v1/imports/{id}", "get", "404", caller.get("/imports/imp_none").json()),
        ("/api/v1/imports", "get", "400", caller.get("/imports", {"page": 1}).json()),
    ]:
        told = description["paths"][path][method]["responses"][status]
        (content,) = (refusal(description, told) if "$ref" in told else told)["content"].values()
        whole = content["schema"] | {"components": description["components"]}
        Draft202012Validator(whole).validate(answer)


def test_the_page_of_the_description_runs_no_script_of_its_own_address() -> None:
    answer = Client().get("/api/docs")
    page = answer.content.decode()
    scripts = re.findall(r"<script\b([^>]*)>(.*?)</script>", page, re.DOTALL)
    assert len(scripts) >= 2
    for attributes, inline in scripts:
        assert 'src="/' in attributes
        assert not inline.strip()
    assert not re.search(r"\son\w+=", page)
    assert "//" not in re.sub(r"<!--.*?-->", "", page).replace("<!DOCTYPE", ""), "something comes from elsewhere"
    assert '<a href="/">' in page
    assert "'unsafe-inline'" not in answer["Content-Security-Policy"].split("script-src")[1].split(";")[0]


def test_the_script_of_the_page_comes_from_the_site_as_a_script() -> None:
    page = Client().get("/api/docs").content.decode()
    own = next(source for source in re.findall(r'<script src="([^"]+)"', page) if source.startswith("/api/"))
    answer = Client().get(own.replace("&amp;", "&"))
    assert answer["Content-Type"] == "application/javascript"
    assert "/api/schema" in answer.content.decode()
