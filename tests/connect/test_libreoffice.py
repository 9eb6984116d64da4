"""What people open in a spreadsheet is opened by a real one: no cell of it is evaluated."""

import shutil
import subprocess
from pathlib import Path

import pytest
from django.core.files.storage import default_storage

from customers.models import Customer
from segmentation_site.jobs import leases
from segments import delivering, exporting
from segments.models import Export, Segmentation
from tests.api.calling import Caller
from tests.segments import given

HOSTILE = ["=1+1", "@SUM(A1)", "+1+1", "-2+3", "\t=1+1", '=HYPERLINK("http://example.com","x")', '"=1+1"', " =1+1"]
# Of 200 customers; LibreOffice writes neighbours that are equal once.
SUMS = 200 // len(HOSTILE) * sum("1+1" in text for text in HOSTILE)
FIELDS = ["first_name", "last_name", "city"]
pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(
        shutil.which("soffice") is None,
        reason="NO LIBREOFFICE HERE: the files for spreadsheets were not opened in one (apt install libreoffice-calc)",
    ),
]


@pytest.fixture
def published(segmentation: Segmentation) -> Segmentation:
    for place, customer in enumerate(Customer.objects.order_by("pk")):
        for field in FIELDS:
            setattr(customer, field, HOSTILE[place % len(HOSTILE)])
        customer.save()
    return given.publish(given.run(segmentation)).segmentation


def opened(file: Path) -> str:
    """The file as LibreOffice has it in its cells after opening it: flat XML, formulas and results apart."""
    subprocess.run(
        [
            "soffice",
            f"-env:UserInstallation=file://{file.parent}/profile",
            *("--headless", "--convert-to", "fods", "--outdir", str(file.parent), str(file)),
        ],
        check=True,
        capture_output=True,
        timeout=120,
    )
    return file.with_suffix(".fods").read_text(encoding="utf-8")


def export(segmentation: Segmentation, form: str) -> bytes:
    made = exporting.start_export(
        segmentation, None, by=None, format=form, columns=FIELDS, contactable_only=False, ring=False
    )
    assert leases.carry_out(Export, made.pk, delivering.execute)
    with default_storage.open(exporting.fetch(Export.objects.get(pk=made.pk), by=None)) as file:
        return file.read()


def test_a_file_that_nobody_made_harmless_is_evaluated(tmp_path: Path) -> None:
    file = tmp_path / "members.csv"
    file.write_text("first_name\n=1+1\n")
    assert "table:formula=" in opened(file)


@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_no_cell_of_an_export_is_evaluated(published: Segmentation, tmp_path: Path, form: str) -> None:
    file = tmp_path / f"members.{form}"
    file.write_bytes(export(published, form))
    cells = opened(file)
    assert cells.count("1+1") >= SUMS
    assert "table:formula=" not in cells
    assert "text:a " not in cells


def test_no_cell_of_the_stream_is_evaluated(published: Segmentation, tmp_path: Path) -> None:
    file = tmp_path / "members.csv"
    path = f"/segmentations/{published.slug}/members?fields={','.join(FIELDS)}"
    response = Caller("members:read", "customers:read").get(path, accept="text/csv")
    file.write_bytes(b"".join(response.streaming_content))
    cells = opened(file)
    assert cells.count("1+1") >= SUMS
    assert "table:formula=" not in cells
