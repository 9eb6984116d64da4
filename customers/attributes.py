"""The registry of what is known of customers: built-in columns as the model declares them, registered attributes.

A registered attribute has a column of its own in the customers' table, so that imports, filters and features treat it
as they treat a built-in one, and reading it costs the same.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Field
from django.db.models.expressions import Col
from django.utils.text import capfirst
from django.utils.translation import gettext_noop

from customers.files.schema import Column, Kind
from customers.models import Attribute, Customer, Transaction


@dataclass(frozen=True, slots=True)
class _InFiles:
    """What files know of a built-in column: its headers (the most telling first), units and spellings; see `Column`."""

    aliases: str
    unit: str = ""
    factors: tuple[str, ...] = ()
    spellings: Mapping[str, str] | None = None


# In the order in which columns are shown. Aliases and spellings are separated by commas.
_IN_FILES = {
    "external_id": _InFiles(
        "customer id, customer key, customer number, customer no, customer nr, cust id, client id, user id, member id,"
        " account id, contact id, kundennummer, kundennr, kunden nr, kunden id, id client, numéro client, customer, id"
    ),
    "first_name": _InFiles("given name, forename, fname, vorname, prénom"),
    "last_name": _InFiles("surname, family name, lname, nachname, nom"),
    "email": _InFiles("email address, mail, mail address, courriel"),
    "phone": _InFiles(
        "phone number, telephone, telephone number, mobile, mobile phone, tel, telefon, telefonnummer, handy, téléphone"
    ),
    "gender": _InFiles(
        "genre, sex, geschlecht, sexe",
        spellings={
            "female": "f, w, woman, weiblich, frau, femme",
            "male": "m, man, männlich, mann, homme",
            "other": "x, d, diverse, divers, nonbinary, non-binary",
        },
    ),
    "birth_date": _InFiles(
        "date of birth, birthday, dob, born, born on, geburtsdatum, geburtstag, geboren am, date de naissance"
    ),
    "age": _InFiles("age in years, alter, âge", unit=gettext_noop("years")),
    # Kept in thousands; a file that counts single units says so in its header's brackets.
    "annual_income": _InFiles(
        "income, yearly income, annual salary, salary, household income, einkommen, jahreseinkommen, revenu",
        unit="k$",
        factors=("$", "usd", "€", "eur", "£", "gbp"),
    ),
    "spending_score": _InFiles("spend score, spending, score"),
    "city": _InFiles("town, stadt, ort, wohnort, ville"),
    "country": _InFiles("country code, nation, land, pays"),
    "joined_on": _InFiles(
        "joined, join date, signup date, sign up date, registered, registered on, registration date, customer since,"
        " member since, created, created at, kunde seit, beitritt, client depuis"
    ),
    "consent": _InFiles(
        "marketing consent, contactable, opt in, opted in, newsletter",
        spellings={
            "granted": "yes, y, true, t, 1, on, opt-in, opted in, subscribed, ja, oui",
            "denied": "no, n, false, f, 0, off, opt-out, opted out, unsubscribed, nein, non",
            "unknown": "not asked, pending",
        },
    ),
}
_EMAILS = frozenset({"email"})
# Before the names of registered attributes' columns, so that a later built-in column can never be in their way.
PREFIX = "x_"
_FIELDS: "Mapping[Kind, type[models.Field[Any, Any]]]" = {
    Kind.NUMBER: models.FloatField,
    Kind.CATEGORY: models.TextField,
    Kind.BOOLEAN: models.BooleanField,
    Kind.DATE: models.DateField,
}
_AS_FEATURES = (Kind.NUMBER, Kind.BOOLEAN, Kind.CATEGORY)
# Whether somebody may be contacted says nothing of who they are.
_NO_FEATURES = frozenset({"consent"})
# Figures of a customer's purchases as of a date; see `customers.purchases`.
PURCHASE_FIGURES = (
    Column("recency", gettext_noop("Days since the last purchase"), Kind.NUMBER, unit=gettext_noop("days")),
    Column("frequency", gettext_noop("Number of orders"), Kind.NUMBER),
    Column("monetary", gettext_noop("Total spent"), Kind.NUMBER),
    Column("average_order", gettext_noop("Average order"), Kind.NUMBER),
    Column("tenure", gettext_noop("Days since the first purchase"), Kind.NUMBER, unit=gettext_noop("days")),
    Column("purchase_interval", gettext_noop("Days between purchases"), Kind.NUMBER, unit=gettext_noop("days")),
)
_PER_THOUSAND = 0.001


@dataclass(frozen=True, slots=True)
class FeatureLabel:
    """How people read a feature: its name and its unit."""

    label: str
    unit: str = ""
    is_category: bool = False

    @property
    def with_unit(self) -> str:
        """`Annual income (k$)`, or the label alone when there is no unit."""
        return f"{self.label} ({self.unit})" if self.unit else self.label


def built_in() -> tuple[Column, ...]:
    """The columns that every site has, the customer id first."""
    return _COLUMNS


def column(key: str) -> Column:
    """The built-in column of that key. Raises KeyError."""
    return _BY_KEY[key]


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
            categories=dict.fromkeys(attribute.categories, ()),
        )
        for attribute in Attribute.objects.order_by("label", "key")
    )


def columns() -> tuple[Column, ...]:
    """Everything that can be known of a customer, all of which an import can fill."""
    return (*built_in(), *registered())


def name_in_table(key: str) -> str:
    """The name of the column that holds the attribute of that key."""
    return key if key in _BY_KEY else f"{PREFIX}{key}"


def blank_of(key: str) -> str | None:
    """What the table holds where nothing is known: text columns have a word for it, the others are null."""
    if key not in _BY_KEY:
        return None
    field: Field[Any, Any] = Customer._meta.get_field(key)  # type: ignore[assignment]
    return None if field.null else str(field.get_default())


def expression(column: Column) -> Col:
    """The column for the ORM: registered attributes are no fields of the model."""
    table = Customer._meta.db_table
    if column.key in _BY_KEY:
        built_in_field: Field[Any, Any] = Customer._meta.get_field(column.key)  # type: ignore[assignment]
        return Col(table, built_in_field)
    field = _FIELDS[column.kind](null=True)
    field.set_attributes_from_name(name_in_table(column.key))
    field.model = Customer
    return Col(table, field)


def features(known: Iterable[Column] | None = None) -> tuple[Column, ...]:
    """What segmentations can be made of: numbers, yes-or-no and categories of customers, and figures of their
    purchases; out of `known` for who has asked for `columns` already.
    """
    return (*_among(columns() if known is None else known), *purchase_figures())


def _among(known: Iterable[Column]) -> Iterator[Column]:
    return (one for one in known if one.kind in _AS_FEATURES and one.key not in _NO_FEATURES)


def features_of(keys: Sequence[str]) -> list[Column]:
    """The features with these keys, in their order; asks the database only for those that not every site has.

    Raises KeyError for a key that is no feature.
    """
    known = {one.key: one for one in _among(built_in())}
    if not known.keys() >= set(keys):
        known = {one.key: one for one in features()}
    return [known[key] for key in keys]


def purchase_figures() -> tuple[Column, ...]:
    """Figures of customers' purchases, where there are any."""
    return PURCHASE_FIGURES if Transaction.objects.exists() else ()


def feature_labels(of: Iterable[str] | None = None) -> dict[str, FeatureLabel]:
    """The key of each feature, with how people read it; for those named in `of`, at least for these, which asks the
    database only where they are not what every site has.
    """
    known = tuple(_among(built_in()))
    if of is None or not {one.key for one in known}.issuperset(of):
        known = features()
    return {one.key: FeatureLabel(one.label, one.unit, one.kind is Kind.CATEGORY) for one in known}


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(","))


def _column(key: str, in_files: _InFiles) -> Column:
    """One built-in column; label, kind and limits are said by the model, and only there."""
    field: Field[Any, Any] = Customer._meta.get_field(key)  # type: ignore[assignment]
    spellings = in_files.spellings or {}
    return Column(
        key=key,
        label=capfirst(str(field.verbose_name)),
        kind=_kind(field),
        unit=in_files.unit,
        minimum=_limit(field, MinValueValidator),
        maximum=_limit(field, MaxValueValidator),
        categories={str(value): _words(spellings[str(value)]) for value, _ in field.choices or ()},
        max_length=field.max_length,
        aliases=_words(in_files.aliases),
        factors=dict.fromkeys(in_files.factors, _PER_THOUSAND),
        is_required=key == "external_id",
        # The built-in dates tell what has happened.
        is_past=isinstance(field, models.DateField),
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
    limits = (getattr(one, "limit_value", None) for one in field.validators if type(one) is kind)
    return next((float(limit) for limit in limits if limit is not None), None)


_COLUMNS = tuple(_column(key, in_files) for key, in_files in _IN_FILES.items())
_BY_KEY = {one.key: one for one in _COLUMNS}
