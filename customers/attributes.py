"""The registry of what is known of customers: built-in columns, as their model declares them, and registered attributes."""

from typing import Any

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Field
from django.utils.text import capfirst

from customers.files.schema import Column, Kind
from customers.models import Attribute, Customer

# Headers by which files name the built-in columns, the most telling first. The order is the one in which columns are shown.
_ALIASES: dict[str, tuple[str, ...]] = {
    "external_id": (
        "external id", "customer id", "customer key", "customer number", "customer no", "customer nr", "cust id", "client id",
        "user id", "member id", "account id", "contact id", "kundennummer", "kunden id", "id client", "customer", "id", "no", "number",
    ),
    "first_name": ("given name", "forename", "vorname", "prénom", "first"),
    "last_name": ("surname", "family name", "nachname", "nom", "last"),
    "email": ("email address", "mail", "mail address", "e-mail-adresse", "courriel"),
    "phone": ("phone number", "telephone", "telephone number", "mobile", "mobile phone", "mobile number", "cell", "tel", "telefon"),
    "gender": ("genre", "sex", "geschlecht", "sexe"),
    "birth_date": ("date of birth", "birthday", "born", "born on", "dob", "geburtsdatum", "geburtstag"),
    "age": ("age years", "age in years", "alter", "âge"),
    "annual_income": ("income", "yearly income", "annual salary", "salary", "household income", "einkommen"),
    "spending_score": ("score", "spend score", "spending"),
    "city": ("town", "stadt", "ort", "ville"),
    "country": ("country code", "nation", "land", "pays"),
    "joined_on": (
        "joined", "join date", "signup date", "sign up date", "registered", "registered on", "registration date", "customer since",
        "member since", "created", "created at", "enrolled",
    ),
    "consent": ("marketing consent", "contactable", "opt in", "opted in", "newsletter", "email consent", "gdpr consent"),
}  # fmt: skip
_UNITS = {"age": "years", "annual_income": "k$"}
# Incomes are kept in thousands, as the model says; a file that counts single units says so in its header's brackets.
_FACTORS = {"annual_income": dict.fromkeys(("$", "usd", "€", "eur", "£", "gbp"), 0.001)}
_SPELLINGS: dict[str, dict[str, tuple[str, ...]]] = {
    "gender": {
        "female": ("f", "w", "fem", "woman", "weiblich", "frau", "femme", "féminin", "mrs", "ms"),
        "male": ("m", "man", "männlich", "herr", "homme", "masculin", "mr"),
        "other": ("o", "x", "d", "diverse", "divers", "nonbinary", "non-binary", "non binary", "prefer not to say"),
    },
    "consent": {
        "granted": ("yes", "y", "true", "t", "1", "on", "opt-in", "opted in", "opt in", "subscribed", "agreed", "given", "ja", "oui"),
        "denied": (
            "no", "n", "false", "f", "0", "off", "opt-out", "opted out", "opt out", "unsubscribed", "withdrawn", "refused", "nein", "non",
        ),
        "unknown": ("not asked", "pending"),
    },
}  # fmt: skip
_EMAILS = frozenset({"email"})


def built_in() -> tuple[Column, ...]:
    """The built-in columns, the customer id first."""
    return _BUILT_IN


def registered() -> tuple[Column, ...]:
    """The attributes that admins registered, by label."""
    return tuple(
        Column(
            key=attribute.key,
            label=attribute.label,
            kind=Kind(attribute.kind),
            unit=attribute.unit,
            minimum=attribute.minimum,
            maximum=attribute.maximum,
            categories={category: () for category in attribute.categories},
        )
        for attribute in Attribute.objects.order_by("label", "key")
    )


def registry() -> tuple[Column, ...]:
    """Everything that can be known of a customer: the built-in columns, then the registered attributes."""
    return (*built_in(), *registered())


def features() -> tuple[Column, ...]:
    """The columns that a segmentation can be made of: the numbers that are stored for every customer."""
    return tuple(column for column in built_in() if column.kind == Kind.NUMBER)


def _column(key: str) -> Column:
    """One built-in column; label, kind and limits are said by the model, and only there."""
    field: Field[Any, Any] = Customer._meta.get_field(key)  # type: ignore[assignment]
    return Column(
        key=key,
        label=capfirst(str(field.verbose_name)),
        kind=_kind(field),
        unit=_UNITS.get(key, ""),
        minimum=_limit(field, MinValueValidator),
        maximum=_limit(field, MaxValueValidator),
        categories={str(value): _SPELLINGS[key][str(value)] for value, _ in field.choices or ()},
        max_length=field.max_length,
        aliases=_ALIASES[key],
        factors=_FACTORS.get(key, {}),
        is_required=key == "external_id",
    )


def _kind(field: "Field[Any, Any]") -> Kind:
    if field.choices:
        return Kind.CATEGORY
    if field.name in _EMAILS:
        return Kind.EMAIL
    if isinstance(field, models.DateField):
        return Kind.DATE
    return Kind.NUMBER if isinstance(field, models.FloatField) else Kind.TEXT


def _limit(field: "Field[Any, Any]", kind: type[MinValueValidator] | type[MaxValueValidator]) -> float | None:
    limits = [float(one.limit_value) for one in field.validators if type(one) is kind]  # type: ignore[arg-type]
    return limits[0] if limits else None


_BUILT_IN = tuple(_column(key) for key in _ALIASES)
