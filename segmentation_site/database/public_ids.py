"""Opaque ids for everything that a URL or an API answer names."""

import secrets
from collections.abc import Sequence
from functools import partial
from typing import Any

from django.db import models

# Crockford's base 32 without vowels that spell words: safe in URLs, case-insensitive to read aloud.
ALPHABET = "0123456789bcdfghjkmnpqrstvwxyz"
LENGTH = 16


def new_public_id(prefix: str) -> str:
    """An unguessable id such as `sgm_0t3k9…`: 16 characters of a 30-letter alphabet, 78 bits."""
    return f"{prefix}_" + "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))


class PublicIdField(models.CharField):  # type: ignore[type-arg]
    """A unique, generated, never changed id with the prefix of its kind."""

    def __init__(self, *, prefix: str, **kwargs: Any) -> None:
        self.prefix = prefix
        kwargs |= {
            "max_length": len(prefix) + 1 + LENGTH,
            "unique": True,
            "editable": False,
            "default": partial(new_public_id, prefix),
            "db_collation": "C",
        }
        super().__init__(**kwargs)

    def deconstruct(self) -> tuple[str, str, Sequence[Any], dict[str, Any]]:
        name, path, args, kwargs = super().deconstruct()
        for generated in ("max_length", "unique", "editable", "default", "db_collation"):
            kwargs.pop(generated, None)
        return name, path, args, kwargs | {"prefix": self.prefix}
