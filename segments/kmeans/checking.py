"""Reading what people ask for in JSON strictly: each fault is a field, a code and a sentence."""

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any, TypeGuard

from segments.kmeans.wording import gettext_noop

Single = str | int | float | bool


class DefinitionError(ValueError):
    """A definition that cannot be: which field is at fault (a JSON pointer), a code and a sentence."""

    def __init__(self, pointer: str, code: str, detail: str) -> None:
        self.pointer, self.code, self.detail = pointer, code, detail
        super().__init__(f"{pointer}: {detail}")


def refuse_unknown(value: Mapping[str, Any], known: set[str], pointer: str) -> None:
    """Raise DefinitionError for a field that is not known."""
    for key in value:
        if key not in known:
            raise DefinitionError(
                f"{pointer}/{key}",
                "unknown_field",
                gettext_noop("There is no field {key!r} here. Known: {known}.").format(
                    key=key, known=", ".join(sorted(known))
                ),
            )


def is_list(value: Any) -> bool:
    """Whether it is a list, and no text."""
    return isinstance(value, Sequence) and not isinstance(value, str)


def is_number(value: Any) -> TypeGuard[int | float]:
    """Whether it is a finite number; true and false are none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return isfinite(value) if isinstance(value, float) else abs(value) < 2**1000


def is_single(value: Any) -> TypeGuard[Single]:
    """Whether it is a text, a number, true or false."""
    return isinstance(value, str | bool) or is_number(value)


def one_of(kind: Any, value: Any, pointer: str, *, or_else_a_number: bool = False) -> Any:
    """The member of an enumeration of texts. Raises DefinitionError, which names them all."""
    try:
        return kind(value)
    except ValueError:
        known = ", ".join(kind)
        template = gettext_noop("{value!r} is none of: {known}.")
        if or_else_a_number:
            template = gettext_noop("{value!r} is none of: {known}, or a number.")
        raise DefinitionError(pointer, "invalid_choice", template.format(value=value, known=known)) from None


def whole(value: Any, pointer: str, least: int, most: int) -> int:
    """A whole number within limits, which may be written as text. Raises DefinitionError."""
    if isinstance(value, str) and value.strip().isascii() and value.strip().isdigit():
        value = int(value.strip()[:12])
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise DefinitionError(
            pointer,
            "out_of_range",
            gettext_noop("This must be a whole number from {least} to {most}.").format(least=least, most=most),
        )
    return value
