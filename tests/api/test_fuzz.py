"""Nothing that can be sent makes the site fail: requests are made up out of the API's own description."""

import re
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pytest_django.live_server_helper import LiveServer
from schemathesis import APIOperation, Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    ensure_resource_availability,
    ignored_auth,
    negative_data_rejection,
    positive_data_acceptance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    use_after_free,
)

from segmentation_site.access import keys
from segmentation_site.access.scopes import Scope
from segmentation_site.jobs import leases
from segmentation_site.webhooks import registering
from segments import delivering, exporting
from segments.models import Export, Run, Segment
from tests.api.calling import Caller, data

# Per endpoint and kind of request; the same ones each time.
REQUESTS = settings(
    max_examples=10,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
    ignored_auth,
]
STORIES = settings(REQUESTS, max_examples=6, stateful_step_count=10)
# Of texts that a schema allows, these must be known to the site: a cursor that it gave, names that exist.
NAMES = {"cursor", "fields", "segment", "since", "with"}


def send(
    operation: APIOperation, address: str, secret: str, *, at_most: int | None = None, **given_parameters: Any
) -> int:
    """Send what the description allows, and what it does not. Returns how many requests those were."""
    sent = 0

    @settings(REQUESTS, max_examples=at_most or REQUESTS.max_examples)
    @given(st.data())
    def requests(chosen: st.DataObject) -> None:
        nonlocal sent
        mode = chosen.draw(st.sampled_from([GenerationMode.POSITIVE, GenerationMode.NEGATIVE]))
        case: Case = chosen.draw(operation.as_strategy(generation_mode=mode, **given_parameters))
        response = case.call(base_url=address, headers={"Authorization": f"Bearer {secret}"})
        is_read = operation.method == "get" and not NAMES & set(case.query or {})
        # What bodies may say depends on more than a schema can tell, such as the attributes that there are.
        case.validate_response(response, checks=[*CHECKS, *([positive_data_acceptance] if is_read else [])])
        sent += 1

    requests()
    return sent


def exported(run: Run) -> Export:
    """An export whose file can be fetched."""
    export = exporting.start_export(run.segmentation, None, by=None, contactable_only=False, ring=False)
    assert leases.carry_out(Export, export.pk, delivering.execute)
    return export


@pytest.mark.django_db(transaction=True)
def test_whoever_lacks_a_scope_or_a_key_is_told_so_as_described(
    live_server: LiveServer, published: Run, settings: Any
) -> None:
    settings.API_CALLS_PER_MINUTE = 0
    schema = schemathesis.openapi.from_dict(data(Caller().get(f"{live_server.url}/api/schema?format=json")))
    of_one_scope = [keys.create_key("a tool", scopes=[scope], by=None)[1] for scope in Scope]
    for secret in [*of_one_scope, "nothing"]:
        for one in schema.get_all_operations():
            assert isinstance(one, Ok), one
            send(one.ok(), live_server.url, secret, at_most=2)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("is_reading", [True, False], ids=["reading", "changing"])
def test_no_request_makes_the_site_fail(
    live_server: LiveServer, published: Run, settings: Any, is_reading: bool
) -> None:
    settings.API_CALLS_PER_MINUTE = 0
    _, secret = keys.create_key("a tool", scopes=list(Scope), by=None)
    description = data(Caller().get(f"{live_server.url}/api/schema?format=json"))
    whole = schemathesis.openapi.from_dict(description)
    schema = whole.include(method="GET") if is_reading else whole.exclude(method="GET")
    webhook, _ = registering.create(name="Shop", url="https://8.8.8.8/", events=["run.published"], by=None)
    real = {
        "slug": published.segmentation.slug,
        "external_id": "17",
        "runs": published.public_id,
        "segments": Segment.objects.first().public_id,  # type: ignore[union-attr]
        "webhooks": webhook.public_id,
        "exports": exported(published).public_id,
        "delivery_id": registering.test(webhook, by=None).public_id,
    }
    found = list(schema.get_all_operations())
    assert len(found) >= 8
    for one in found:
        assert isinstance(one, Ok), one
        operation = one.ok()
        assert send(operation, live_server.url, secret)
        names = re.findall(r"{(\w+)}", operation.path)
        noun = operation.path.split("/")[3]
        known = {name: real[noun if name == "id" else name] for name in names if noun != "imports"}
        if known:
            assert send(operation, live_server.url, secret, path_parameters=known)


@pytest.mark.django_db(transaction=True)
def test_what_one_request_makes_the_next_finds_until_it_is_deleted(
    live_server: LiveServer, published: Run, settings: Any
) -> None:
    settings.API_CALLS_PER_MINUTE = 0
    _, secret = keys.create_key("a tool", scopes=list(Scope), by=None)
    schema = schemathesis.openapi.from_dict(data(Caller().get(f"{live_server.url}/api/schema?format=json")))
    answers: list[int] = []

    class Story(schema.as_state_machine()):  # type: ignore[misc]
        """Requests that take their ids out of earlier answers."""

        def get_call_kwargs(self, case: Case) -> dict[str, Any]:
            return {"base_url": live_server.url, "headers": {"Authorization": f"Bearer {secret}"}}

        def validate_response(self, response: Any, case: Case, **more: Any) -> None:
            answers.append(response.status_code)
            checks = [*CHECKS, use_after_free, ensure_resource_availability]
            case.validate_response(response, checks=checks, transport_kwargs=more, recorder=self.recorder)

    Story.run(settings=STORIES)
    assert {200, 404} <= set(answers)
