"""What each platform takes: the columns of its template, out of which values of a customer, in which form."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from segments.audiences import normalising

Values = Mapping[str, str]


class Preset(StrEnum):
    """The platforms that a file can be made for."""

    GOOGLE = "google"
    META = "meta"
    TIKTOK = "tiktok"


@dataclass(frozen=True, slots=True)
class Header:
    """One column of a template: its name, and what is hashed there."""

    name: str
    normalise: Callable[[Values], str]


@dataclass(frozen=True, slots=True)
class Row:
    """What a file says of one customer.

    cells             one for each column of the template, hashes or nothing
    is_anybody        whether the platform could find them: by an e-mail address or a telephone number
    is_phone_unclear  there is a telephone number, and nobody can say of which country it is
    """

    cells: tuple[str, ...]
    is_anybody: bool
    is_phone_unclear: bool


@dataclass(frozen=True, slots=True)
class Audience:
    """A platform's template.

    needs     keys of the customer's values that `row` is given
    headers   its columns, in their order; the first two are the e-mail address and the telephone number
    """

    preset: Preset
    label: str
    needs: tuple[str, ...]
    headers: tuple[Header, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(header.name for header in self.headers)

    def row(self, values: Sequence[str | None]) -> Row:
        """The cells of one customer, whose values come in the order of `needs`."""
        known = {key: value or "" for key, value in zip(self.needs, values, strict=True)}
        plain = [header.normalise(known) for header in self.headers]
        return Row(
            cells=tuple(map(normalising.hashed, plain)),
            is_anybody=bool(plain[0] or plain[1]),
            is_phone_unclear=bool(known["phone"].strip()) and not plain[1],
        )


# Names and countries help Google only beside a postal code, which is not known here: so they are not handed out.
GOOGLE = Audience(
    Preset.GOOGLE,
    "Google Customer Match",
    ("email", "phone", "country"),
    (
        Header("Email", lambda one: normalising.google_email(one["email"])),
        Header("Phone", lambda one: normalising.phone(one["phone"], one["country"])),
    ),
)
META = Audience(
    Preset.META,
    "Meta Custom Audiences",
    ("email", "phone", "country", "first_name", "last_name", "city"),
    (
        Header("email", lambda one: normalising.email(one["email"])),
        Header("phone", lambda one: normalising.meta_phone(one["phone"], one["country"])),
        Header("fn", lambda one: normalising.meta_name(one["first_name"])),
        Header("ln", lambda one: normalising.meta_name(one["last_name"])),
        Header("ct", lambda one: normalising.meta_city(one["city"])),
        Header("country", lambda one: normalising.meta_country(one["country"])),
    ),
)
TIKTOK = Audience(
    Preset.TIKTOK,
    "TikTok Custom Audiences",
    ("email", "phone", "country"),
    (
        Header("Email_SHA256", lambda one: normalising.email(one["email"])),
        Header("Phone_SHA256", lambda one: normalising.phone(one["phone"], one["country"])),
    ),
)
PRESETS: Mapping[Preset, Audience] = {one.preset: one for one in (GOOGLE, META, TIKTOK)}
