"""What imports leave behind and nobody needs any more: files, and rejected rows, which hold people's data."""

from datetime import datetime, timedelta

from django.conf import settings
from django.core.files.storage import default_storage
from django.db.models import QuerySet
from django.utils import timezone

from customers import forgetting, starting
from customers.models import Edit, Import, ImportStatus, RejectedRow
from segmentation_site.jobs.models import ACTIVE

FOLDER = "imports"
# Somebody who chose a file and never started its import.
MAPPING_TIME = timedelta(days=1)


def prune() -> int:
    """Delete what is old; returns how many files went."""
    _give_up_what_was_never_started()
    old = timezone.now() - timedelta(days=settings.IMPORTS_KEPT_DAYS)
    ended = Import.objects.exclude(status__in=[*ACTIVE, ImportStatus.UPLOADED]).filter(finished_at__lt=old)
    RejectedRow.objects.filter(source_import__in=ended).delete()
    _forget_edits(old)
    return _delete_files(ended.exclude(file="")) + forgetting.forget_files() + _delete_files_of_nobody()


def _forget_edits(old: datetime) -> None:
    """With what an import replaced goes the way back. Edits that a later import needs for its own are later, too."""
    Import.objects.filter(finished_at__lt=old).update(undoable_until=None)
    Edit.objects.filter(at__lt=old).delete()


def _give_up_what_was_never_started() -> None:
    for one in Import.objects.filter(status=ImportStatus.UPLOADED, created_at__lt=timezone.now() - MAPPING_TIME):
        # Somebody may start it at this very moment: then it is theirs.
        starting.discard(one)


def _delete_files(imports: QuerySet[Import]) -> int:
    names = dict(imports.values_list("pk", "file"))
    for name in names.values():
        default_storage.delete(name)
    Import.objects.filter(pk__in=names).update(file="")
    return len(names)


def _delete_files_of_nobody() -> int:
    """A web process that is killed in an upload leaves a file without a row."""
    try:
        names = default_storage.listdir(FOLDER)[1]
    except FileNotFoundError:
        return 0
    known = set(Import.objects.exclude(file="").values_list("file", flat=True))
    gone = 0
    for name in names:
        path = f"{FOLDER}/{name}"
        is_old = default_storage.get_modified_time(path) < timezone.now() - MAPPING_TIME
        if is_old and path not in known:
            default_storage.delete(path)
            gone += 1
    return gone
