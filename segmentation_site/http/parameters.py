"""Query parameters, read strictly: an unknown or malformed one is a fault that is told, never ignored."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from django.http import QueryDict

from segmentation_site.http.problems import IN_QUERY, Fault, InvalidRequest


@dataclass(frozen=True, slots=True)
class Parameter:
    """A query parameter: its name, what it means, its JSON schema, and how its text is read.

    `read` raises ValueError with a sentence that says what would be right.
    """

    name: str
    description: str
    read: Callable[[str], Any]
    schema: Mapping[str, Any] = field(default_factory=lambda: {"type": "string"})
    default: Any = None
    is_required: bool = False


def read_query(query: QueryDict, parameters: Iterable[Parameter]) -> dict[str, Any]:
    """The value of each parameter, its default where it is not given. Raises InvalidRequest with every fault."""
    known = {parameter.name: parameter for parameter in parameters}
    values = {name: parameter.default for name, parameter in known.items()}
    faults = []
    for name, texts in query.lists():
        pointer = IN_QUERY + name
        if name not in known:
            names = ", ".join(known) or "none"
            faults.append(Fault(pointer, "unknown_parameter", f"There is no parameter {name!r} here. Known: {names}."))
        elif len(texts) != 1:
            faults.append(Fault(pointer, "repeated_parameter", f"Give {name} only once."))
        else:
            try:
                values[name] = known[name].read(texts[0])
            except ValueError as error:
                faults.append(Fault(pointer, "invalid_parameter", f"{name}: {error}"))
    faults += [
        Fault(
            IN_QUERY + name, "required", f"Give {name}: {parameter.description[0].lower()}{parameter.description[1:]}"
        )
        for name, parameter in known.items()
        if parameter.is_required and name not in query
    ]
    if faults:
        raise InvalidRequest(faults)
    return values


def whole(name: str, description: str, *, least: int, most: int, default: int) -> Parameter:
    """A whole number between two limits."""

    def read(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,19}", text) or not least <= int(text) <= most:
            raise ValueError(f"Give a whole number from {least} to {most}.")
        return int(text)

    schema = {"type": "integer", "minimum": least, "maximum": most, "default": default}
    return Parameter(name, description, read, schema, default)


def boolean(name: str, description: str) -> Parameter:
    """`true` or `false`; None when it is not given."""

    def read(text: str) -> bool:
        if text not in ("true", "false"):
            raise ValueError("Give true or false.")
        return text == "true"

    return Parameter(name, description, read, {"type": "boolean"})


def one_of(name: str, description: str, known: Sequence[str]) -> Parameter:
    """One of these words; None when it is not given."""

    def read(text: str) -> str:
        if text not in known:
            raise ValueError(f"{text!r} is none of: {', '.join(known)}.")
        return text

    return Parameter(name, description, read, {"type": "string", "enum": list(known)})


def moment(name: str, description: str) -> Parameter:
    """A time of RFC 3339 with its zone, read as UTC."""

    def read(text: str) -> datetime:
        try:
            if not re.match(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt]", text):
                raise ValueError
            found = datetime.fromisoformat(text.upper())
            if found.tzinfo is None:
                raise ValueError
            return found.astimezone(UTC)
        except (ValueError, OverflowError):
            raise ValueError(
                "Give a time with its zone, such as 2026-11-23T09:30:00Z (a + in an address is written %2B)."
            ) from None

    return Parameter(name, description, read, {"type": "string", "format": "date-time"})


def text(name: str, description: str, *, longest: int = 200, is_required: bool = False) -> Parameter:
    """Any text that a column could hold."""

    def read(given: str) -> str:
        if not given or len(given) > longest or "\0" in given:
            raise ValueError(f"Give a text of 1 to {longest} characters.")
        return given

    schema = {"type": "string", "minLength": 1, "maxLength": longest}
    return Parameter(name, description, read, schema, is_required=is_required)


def names(name: str, description: str, known: Callable[[], Sequence[str]]) -> Parameter:
    """Some of the names that are known when somebody asks, separated by commas, each once; none when not given."""

    def read(given: str) -> tuple[str, ...]:
        known_now = known()
        found = tuple(dict.fromkeys(part.strip() for part in given.split(",")))
        if unknown := [part for part in found if part not in known_now]:
            raise ValueError(f"{unknown[0]!r} is none of: {', '.join(known_now)}.")
        return found

    schema = {"type": "array", "items": {"type": "string", "minLength": 1}}
    return Parameter(name, description, read, schema, ())
