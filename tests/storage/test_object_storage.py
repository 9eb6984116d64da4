"""Files in object storage: what people bring and fetch is there and nowhere else."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings as site
from django.core.exceptions import ImproperlyConfigured
from django.core.files import File
from django.utils import timezone

from customers import importing, starting
from customers.models import Import
from segmentation_site import file_storage
from segmentation_site.jobs import leases
from segments import defining, delivering, exporting
from segments.models import Export, Run
from tests.api.calling import Caller, data
from tests.segments import given
from tests.storage.s3 import names_in, object_storage


@pytest.fixture
def storage_url() -> Iterator[str]:
    with object_storage() as url:
        yield url


@pytest.fixture
def _in_object_storage(storage_url: str, settings: object) -> None:
    settings.STORAGES = site.STORAGES | {"default": file_storage.storage(storage_url)}  # type: ignore[attr-defined]


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("_in_object_storage")
def test_imports_read_and_exports_write_object_storage_and_pruning_clears_it(storage_url: str, mall_file: Path) -> None:
    with mall_file.open("rb") as file:
        one = starting.start_import(File(file, name=mall_file.name), by=None, ring=False)
    assert names_in(storage_url) == {f"site/files/{one.file.name}"}
    leases.carry_out(Import, one.pk, importing.execute)
    one.refresh_from_db()
    assert (one.status, one.created) == ("done", 200), one.error_detail

    definition = defining.read_definition({"features": ["annual_income", "spending_score"], "k": 5})
    run = given.publish(given.run(defining.create_segmentation(name="Mall", definition=definition)))
    caller = Caller("exports:write")
    asked = {"segmentation": run.segmentation.slug, "contactable_only": False}
    told = data(caller.post("/exports", asked), 202)
    export = Export.objects.get(public_id=told["id"])
    leases.carry_out(Export, export.pk, delivering.execute)
    export.refresh_from_db()
    assert export.status == "done", export.error_detail
    answer = caller.get(f"/exports/{export.public_id}/file")
    content = b"".join(answer.streaming_content)
    assert content.count(b"\n") == 201
    assert len(content) == export.size
    assert names_in(storage_url) == {f"site/files/{one.file.name}", f"site/files/{export.file.name}"}
    assert not list(delivering.ASIDE.glob("*"))

    Export.objects.update(expires_at=timezone.now() - timedelta(days=1))
    assert exporting.prune() == 1
    assert names_in(storage_url) == {f"site/files/{one.file.name}"}
    assert Run.objects.count() == 1


@pytest.mark.parametrize("url", ["", "http://files", "s3:///prefix", "file://machine/folder", "s3://bucket?acl=public"])
def test_a_storage_that_cannot_be_is_refused_with_what_it_should_be(url: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="file:///folder nor s3://bucket/prefix"):
        file_storage.storage(url)
