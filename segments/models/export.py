"""An export: a file of the members of a segment, or of a whole segmentation, on its way out of the house."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from segmentation_site.database.public_ids import PublicIdField
from segmentation_site.jobs.models import Job, JobStatus


class FileFormat(models.TextChoices):
    """The formats that a file of members can have."""

    CSV = "csv", _("CSV, for spreadsheets and most tools")
    XLSX = "xlsx", _("Excel (XLSX)")
    NDJSON = "ndjson", _("NDJSON, one JSON object a line")
    PARQUET = "parquet", _("Parquet, for data warehouses")


class Hashing(models.TextChoices):
    """For which platform a file is hashed, if for any; see `segments.audiences`."""

    NONE = "none", _("Nothing is hashed")
    GOOGLE = "google", _("Google Customer Match")
    META = "meta", _("Meta Custom Audiences")
    TIKTOK = "tiktok", _("TikTok Custom Audiences")


class Export(Job):
    """Who asked for which members in which form, what became of it, and until when its file is kept.

    The row stays when the file is gone, and when the segmentation is: it is the record of what left the house.
    """

    task = "segments.execute_export"
    prune_task = "segments.prune_exports"
    personal_data: ClassVar = ("file",)

    public_id = PublicIdField(prefix="exp")
    segmentation = models.ForeignKey(
        "segments.Segmentation", null=True, blank=True, on_delete=models.SET_NULL, related_name="exports"
    )
    # None where the members of all its segments are meant.
    segment = models.ForeignKey(
        "segments.Segment", null=True, blank=True, on_delete=models.SET_NULL, related_name="exports"
    )
    # The run that was published when somebody asked: one that is published meanwhile does not mix in.
    run = models.ForeignKey("segments.Run", null=True, blank=True, on_delete=models.SET_NULL, related_name="exports")
    about = models.CharField(_("members of"), max_length=210)
    format = models.CharField(_("format"), max_length=8, choices=FileFormat, default=FileFormat.CSV)
    hashed = models.CharField(_("hashed for"), max_length=8, choices=Hashing, default=Hashing.NONE)
    columns = ArrayField(models.CharField(max_length=60), default=list, blank=True)
    contactable_only = models.BooleanField(_("contactable only"), default=True)
    file = models.FileField(upload_to="exports/", blank=True)
    size = models.BigIntegerField(_("size"), null=True, help_text=_("Bytes"))
    rows = models.BigIntegerField(_("rows"), null=True, help_text=_("How many customers are in the file"))
    left_out = models.BigIntegerField(null=True, help_text=_("Members without an e-mail address or telephone number"))
    expires_at = models.DateTimeField(_("file is kept until"), null=True, editable=False)
    # Somebody was erased since it began to read, or since it was made: the file is not handed out.
    is_outdated = models.BooleanField(default=False, db_default=False, editable=False)

    class Meta:
        ordering = ("-id",)
        verbose_name = _("export")
        verbose_name_plural = _("exports")

    def __str__(self) -> str:
        return self.public_id

    def event_of_end(self) -> tuple[str, dict[str, str]] | None:
        """Whatever way it ended."""
        return "export.finished", {"export_id": self.public_id}

    @property
    def is_to_be_had(self) -> bool:
        """Whether its file can be fetched now."""
        is_kept = self.expires_at is not None and self.expires_at > timezone.now()
        return self.status == JobStatus.DONE and bool(self.file) and is_kept

    @property
    def file_name(self) -> str:
        """What the file is called where it goes to."""
        return f"{self.public_id}.{self.format}"
