"""API keys, of which the database keeps the prefix and an HMAC; the audit trail; authenticator apps."""

import base64
import secrets
from typing import TYPE_CHECKING, Any, ClassVar, Self

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django_otp.plugins.otp_totp.models import TOTPDevice

from segmentation_site.access import sealing
from segmentation_site.database.public_ids import PublicIdField

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


class ApiKeyQuerySet(models.QuerySet["ApiKey"]):
    def usable(self) -> Self:
        """Keys that are neither revoked nor expired."""
        now = timezone.now()
        return self.filter(models.Q(revoked_at=None) | models.Q(revoked_at__gt=now)).filter(
            models.Q(expires_at=None) | models.Q(expires_at__gt=now)
        )


class ApiKey(models.Model):
    """A named right of a program to use some scopes of the API."""

    public_id = PublicIdField(prefix="key")
    name = models.CharField(_("name"), max_length=100)
    prefix = models.CharField(max_length=16, unique=True, editable=False)
    digest = models.BinaryField(max_length=32, editable=False)
    scopes = ArrayField(models.CharField(max_length=40), verbose_name=_("scopes"))
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="api_keys"
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    # A rotated key lives on until this moment, so that a tool can be changed over without a gap.
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = ApiKeyQuerySet.as_manager()

    # Calls of the last 24 hours, filled in for lists; None where nobody knows.
    calls: int | None = None

    personal_data: ClassVar = ()

    class Meta:
        ordering = ("-created_at",)
        verbose_name = _("API key")
        verbose_name_plural = _("API keys")

    def __str__(self) -> str:
        return self.name

    @property
    def is_usable(self) -> bool:
        """Whether a request with this key would be let in now."""
        now = timezone.now()
        return not any(moment and moment <= now for moment in (self.revoked_at, self.expires_at))


class AuditEntry(models.Model):
    """One deed of one person or program. A trigger forbids changing it, and deleting it before its time."""

    # Of people of this site, whose deeds are on record; never of customers.
    personal_data: ClassVar = ()

    at = models.DateTimeField(db_default=Now(), db_index=True, editable=False)
    action = models.CharField(_("action"), max_length=40)
    subject = models.CharField(_("subject"), max_length=200, blank=True)
    detail = models.JSONField(_("detail"), default=dict, blank=True)
    # No foreign keys: an entry outlives people and keys.
    actor = models.CharField(_("person"), max_length=150, blank=True)
    actor_id = models.BigIntegerField(null=True)
    key_id = models.CharField(_("API key"), max_length=40, blank=True)
    address = models.GenericIPAddressField(_("address"), null=True)
    request_id = models.CharField(max_length=64, blank=True)

    class Meta:
        ordering = ("-id",)
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit trail")

    def __str__(self) -> str:
        return f"{self.action} {self.subject}".strip()

    @property
    def label(self) -> "StrOrPromise":
        """The deed in words."""
        from segmentation_site.access.audit import LABELS, Action

        return LABELS[Action(self.action)] if self.action in set(Action) else self.action

    @property
    def detail_words(self) -> str:
        """The detail in one line: "events: run.finished, run.published; contactable only: no"."""

        def said(value: Any) -> str:
            if isinstance(value, list):
                return ", ".join(str(one) for one in value)
            return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)

        return "; ".join(f"{name.replace('_', ' ')}: {said(value)}" for name, value in self.detail.items())


class Authenticator(TOTPDevice):
    """The authenticator app of one person. Its key is sealed, and bound to that person."""

    personal_data: ClassVar = ()

    KEY_BYTES = 20
    PURPOSE = "keys of authenticators"

    class Meta:
        proxy = True
        verbose_name = _("authenticator app")
        verbose_name_plural = _("authenticator apps")

    @classmethod
    def new(cls, user: Any) -> Self:
        """One with a key that nobody knows yet, to be confirmed."""
        key = cls.sealed(secrets.token_bytes(cls.KEY_BYTES), user.pk)
        return cls.objects.create(user=user, name="authenticator", confirmed=False, key=key)

    @classmethod
    def sealed(cls, key: bytes, user_pk: int) -> str:
        """A key as the column keeps it: 64 letters."""
        return base64.b64encode(sealing.seal(key, purpose=cls.PURPOSE, owner=str(user_pk))).decode()

    @property
    def bin_key(self) -> bytes:
        """The key itself. Raises Unsealable."""
        return sealing.unseal(base64.b64decode(self.key), purpose=self.PURPOSE, owner=str(self.user_id))

    @property
    def is_readable(self) -> bool:
        """Whether the key was sealed under a secret key that still counts."""
        try:
            return bool(self.bin_key)
        except sealing.Unsealable:
            return False
