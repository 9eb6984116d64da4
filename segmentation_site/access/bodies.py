"""What the body of a request says, read strictly."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rest_framework.request import Request

from segmentation_site.access.views import json_object
from segmentation_site.http.problems import Fault, InvalidRequest, escaped


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of JSON value, and how people call it."""

    type: type | tuple[type, ...]
    words: str

    def fits(self, value: Any) -> bool:
        """Whether `value` is of this kind; true and false are no numbers."""
        return isinstance(value, self.type) and isinstance(value, bool) == (self.type is bool)


TEXT = Kind(str, "a text")
TRUTH = Kind(bool, "true or false")
NUMBER = Kind(int, "a whole number")
OBJECT = Kind(dict, "an object")
OBJECT_OR_NULL = Kind((dict, type(None)), "an object or null")
LIST = Kind(list, "a list")


def read_body(request: Request, fields: Mapping[str, Kind], *, required: Sequence[str] = ()) -> dict[str, Any]:
    """The fields that the body gives. Raises InvalidRequest with every fault that it has.

    fields     what may be given, each with the kind of its value
    required   what must be
    """
    body = json_object(request)
    known = ", ".join(fields) or "none"
    faults = [
        Fault(f"/{escaped(name)}", "unknown_field", f"There is no field {name!r} here. Known: {known}.")
        for name in body
        if name not in fields
    ]
    faults += [
        Fault(f"/{name}", "invalid_type", f"{name} must be {kind.words}.")
        for name, kind in fields.items()
        if name in body and not kind.fits(body[name])
    ]
    faults += [Fault(f"/{name}", "required", f"Give {name}.") for name in required if name not in body]
    if faults:
        raise InvalidRequest(faults)
    return dict(body)
