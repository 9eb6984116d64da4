"""Exports: asked for, kept for some days, fetched, and taken back when somebody who is in them is erased."""

from collections.abc import Iterable, Sequence
from datetime import timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.core.files.storage import default_storage
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_noop

from customers import attributes
from segmentation_site.access import audit
from segmentation_site.access.audit import Action
from segmentation_site.jobs import bell
from segmentation_site.jobs.models import ACTIVE, JobStatus
from segmentation_site.jobs.problems import Problem
from segments.audiences import PRESETS, Preset
from segments.models import Export, FileFormat, Hashing, Segment, Segmentation

FOLDER = "exports"
# A worker that died in its first minutes may still come back to its file.
LEFT_BEHIND = timedelta(days=1)


class NothingInUse(Problem):
    code = "nothing_published"
    sentence = gettext_noop("No run of this segmentation is in use, so nobody is a member of its segments.")
    remedy = gettext_noop("Publish a run first.")
    http_status = 409


class NotInUse(Problem):
    code = "segment_not_in_use"
    sentence = gettext_noop("This segment is not in use: nobody is a member of it now.")
    remedy = gettext_noop("Choose one of the segments in use.")
    http_status = 409


class UnknownColumn(Problem):
    code = "unknown_column"
    sentence = gettext_noop("There is no column {column!r}.")
    remedy = gettext_noop("Choose from the keys of /attributes.")


class OnlyCsv(Problem):
    code = "only_csv"
    sentence = gettext_noop("Hashed files for a platform are CSV.")
    remedy = gettext_noop("Ask for the format csv, or for nothing hashed.")


class NotReady(Problem):
    code = "export_not_done"
    sentence = gettext_noop("Export {export} is {state}, so there is no file.")
    remedy = gettext_noop("Poll it until it is done.")
    http_status = 409


class FileGone(Problem):
    code = "export_gone"
    sentence = gettext_noop("The file of this export is no longer kept: {why}.")
    remedy = gettext_noop("Export the members again.")
    http_status = 410


def start_export(
    segmentation: Segmentation,
    segment: Segment | None,
    *,
    by: User | None,
    format: str = FileFormat.CSV,  # noqa: A002 - the word of the interface
    hashed: str = Hashing.NONE,
    columns: Sequence[str] = (),
    contactable_only: bool = True,
    ring: bool = True,
) -> Export:
    """Queue an export of the members of one segment in use, or of all (None); of the run that is in use now.

    Raises NothingInUse, NotInUse, UnknownColumn or OnlyCsv.
    """
    run = segmentation.published_run
    if run is None:
        raise NothingInUse
    if segment is not None and not segment.profiles.filter(run=run).exists():
        raise NotInUse
    known = [column.key for column in attributes.columns() if column.key != "external_id"]
    for place, column in enumerate(columns):
        if column not in known:
            raise UnknownColumn(column=column, pointer=f"/columns/{place}")
    if hashed != Hashing.NONE and format != FileFormat.CSV:
        raise OnlyCsv(pointer="/format")
    with transaction.atomic():
        export = Export.objects.create(
            segmentation=segmentation,
            segment=segment,
            run=run,
            about=f"{segmentation.name}: {segment.name}" if segment else segmentation.name,
            format=format,
            hashed=hashed,
            columns=list(PRESETS[Preset(hashed)].needs if hashed != Hashing.NONE else dict.fromkeys(columns)),
            contactable_only=contactable_only,
            created_by=by,
        )
        audit.record(
            Action.EXPORT_STARTED,
            export.public_id,
            by=by,
            of=segment.public_id if segment else segmentation.slug,
            format=format,
            hashed=hashed,
            columns=export.columns,
            contactable_only=contactable_only,
        )
        if ring:
            bell.ring_on_commit(export)
    return export


def fetch(export: Export, *, by: User | None) -> str:
    """The path of an export's file in the storage; the audit trail says who fetched it. Raises NotReady or FileGone."""
    if export.status != JobStatus.DONE:
        raise NotReady(export=export.public_id, state=export.get_status_display().lower())
    name = export.file.name or ""
    if not export.is_to_be_had or not default_storage.exists(name):
        raise FileGone(why=why_gone(export))
    audit.record(Action.EXPORT_DOWNLOADED, export.public_id, by=by)
    return name


def why_gone(export: Export) -> str:
    """Why a done export has no file any more, as the end of a sentence."""
    if export.is_outdated:
        return gettext_noop("somebody who was in it has been erased since")
    return gettext_noop("files are kept for {days} days").format(days=settings.EXPORTS_KEPT_DAYS)


def take_back() -> None:
    """Somebody is erased: no file that was made, or is being made, before may be handed out. In the erasing
    transaction.
    """
    Export.objects.filter(status__in=ACTIVE).update(is_outdated=True)
    made = list(Export.objects.select_for_update().exclude(file="").order_by("pk"))
    names = [export.file.name or "" for export in made]
    Export.objects.filter(pk__in=[export.pk for export in made]).update(file="", is_outdated=True)
    transaction.on_commit(lambda: _delete(names))


def prune() -> int:
    """Delete files that have expired, and those that nobody's row names; returns how many went."""
    expired = Export.objects.filter(expires_at__lte=timezone.now()).exclude(file="")
    names = dict(expired.values_list("pk", "file"))
    Export.objects.filter(pk__in=names).update(file="")
    _delete(names.values())
    return len(names) + _delete_files_of_nobody()


def _delete_files_of_nobody() -> int:
    try:
        names = default_storage.listdir(FOLDER)[1]
    except FileNotFoundError:
        return 0
    known = set(Export.objects.exclude(file="").values_list("file", flat=True))
    gone = []
    for name in names:
        path = f"{FOLDER}/{name}"
        if path not in known and default_storage.get_modified_time(path) < timezone.now() - LEFT_BEHIND:
            gone.append(path)
    _delete(gone)
    return len(gone)


def _delete(names: Iterable[str]) -> None:
    for name in names:
        default_storage.delete(name)
