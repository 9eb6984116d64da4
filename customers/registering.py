"""Registering attributes: a row that says what it is, and a column that holds its values."""

import re
from collections.abc import Iterable

from django.db import IntegrityError, connection, transaction
from django.utils.translation import gettext_noop
from psycopg import sql

from customers import attributes, ordering
from customers.files.schema import Column, Kind, squash
from customers.models import Attribute, Customer, WantedOrder
from segmentation_site.access import audit
from segmentation_site.access.audit import Action
from segmentation_site.jobs.problems import Problem

MOST = 200
LONGEST_LABEL = 100
LONGEST_UNIT = 20
LONGEST_CATEGORY = 100
MOST_CATEGORIES = 200
_KEY = re.compile(r"^[a-z][a-z0-9_]{0,49}$")
_TYPES = {
    Kind.NUMBER: sql.SQL("double precision"),
    Kind.CATEGORY: sql.SQL("text"),
    Kind.BOOLEAN: sql.SQL("boolean"),
    Kind.DATE: sql.SQL("date"),
}
# Adding a column takes a moment, but waits for everybody who reads; nobody should wait behind it for long.
_PATIENCE = "5s"


class InvalidAttribute(Problem):
    code = "invalid_attribute"
    sentence = gettext_noop("{what}")


class AttributeTaken(Problem):
    code = "attribute_taken"
    sentence = gettext_noop("There is already something known of customers called {name}.")
    remedy = gettext_noop("Give it another key and label.")
    http_status = 409


def key_of(label: str) -> str:
    """A key for a label, such as `loyalty_points` for "Loyalty points (pts)"."""
    words = re.sub(r"[^a-z0-9]+", "_", squash_words(label)).strip("_")
    return (words if words[:1].isalpha() else f"a_{words}")[:50].strip("_")


def squash_words(label: str) -> str:
    """A label in plain small letters, its words apart."""
    words = (squash(word) for word in re.split(r"[^\w]+", label))
    return " ".join(word for word in words if word).encode("ascii", "ignore").decode()


def register(
    *,
    key: str,
    label: str,
    kind: str,
    unit: str = "",
    minimum: float | None = None,
    maximum: float | None = None,
    categories: Iterable[str] = (),
) -> Attribute:
    """Make a new attribute that imports can fill and segmentations can use. Raises InvalidAttribute, AttributeTaken."""
    label, listed = " ".join(label.split()), _categories(categories)
    check_new(key=key, label=label, kind=kind, unit=unit, minimum=minimum, maximum=maximum, categories=listed)
    attribute = Attribute(
        key=key, label=label, kind=kind, unit=unit.strip(), minimum=minimum, maximum=maximum, categories=listed
    )
    ordering.step_aside()
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            attribute.save(force_insert=True)
            cursor.execute("SELECT set_config('lock_timeout', %s, true)", [_PATIENCE])
            cursor.execute(_drop(key))
            cursor.execute(
                sql.SQL("ALTER TABLE {} ADD COLUMN {} {}").format(_customers(), _name(key), _TYPES[Kind(kind)])
            )
            audit.record(Action.ATTRIBUTE_REGISTERED, key)
    except IntegrityError as error:
        raise AttributeTaken(name=key, pointer="/key") from error
    return attribute


def change(
    attribute: Attribute,
    *,
    label: str,
    unit: str = "",
    minimum: float | None = None,
    maximum: float | None = None,
    categories: Iterable[str] = (),
) -> Attribute:
    """Change how an attribute is called and what later values it takes; values that are there stay.

    Raises InvalidAttribute, AttributeTaken.
    """
    label, listed = " ".join(label.split()), _categories(categories)
    check_changed(attribute, label=label, unit=unit, minimum=minimum, maximum=maximum, categories=listed)
    attribute.label, attribute.unit, attribute.categories = label, unit.strip(), listed
    attribute.minimum, attribute.maximum = minimum, maximum
    with transaction.atomic():
        attribute.save(update_fields=["label", "unit", "minimum", "maximum", "categories"])
        audit.record(Action.ATTRIBUTE_CHANGED, attribute.key)
    return attribute


def remove(attribute: Attribute) -> None:
    """Remove an attribute with all its values; runs that used it keep their results."""
    ordering.step_aside()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT set_config('lock_timeout', %s, true)", [_PATIENCE])
        attribute.delete()
        WantedOrder.objects.filter(key=attribute.key).delete()
        cursor.execute(_drop(attribute.key))
        audit.record(Action.ATTRIBUTE_REMOVED, attribute.key)


def check_new(
    *,
    key: str,
    label: str,
    kind: str,
    unit: str = "",
    minimum: float | None = None,
    maximum: float | None = None,
    categories: Iterable[str] = (),
) -> None:
    """What `register` refuses, refused before anything is done. Raises InvalidAttribute, AttributeTaken."""
    if not _KEY.match(key):
        raise InvalidAttribute(
            pointer="/key",
            what=gettext_noop("{key!r} is no key: write small letters, digits and _, beginning with a letter.").format(
                key=key
            ),
        )
    if kind not in Attribute.Kind.values:
        raise InvalidAttribute(
            pointer="/kind",
            what=gettext_noop("{kind!r} is none of: {known}.").format(
                kind=kind, known=", ".join(Attribute.Kind.values)
            ),
        )
    _check(label, kind, unit, minimum, maximum, _categories(categories))
    if Attribute.objects.count() >= MOST:
        raise InvalidAttribute(
            what=gettext_noop("There are {most} attributes already. Remove one that nobody needs.").format(most=MOST)
        )
    if any(key == column.key for column in _taken()):
        raise AttributeTaken(name=key, pointer="/key")
    _refuse_taken_label(label)


def check_changed(
    attribute: Attribute,
    *,
    label: str,
    unit: str = "",
    minimum: float | None = None,
    maximum: float | None = None,
    categories: Iterable[str] = (),
) -> None:
    """What `change` refuses, refused before anything is done. Raises InvalidAttribute, AttributeTaken."""
    _check(label, attribute.kind, unit, minimum, maximum, _categories(categories))
    _refuse_taken_label(label, but=attribute.key)


def _taken() -> tuple[Column, ...]:
    return (*attributes.columns(), *attributes.PURCHASE_FIGURES)


def _refuse_taken_label(label: str, but: str = "") -> None:
    for column in _taken():
        if column.key != but and squash(label) == squash(column.label):
            raise AttributeTaken(name=column.label, pointer="/label")


def _check(
    label: str, kind: str, unit: str, minimum: float | None, maximum: float | None, categories: list[str]
) -> None:
    if not 1 <= len(label) <= LONGEST_LABEL or "\0" in label:
        raise InvalidAttribute(
            pointer="/label", what=gettext_noop("A label has from 1 to {most} characters.").format(most=LONGEST_LABEL)
        )
    if len(unit) > LONGEST_UNIT or "\0" in unit:
        raise InvalidAttribute(
            pointer="/unit", what=gettext_noop("A unit has at most {most} characters.").format(most=LONGEST_UNIT)
        )
    if kind != Attribute.Kind.NUMBER and (minimum is not None or maximum is not None):
        raise InvalidAttribute(pointer="/minimum", what=gettext_noop("Only numbers have limits."))
    if minimum is not None and maximum is not None and minimum > maximum:
        raise InvalidAttribute(pointer="/minimum", what=gettext_noop("The least value is above the greatest."))
    if (kind == Attribute.Kind.CATEGORY) != bool(categories):
        what = (
            gettext_noop("Name the categories.")
            if kind == Attribute.Kind.CATEGORY
            else gettext_noop("Only categories are listed.")
        )
        raise InvalidAttribute(pointer="/categories", what=what)


def _categories(given: Iterable[str]) -> list[str]:
    listed = list(dict.fromkeys(word for name in given if (word := " ".join(name.replace("\0", "").split()))))
    if len(listed) > MOST_CATEGORIES or any(len(name) > LONGEST_CATEGORY for name in listed):
        raise InvalidAttribute(
            pointer="/categories",
            what=gettext_noop("At most {most} categories of at most {longest} characters can be told apart.").format(
                most=MOST_CATEGORIES, longest=LONGEST_CATEGORY
            ),
        )
    return listed


def _drop(key: str) -> sql.Composed:
    return sql.SQL("ALTER TABLE {} DROP COLUMN IF EXISTS {}").format(_customers(), _name(key))


def _customers() -> sql.Identifier:
    return sql.Identifier(Customer._meta.db_table)


def _name(key: str) -> sql.Identifier:
    return sql.Identifier(attributes.name_in_table(key))
