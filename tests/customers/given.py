"""Imports in words."""

from collections.abc import Callable
from typing import Any

from django.core.files.base import ContentFile

from customers import importing, starting
from customers.models import Customer, Import, RejectedRow
from segmentation_site.jobs import leases
from segmentation_site.jobs.leases import Lease
from segmentation_site.jobs.models import JobStatus

Execute = Callable[[Import, Lease[Import]], None]


def started(content: bytes | str, *, kind: str = "customers", **choices: Any) -> Import:
    """An import of this content that waits for somebody to carry it out."""
    raw = content if isinstance(content, bytes) else content.encode()
    file = ContentFile(raw, name="customers.csv")
    return starting.start_import(file, by=None, kind=kind, choices=starting.Choices(**choices), ring=False)


def carried_out(one: Import, execute: Execute = importing.execute) -> Import:
    """The same after it was carried out, however that ended."""
    leases.carry_out(Import, one.pk, execute)
    one.refresh_from_db()
    return one


def imported(content: bytes | str, **options: Any) -> Import:
    """An import that went well."""
    one = carried_out(started(content, **options))
    assert one.status == JobStatus.DONE, one.error_detail
    return one


def counts(one: Import) -> tuple[int | None, ...]:
    """Created, updated, unchanged, rejected."""
    return (one.created, one.updated, one.unchanged, one.rejected)


def why(one: Import) -> dict[int, set[str]]:
    """Line → the codes for which its row was rejected."""
    return {
        row.line: {reason["code"] for reason in row.reasons} for row in RejectedRow.objects.filter(source_import=one)
    }


def values(key: str) -> dict[str, Any]:
    """Customer id → the value of one attribute."""
    return dict(Customer.objects.values_list("external_id", key))
