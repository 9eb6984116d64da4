"""What imports leave behind goes after a while, and not before."""

import os
import time
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils import timezone

from customers import pruning, starting, undoing
from customers.models import Edit, Import, RejectedRow
from segmentation_site.jobs import sweeping
from tests.customers.given import imported

pytestmark = pytest.mark.django_db(transaction=True)


def made_older(one: Import, days: int) -> Import:
    then = timezone.now() - timedelta(days=days)
    Import.objects.filter(pk=one.pk).update(created_at=then, finished_at=then if one.finished_at else None)
    one.refresh_from_db()
    return one


def test_files_and_rejected_rows_of_old_imports_go_and_their_counts_stay() -> None:
    old, new = made_older(imported("id,age\n1,x\n2,30\n"), 91), imported("id,age\n3,x\n")
    name = str(old.file.name)
    assert pruning.prune() >= 1
    old.refresh_from_db()
    assert (old.rejected, old.created, str(old.file)) == (1, 1, "")
    assert not default_storage.exists(name)
    assert default_storage.exists(str(new.file.name))
    assert list(RejectedRow.objects.values_list("source_import_id", flat=True)) == [new.pk]


def test_a_file_whose_import_was_never_started_goes_after_a_day() -> None:
    one = starting.receive(ContentFile(b"id,age\n1,30\n", name="a.csv"), by=None)
    name = str(one.file.name)
    pruning.prune()
    assert default_storage.exists(name)
    made_older(one, 2)
    pruning.prune()
    one.refresh_from_db()
    assert one.status == "cancelled"
    assert not default_storage.exists(name)


def test_a_file_without_an_import_goes_after_a_day() -> None:
    imported("id,age\n1,30\n")
    left, arriving = (Path(default_storage.path(f"imports/{name}.upload")) for name in ("left", "arriving"))
    for path in (left, arriving):
        path.touch()
    day_before_yesterday = time.time() - 2 * 24 * 60 * 60
    os.utime(left, (day_before_yesterday, day_before_yesterday))
    pruning.prune()
    assert (left.exists(), arriving.exists()) == (False, True)


def test_sweeps_ring_for_pruning_once_a_day(monkeypatch: pytest.MonkeyPatch) -> None:
    rung: list[str] = []
    monkeypatch.setattr("segmentation_site.jobs.bell.current_app.send_task", lambda task, **_: rung.append(task))
    sweeping.sweep()
    sweeping.sweep()
    pruning = sorted(task for task in rung if "prune" in task)
    of_segments = ["segments.prune_exports", "segments.prune_runs"]
    assert pruning == ["access.prune", "customers.prune_imports", *of_segments, "webhooks.prune"]


def test_what_an_old_import_replaced_goes_and_with_it_the_way_back() -> None:
    imported("id,age\n1,30\n")
    old, new = made_older(imported("id,age\n1,31\n"), 91), imported("id,age\n1,32\n")
    Edit.objects.filter(source_import=old).update(at=timezone.now() - timedelta(days=91))
    pruning.prune()
    old.refresh_from_db()
    assert "is kept for 90 days only, and is gone" in undoing.obstacle(old)
    assert not undoing.obstacle(new)
    assert list(Edit.objects.values_list("source_import_id", flat=True)) == [new.pk]
