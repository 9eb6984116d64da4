"""What the columns of an uploaded file would be read as, before anything is saved: the view of the mapping page."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date

from django.utils.formats import date_format
from django.utils.translation import gettext as _

from customers import registering, starting, targets
from customers.files import mapping as file_mapping
from customers.files.cells import FALSE, TRUE, DateOrder, Reason, Style, is_blank, read_cell
from customers.files.sampling import Dialect, Filled, ReadingOptions, Sample
from customers.files.schema import Column, FileProblem, Kind, split_unit
from customers.models import Attribute, Import

PREVIEWED_ROWS = 20
EXAMPLES = 3
# What is chosen for a column that is to become an attribute of its own.
NEW = "new:"
MOST_CATEGORIES = 20


@dataclass(frozen=True, slots=True)
class NewAttribute:
    """An attribute that a column of the file may become: what it would be called, and of which kind it seems."""

    key: str
    label: str
    kind: str
    categories: tuple[str, ...] = ()

    @property
    def kind_label(self) -> str:
        return str(Attribute.Kind(self.kind).label)


@dataclass(frozen=True, slots=True)
class PreviewedColumn:
    """A column of the file: its header, what it is to be read as ("" leaves it out), and how its cells fare as that.

    `note` says how its dates or units are read, or is "". `new` is the attribute that it may become.
    """

    header: str
    target: str
    examples: tuple[str, ...]
    fares: Filled
    is_taken_twice: bool
    note: str
    new: NewAttribute | None


@dataclass(frozen=True, slots=True)
class Preview:
    """An uploaded file as the mapping page shows it; `obstacle` says what keeps the import from starting, or is ""."""

    dialect: Dialect
    options: ReadingOptions
    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    looked_at: int
    columns: tuple[PreviewedColumn, ...]
    targets: tuple[Column, ...]
    found_by: str
    obstacle: str


def preview(one: Import, chosen: Mapping[str, str]) -> Preview:
    """Look at the file of `one` with its columns read as `chosen`: header → key. A Problem when it is no table."""
    sample = starting.look(one)
    known = targets.columns(one)
    by_key = {column.key: column for column in known}
    planned = {
        NEW + new.key: Column(new.key, new.label, Kind(new.kind), categories=dict.fromkeys(new.categories, ()))
        for header in sample.headers
        if (new := propose(sample, header))
    }
    readable = by_key | planned
    mapping = {header: chosen[header] for header in sample.headers if chosen.get(header) in readable}
    return Preview(
        dialect=sample.dialect,
        options=sample.options,
        headers=sample.headers,
        rows=sample.rows[:PREVIEWED_ROWS],
        looked_at=len(sample.rows),
        columns=tuple(_column(sample, header, mapping, readable) for header in sample.headers),
        targets=known,
        found_by=_found_by(one, mapping),
        obstacle=_obstacle(one, sample, readable, mapping),
    )


def propose(sample: Sample, header: str) -> NewAttribute | None:
    """The attribute that a column could become, its kind guessed from its cells; None when it could be none."""
    name = split_unit(header)[0] or header
    key = registering.key_of(name)
    if not key or header in starting.ADDED_TO_REJECTS:
        return None
    label = name[: registering.LONGEST_LABEL]
    cells = [cell.strip() for cell in sample.cells(header) if cell.strip()]
    if not cells:
        return None
    for kind in (Kind.BOOLEAN, Kind.NUMBER, Kind.DATE):
        column = Column(key, label, kind)
        said = [cell for cell in cells if not is_blank(column, cell)]
        if kind is Kind.BOOLEAN and not all(cell.lower() in TRUE | FALSE for cell in said):
            continue
        style = sample.style_of(header, column)
        if said and not any(isinstance(read_cell(column, cell, style), Reason) for cell in said):
            return NewAttribute(key, label, kind.value)
    distinct = sorted({cell for cell in cells if not is_blank(Column(key, label, Kind.CATEGORY), cell)})
    if not 1 <= len(distinct) <= MOST_CATEGORIES or any(len(one) > registering.LONGEST_CATEGORY for one in distinct):
        return None
    return NewAttribute(key, label, Kind.CATEGORY.value, tuple(distinct))


def _column(sample: Sample, header: str, mapping: Mapping[str, str], readable: Mapping[str, Column]) -> PreviewedColumn:
    target = mapping.get(header, "")
    cells = sample.cells(header)
    note = ""
    if column := readable.get(target):
        factor = column.factors.get(split_unit(header)[1], 1.0)
        style = sample.style_of(header, column)
        fares = sample.filled(header, column, style, factor)
        note = _note(column, cells, style, factor)
    else:
        fares = sample.filled(header, None)
    examples = tuple(dict.fromkeys(cell.strip() for cell in cells if cell.strip()))[:EXAMPLES]
    taken = list(mapping.values()).count(target) > 1
    return PreviewedColumn(header, target, examples, fares, taken, note, propose(sample, header))


def _note(column: Column, cells: list[str], style: Style, factor: float) -> str:
    """How its dates, its numbers or its unit are read, by an example."""
    said = next((cell.strip() for cell in cells if not is_blank(column, cell)), "")
    read = read_cell(column, said, style, factor) if said else None
    if read is None or isinstance(read, Reason):
        return ""
    if isinstance(read, date) and not said[:4].isdigit():
        sure = _("as the whole column tells") if style.date_order is not DateOrder.UNDECIDED else _("the only way")
        return _("“{cell}” is read as {date}, {sure}.").format(cell=said, date=date_format(read, "j F Y"), sure=sure)
    if column.kind is Kind.NUMBER and (factor != 1 or style.decimal == ","):
        return _("“{cell}” is read as {number}.").format(cell=said, number=f"{read:,.10g} {column.unit}".strip())
    return ""


def _found_by(one: Import, mapping: Mapping[str, str]) -> str:
    if one.kind == Import.Kind.CUSTOMERS and "external_id" not in mapping.values() and "email" in mapping.values():
        return _("Rows find customers by their e-mail address, because no column is the customer id.")
    return ""


def _obstacle(one: Import, sample: Sample, readable: Mapping[str, Column], mapping: Mapping[str, str]) -> str:
    by_email = bool(_found_by(one, mapping))
    for column in readable.values():
        if column.is_required and column.key not in mapping.values() and not by_email:
            sentence = _("Choose the column that holds the {what}: without it no row can be saved.")
            if column.key == "external_id":
                sentence = _(
                    "Choose the column that holds the {what}: without it no customer can be told from another."
                )
            return sentence.format(what=column.label.lower())
    if by_email:
        return ""
    try:
        file_mapping.apply(sample, [replace(column, key=key) for key, column in readable.items()], mapping)
    except FileProblem as problem:
        return str(problem)
    return ""
