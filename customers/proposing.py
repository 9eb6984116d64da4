"""Attributes that columns of an uploaded file may become, and starting an import together with them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext_noop

from customers import registering, starting
from customers.files.cells import FALSE, TRUE, Reason, is_blank, read_cell
from customers.files.sampling import Sample
from customers.files.schema import Column, Kind, split_unit
from customers.models import Attribute, Import
from segmentation_site.access.roles import Deed, may
from segmentation_site.jobs.problems import Problem

# What is chosen for a column that is to become an attribute of its own.
NEW = "new:"
MOST_CATEGORIES = 20


class NoNewAttributes(Problem):
    code = "no_new_attributes"
    sentence = gettext_noop("Columns of a file of purchases cannot become attributes: those are of customers.")
    remedy = gettext_noop("Leave the column out, or bring it in a file of customers.")


class OnlyAdminsRegister(Problem):
    code = "only_admins_register"
    sentence = gettext_noop("Only an admin can make a new attribute of a column.")
    remedy = gettext_noop("Leave the column out, or ask an admin to register the attribute first.")
    http_status = 403


class NothingToRegister(Problem):
    code = "nothing_to_register"
    sentence = gettext_noop(
        "The column {header!r} cannot become an attribute: its cells are empty, or are too many different texts."
    )
    remedy = gettext_noop("Leave it out, or register the attribute under Admin → Attributes first.")


@dataclass(frozen=True, slots=True)
class NewAttribute:
    """An attribute that a column of the file may become: what it would be called, and of which kind it seems."""

    key: str
    label: str
    kind: str
    unit: str = ""
    categories: tuple[str, ...] = ()

    @property
    def kind_label(self) -> str:
        return str(Attribute.Kind(self.kind).label)

    @property
    def is_number(self) -> bool:
        return self.kind == Kind.NUMBER

    def as_column(self) -> Column:
        """What the column would be read as."""
        categories: dict[str, tuple[str, ...]] = dict.fromkeys(self.categories, ())
        return Column(self.key, self.label, Kind(self.kind), unit=self.unit, categories=categories)


@dataclass(frozen=True, slots=True)
class Named:
    """What a person calls new attributes: header → label, and header → unit; "" or nothing leaves the proposal."""

    labels: Mapping[str, str] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)


AS_PROPOSED = Named()


def propose(sample: Sample, header: str, named: Named = AS_PROPOSED) -> NewAttribute | None:
    """The attribute that a column could become, its kind guessed from its cells; None when it could be none."""
    name, unit = split_unit(header)
    label = " ".join(named.labels.get(header, "").split()) or (name or header)[: registering.LONGEST_LABEL]
    key = registering.key_of(label)
    cells = [cell.strip() for cell in sample.cells(header) if cell.strip()]
    if not key or not cells or header in starting.ADDED_TO_REJECTS:
        return None
    for kind in (Kind.BOOLEAN, Kind.NUMBER, Kind.DATE):
        column = Column(key, label, kind)
        said = [cell for cell in cells if not is_blank(column, cell)]
        if kind is Kind.BOOLEAN and not all(cell.lower() in TRUE | FALSE for cell in said):
            continue
        style = sample.style_of(header, column)
        if said and not any(isinstance(read_cell(column, cell, style), Reason) for cell in said):
            unit = named.units.get(header, unit).strip() if kind is Kind.NUMBER else ""
            return NewAttribute(key, label, kind.value, unit=unit)
    # Of categories only an empty cell says nothing: "none" and "NA" may be among them.
    distinct = tuple(sorted(set(cells)))
    if not 1 <= len(distinct) <= MOST_CATEGORIES or any(len(one) > registering.LONGEST_CATEGORY for one in distinct):
        return None
    return NewAttribute(key, label, Kind.CATEGORY.value, categories=distinct)


def start(one: Import, choices: starting.Choices, *, named: Named, by: User) -> Import:
    """Register what columns are to become, and start the import: both, or none of it.

    Raises as `starting.start` and `registering.register`; NoNewAttributes, OnlyAdminsRegister, NothingToRegister.
    """
    headers = [header for header, target in choices.mapping.items() if target.startswith(NEW)]
    if not headers:
        return starting.start(one, choices)
    if one.kind != Import.Kind.CUSTOMERS:
        raise NoNewAttributes(pointer="/mapping")
    if not may(by, Deed.ADMINISTER):
        raise OnlyAdminsRegister(pointer="/mapping")
    sample, mapping = starting.look(one), dict(choices.mapping)
    with transaction.atomic():
        for header in headers:
            new = propose(sample, header, named)
            if new is None:
                raise NothingToRegister(header=header, pointer="/mapping")
            registering.register(key=new.key, label=new.label, kind=new.kind, unit=new.unit, categories=new.categories)
            mapping[header] = new.key
        return starting.start(one, replace(choices, mapping=mapping))
