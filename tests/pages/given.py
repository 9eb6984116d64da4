"""Files brought in through the pages."""

from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from customers import importing
from customers.models import Import
from segmentation_site.jobs import leases


def upload(browser: Client, content: bytes, name: str = "customers.csv") -> tuple[int, str, str]:
    """Status, text and last address after the file was sent."""
    response = browser.post("/imports/new", {"file": SimpleUploadedFile(name, content)}, follow=True)
    return response.status_code, response.content.decode(), response.request["PATH_INFO"]


def uploaded(browser: Client, content: bytes) -> Import:
    status, _, address = upload(browser, content)
    assert status == 200
    return Import.objects.get(public_id=address.split("/")[2])


def carried_out(one: Import) -> Import:
    """The import after a worker was there."""
    leases.carry_out(Import, one.pk, importing.execute)
    one.refresh_from_db()
    return one
