"""Answers to requests that must not be carried out twice."""

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now


class IdempotentAnswer(models.Model):
    """The answer that a request with an idempotency key got, kept for a day."""

    # The answer to an import names its file.
    personal_data: ClassVar = ("body",)

    owner = models.CharField(max_length=60)
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField()
    location = models.TextField(blank=True)
    body = models.BinaryField(default=bytes)
    created_at = models.DateTimeField(db_default=Now(), db_index=True)

    class Meta:
        verbose_name = "idempotent answer"
        constraints = (models.UniqueConstraint(fields=["owner", "key"], name="one_answer_per_idempotency_key"),)

    def __str__(self) -> str:
        return f"{self.key} of {self.owner}"
