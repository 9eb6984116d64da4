"""What the pages on connecting tools show works as it stands there."""

import json
import shutil
from pathlib import Path

import pytest
import yaml

from segmentation_site.access import keys
from segments.models import Assignment, Segmentation
from tests.api.calling import Caller, data
from tests.connect.documented import program, run, run_python
from tests.segments import given


@pytest.fixture
def environment(web: str, segmentation: Segmentation) -> dict[str, str]:
    """A site with segments in use, and a key."""
    given.publish(given.run(segmentation))
    _key, secret = keys.create_key("a tool", scopes=["members:read", "segments:read", "customers:read"], by=None)
    return {"API_URL": web, "API_KEY": secret, "SEGMENTATION": segmentation.slug}


@pytest.mark.skipif(
    shutil.which("curl") is None, reason="NO CURL HERE: the calls of docs/connect/curl.md were not tried"
)
@pytest.mark.django_db(transaction=True)
def test_every_call_of_the_page_on_curl_is_answered(environment: dict[str, str], tmp_path: Path) -> None:
    printed = run(tmp_path, ["sh", "-e", "-c", program("curl.md", "sh")], **environment)
    assert printed.count('"results"') == 3
    members = (tmp_path / "members.csv").read_text(encoding="utf-8").splitlines()
    run_in_use = Segmentation.objects.get(slug=environment["SEGMENTATION"]).published_run
    assert run_in_use
    assert len(members) == 1 + Assignment.objects.filter(run_id=run_in_use.pk).count()


@pytest.mark.django_db(transaction=True)
def test_the_program_of_the_page_on_python_knows_who_is_where(environment: dict[str, str], tmp_path: Path) -> None:
    printed = run_python(tmp_path, program("python.md", "python"), **environment)
    assert printed.strip() == "200 customers; next time ask for what came after 200"


@pytest.mark.django_db
def test_the_manifest_for_airbyte_names_what_the_description_has() -> None:
    manifest = yaml.safe_load(program("airbyte.md", "yaml"))
    description = data(Caller().get("http://testserver/api/schema?format=json"))
    for stream in manifest["streams"]:
        path = stream["retriever"]["requester"]["path"].replace("{{ config['segmentation'] }}", "{slug}")
        operation = description["paths"][f"/api/v1{path}"]["get"]
        fields = json.dumps(description["components"]["schemas"])
        for field in stream.get("primary_key", []):
            assert f'"{field}"' in fields
        if sync := stream.get("incremental_sync"):
            parameters = {one["name"] for one in operation["parameters"]}
            assert sync["start_value_option"]["field_name"] in parameters
