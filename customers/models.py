"""Customers, their attributes, and the imports that bring them. Other apps read them through `columns` alone."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.functions import TransactionNow
from django.contrib.postgres.indexes import BrinIndex
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import connection, models
from django.db.models.expressions import RawSQL
from django.db.models.functions import Collate, Lower
from django.utils.translation import gettext_lazy as _

from segmentation_site.database.public_ids import PublicIdField
from segmentation_site.jobs.models import Job

CHANGE_SEQUENCE = "customers_change_sequence"
# Taken by every writer of customers until its commit, so that change sequences become visible in ascending order and a
# puller that remembers the highest one it saw never misses a row.
WRITERS_LOCK = 0x5E6_0001


def next_change() -> RawSQL:
    """The next change sequence, for a row that is being written."""
    return RawSQL(f"nextval('{CHANGE_SEQUENCE}')", [])  # noqa: S611 - a constant; a column default takes no parameters


def lock_writers() -> None:
    """Wait for our turn to write customers; held until the end of the transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [WRITERS_LOCK])


class Consent(models.TextChoices):
    """Whether a customer agreed to be contacted."""

    GRANTED = "granted", _("Granted")
    DENIED = "denied", _("Denied")
    UNKNOWN = "unknown", _("Unknown")


class Gender(models.TextChoices):
    """As the owner's file states it; empty when it does not."""

    FEMALE = "female", _("Female")
    MALE = "male", _("Male")
    OTHER = "other", _("Other")


class Customer(models.Model):
    """A person or account, known by the owner's own key."""

    # What erasure must clear and logs must not hold.
    personal_data: ClassVar = ("external_id", "first_name", "last_name", "email", "phone", "birth_date")

    external_id = models.CharField(_("customer id"), max_length=200, db_collation="C")
    first_name = models.CharField(_("first name"), max_length=200, blank=True)
    last_name = models.CharField(_("last name"), max_length=200, blank=True)
    email = models.CharField(_("e-mail"), max_length=254, blank=True)
    phone = models.CharField(_("phone"), max_length=50, blank=True)
    gender = models.CharField(_("gender"), max_length=10, blank=True, choices=Gender)
    birth_date = models.DateField(_("birth date"), null=True, blank=True)
    age = models.FloatField(
        _("age"), null=True, blank=True, validators=[MinValueValidator(0), MaxValueValidator(130)], help_text=_("Years")
    )
    annual_income = models.FloatField(
        _("annual income"), null=True, blank=True, validators=[MinValueValidator(0)], help_text=_("Thousands (k$)")
    )
    spending_score = models.FloatField(
        _("spending score"),
        null=True,
        blank=True,
        validators=[MinValueValidator(0), MaxValueValidator(100)],
        help_text=_("0 to 100"),
    )
    city = models.CharField(_("city"), max_length=200, blank=True)
    country = models.CharField(_("country"), max_length=100, blank=True)
    joined_on = models.DateField(_("joined on"), null=True, blank=True)
    consent = models.CharField(
        _("consent"), max_length=10, choices=Consent, default=Consent.UNKNOWN, db_default=Consent.UNKNOWN
    )
    change_sequence = models.BigIntegerField(db_default=next_change(), editable=False, db_index=True)
    created_at = models.DateTimeField(db_default=TransactionNow(), editable=False)
    updated_at = models.DateTimeField(db_default=TransactionNow(), editable=False)
    # Neither constraint nor index: they made the first import of a million customers take 11.6 s instead of 6.
    source_import = models.ForeignKey(
        "Import",
        null=True,
        blank=True,
        editable=False,
        on_delete=models.SET_NULL,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )
    # The import that undoing would have to take the customer away with; None when a person brought it.
    created_import = models.ForeignKey(
        "Import",
        null=True,
        blank=True,
        editable=False,
        on_delete=models.SET_NULL,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )

    class Meta:
        ordering = ("id",)
        verbose_name = _("customer")
        verbose_name_plural = _("customers")
        # What people search by: the whole of an e-mail address, the beginning of a name. The "C" collation lets an
        # index serve both.
        indexes = tuple(
            models.Index(Collate(Lower(name), "C"), name=f"customer_{name}", condition=~models.Q(**{name: ""}))
            for name in ("email", "last_name", "first_name")
        )
        # A constraint, not unique=True: that would build a second index for LIKE, which the "C" collation does without.
        constraints = (models.UniqueConstraint(fields=["external_id"], name="customer_external_id"),)

    def __str__(self) -> str:
        return self.external_id

    @property
    def full_name(self) -> str:
        """First and last name, or nothing."""
        return f"{self.first_name} {self.last_name}".strip()


class Edit(models.Model):
    """What somebody's change of one customer replaced, so that an import can be undone and later changes stay.

    The edits of a customer, in the order of their ids, are the history of each of its values: the next edit that
    names a value says what this one made of it, the customer itself what the last one did.
    """

    personal_data: ClassVar = ("before",)

    customer_id = models.BigIntegerField(db_index=True)
    source_import = models.ForeignKey(
        "Import", null=True, on_delete=models.CASCADE, related_name="+", db_constraint=False, db_index=False
    )
    before = models.JSONField(help_text=_("Attribute to the value that it had before"))
    at = models.DateTimeField(db_default=TransactionNow())

    class Meta:
        ordering = ("id",)
        verbose_name = _("edit")
        verbose_name_plural = _("edits")
        # An import's edits lie beside each other: an index of a few pages finds them.
        indexes = (BrinIndex(fields=["source_import"], name="edit_source_import"),)

    def __str__(self) -> str:
        return f"edit {self.pk} of customer {self.customer_id}"


class Transaction(models.Model):
    """A dated purchase of a customer; a negative amount is a return."""

    personal_data: ClassVar = ("order_id",)

    # Integrity by construction, as assignments have it: no constraint on the hot path.
    customer_id = models.BigIntegerField()
    source = models.CharField(max_length=100, blank=True, help_text=_("The shop or system that the order ids are of"))
    order_id = models.CharField(max_length=200, blank=True, db_collation="C")
    at = models.DateTimeField()
    amount = models.FloatField()
    currency = models.CharField(max_length=3, blank=True)
    source_import = models.ForeignKey(
        "Import", null=True, on_delete=models.SET_NULL, related_name="+", db_constraint=False
    )

    class Meta:
        ordering = ("at", "id")
        verbose_name = _("transaction")
        verbose_name_plural = _("transactions")
        constraints = (
            models.UniqueConstraint(
                fields=["source", "order_id"], condition=~models.Q(order_id=""), name="transaction_order"
            ),
        )
        indexes = (models.Index(fields=["customer_id", "at"], include=["amount"], name="transaction_customer"),)

    def __str__(self) -> str:
        return self.order_id or f"transaction {self.pk}"


class Suppressed(models.Model):
    """Somebody who must never come in again: a keyed hash of a customer id or an e-mail address, and nothing else."""

    personal_data: ClassVar = ()

    digest = models.CharField(max_length=64, primary_key=True)
    created_at = models.DateTimeField(db_default=TransactionNow())

    class Meta:
        verbose_name = _("suppressed customer")
        verbose_name_plural = _("suppression list")

    def __str__(self) -> str:
        return f"{self.digest[:12]}…"


class Attribute(models.Model):
    """A named, typed fact about customers that an admin registered beside the built-in columns.

    Its values are in a column of its own beside the built-in ones: see `customers.attributes`.
    """

    personal_data: ClassVar = ()

    class Kind(models.TextChoices):
        NUMBER = "number", _("Number")
        CATEGORY = "category", _("Category")
        BOOLEAN = "boolean", _("Yes or no")
        DATE = "date", _("Date")

    key = models.CharField(max_length=50, unique=True)
    label = models.CharField(max_length=100)
    kind = models.CharField(max_length=10, choices=Kind)
    unit = models.CharField(max_length=20, blank=True)
    minimum = models.FloatField(null=True, blank=True)
    maximum = models.FloatField(null=True, blank=True)
    categories = ArrayField(models.CharField(max_length=100), default=list, blank=True)

    class Meta:
        ordering = ("label",)
        verbose_name = _("attribute")
        verbose_name_plural = _("attributes")

    def __str__(self) -> str:
        return self.label


class ImportMode(models.TextChoices):
    """What an import may do to customers."""

    UPSERT = "upsert", _("Add and update")
    CREATE = "create", _("Add only")
    UPDATE = "update", _("Update only")


class EmptyCells(models.TextChoices):
    """What a cell without a value does to the value of a customer who is here already."""

    LEAVE = "leave", _("Leave what is known")
    CLEAR = "clear", _("Clear what is known")


class ImportKey(models.TextChoices):
    """By what the rows of a file find the customers who are here already."""

    EXTERNAL_ID = "external_id", _("Customer id")
    EMAIL = "email", _("E-mail address")


class ImportStatus(models.TextChoices):
    """A job's states, and two of its own: before an admin has mapped the columns, and after it was taken back."""

    UPLOADED = "uploaded", _("Columns to be mapped")
    QUEUED = "queued", _("Queued")
    RUNNING = "running", _("Running")
    DONE = "done", _("Done")
    FAILED = "failed", _("Failed")
    CANCELLED = "cancelled", _("Cancelled")
    UNDONE = "undone", _("Undone")


class Import(Job):
    """One uploaded file on its way into the database, and its report."""

    task = "customers.execute_import"
    prune_task = "customers.prune_imports"
    personal_data: ClassVar = ("file", "file_name")

    class Kind(models.TextChoices):
        CUSTOMERS = "customers", _("Customers")
        TRANSACTIONS = "transactions", _("Transactions")

    public_id = PublicIdField(prefix="imp")
    kind = models.CharField(max_length=12, choices=Kind, default=Kind.CUSTOMERS)
    mode = models.CharField(max_length=10, choices=ImportMode, default=ImportMode.UPSERT)
    status = models.CharField(max_length=12, choices=ImportStatus, default=ImportStatus.QUEUED, db_index=True)
    is_dry_run = models.BooleanField(default=False)
    empty_cells = models.CharField(max_length=10, choices=EmptyCells, default=EmptyCells.LEAVE)
    key = models.CharField(max_length=12, choices=ImportKey, default=ImportKey.EXTERNAL_ID)
    reading = models.JSONField(default=dict, blank=True, help_text=_("How the file is read, where it was said"))
    source = models.CharField(max_length=100, blank=True, help_text=_("The shop or system of transactions"))
    file = models.FileField(upload_to="imports/", blank=True)
    file_name = models.CharField(max_length=255)
    file_size = models.BigIntegerField(default=0)
    mapping = models.JSONField(default=dict, blank=True, help_text=_("Header of the file to column"))
    rows = models.BigIntegerField(null=True)
    created = models.BigIntegerField(null=True)
    updated = models.BigIntegerField(null=True)
    unchanged = models.BigIntegerField(null=True)
    rejected = models.BigIntegerField(null=True)
    # None when its edits are no longer kept, or there never were any.
    undoable_until = models.DateTimeField(null=True)

    class Meta:
        ordering = ("-id",)
        verbose_name = _("import")
        verbose_name_plural = _("imports")
        indexes = (models.Index(fields=["input_sha256"], name="import_sha256"),)

    def __str__(self) -> str:
        return f"{self.public_id} ({self.file_name})"

    def event_of_end(self) -> tuple[str, dict[str, str]] | None:
        """Whatever way it ended; a rehearsal is nobody else's business."""
        return None if self.is_dry_run else ("import.finished", {"import_id": self.public_id, "kind": self.kind})


class Undo(Job):
    """Taking one import back, and what that did."""

    task = "customers.execute_undo"
    personal_data: ClassVar = ()

    public_id = PublicIdField(prefix="und")
    undone_import = models.ForeignKey(Import, on_delete=models.CASCADE, related_name="undos")
    removed = models.BigIntegerField(null=True, help_text=_("Customers who are gone again"))
    restored = models.BigIntegerField(null=True, help_text=_("Customers who got values back"))
    kept = models.BigIntegerField(null=True, help_text=_("Customers of whom later changes stayed"))
    transactions_removed = models.BigIntegerField(null=True)

    class Meta:
        ordering = ("-id",)
        verbose_name = _("undo")
        verbose_name_plural = _("undos")
        constraints = (
            models.UniqueConstraint(
                fields=["undone_import"],
                condition=models.Q(status__in=["queued", "running"]),
                name="undo_one_at_a_time",
            ),
        )

    def __str__(self) -> str:
        return f"{self.public_id} of {self.undone_import_id}"


class SavedMapping(models.Model):
    """How the columns of files with these very headers were mapped last, for the next one."""

    personal_data: ClassVar = ()

    signature = models.CharField(max_length=64, help_text=_("SHA-256 of the headers"))
    kind = models.CharField(max_length=12, choices=Import.Kind, default=Import.Kind.CUSTOMERS)
    mapping = models.JSONField()
    options = models.JSONField(default=dict)
    used_at = models.DateTimeField(db_default=TransactionNow())

    class Meta:
        verbose_name = _("saved mapping")
        verbose_name_plural = _("saved mappings")
        constraints = (models.UniqueConstraint(fields=["signature", "kind"], name="saved_mapping_headers"),)

    def __str__(self) -> str:
        return ", ".join(self.mapping)[:100]


class WantedOrder(models.Model):
    """An attribute by which people sort or narrow the list of customers, which has an index for as long as they do."""

    task = "customers.build_indexes"
    personal_data: ClassVar = ()

    key = models.CharField(max_length=50, unique=True, help_text=_("The attribute"))
    wanted_at = models.DateTimeField(db_default=TransactionNow())

    class Meta:
        ordering = ("-wanted_at", "-id")
        verbose_name = _("wanted order")
        verbose_name_plural = _("wanted orders")

    def __str__(self) -> str:
        return self.key


class RejectedRow(models.Model):
    """A row of an import that was not saved, with its line number and reasons."""

    personal_data: ClassVar = ("cells",)

    source_import = models.ForeignKey(Import, on_delete=models.CASCADE, related_name="rejected_rows")
    line = models.BigIntegerField(help_text=_("Line of the file, the header being line 1"))
    reasons = models.JSONField(help_text=_("A list of {field, code, detail}"))
    cells = models.JSONField(help_text=_("The row as it was: header to text"))

    class Meta:
        ordering = ("source_import", "line")
        verbose_name = _("rejected row")
        verbose_name_plural = _("rejected rows")
        indexes = (models.Index(fields=["source_import", "line"], name="rejected_row_line"),)

    def __str__(self) -> str:
        return f"line {self.line} of {self.source_import}"
