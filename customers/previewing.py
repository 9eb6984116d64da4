"""What the columns of an uploaded file would be read as, before anything is saved: the view of the mapping page."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date

from django.utils.formats import date_format
from django.utils.translation import gettext as _

from customers import proposing, starting, targets
from customers.files import mapping as file_mapping
from customers.files.cells import DateOrder, Reason, Style, is_blank, read_cell, shown
from customers.files.plaintext import DELIMITERS, ENCODINGS
from customers.files.sampling import CSV, Dialect, Filled, Sample
from customers.files.schema import Column, FileProblem, Kind
from customers.models import Import
from customers.proposing import AS_PROPOSED, NEW, Named, NewAttribute
from segmentation_site.jobs.problems import Problem
from segmentation_site.language import saying

PREVIEWED_ROWS = 20
EXAMPLES = 3
CATEGORIES_SHOWN = 8


@dataclass(frozen=True, slots=True)
class PreviewedColumn:
    """A column of the file: its header, what it is to be read as ("" leaves it out), and how its cells fare as that.

    `note` says how its dates or units are read, or is "". `new` is the attribute that it may become, `is_new` whether
    it is to. `factor` is what its numbers are multiplied with, as text; None where it has none. `ambiguous` is a date
    that can be read in two ways, or "".
    """

    header: str
    target: str
    examples: tuple[str, ...]
    fares: Filled
    is_taken_twice: bool
    note: str
    new: NewAttribute | None
    factor: str | None = None
    ambiguous: str = ""

    @property
    def is_new(self) -> bool:
        return self.new is not None and self.target.startswith(NEW)

    @property
    def further_wrong(self) -> int:
        """How many cells could not be saved for reasons that are not among those named."""
        return max(0, self.fares.wrong - len(self.fares.reasons))


@dataclass(frozen=True, slots=True)
class Found:
    """What the file itself tells of how it is written, in words; "" where it tells nothing."""

    encoding: str = ""
    delimiter: str = ""
    decimal: str = ""
    date_order: str = ""
    header_row: str = ""
    has_header: str = ""


@dataclass(frozen=True, slots=True)
class Preview:
    """An uploaded file as the mapping page shows it; `obstacle` says what keeps the import from starting, or is "".

    `date` is one of the file that could be read in two ways, with both readings. `unreadable` is a cell of a text with
    characters that could not be read in its encoding, or "".
    """

    dialect: Dialect
    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    top: tuple[tuple[int, str], ...]
    looked_at: int
    columns: tuple[PreviewedColumn, ...]
    targets: tuple[Column, ...]
    found: Found
    date: tuple[str, str, str]
    found_by: str
    obstacle: str
    unreadable: str

    @property
    def registers(self) -> bool:
        """Whether a column is to become an attribute."""
        return any(column.is_new for column in self.columns)

    @property
    def is_ambiguous(self) -> bool:
        """Whether a date cannot be read until somebody says how."""
        return any(column.ambiguous for column in self.columns)


def preview(one: Import, chosen: Mapping[str, str], named: Named = AS_PROPOSED) -> Preview:
    """Look at the file of `one` with its columns read as `chosen`: header → key. A Problem when it is no table."""
    sample = starting.look(one)
    known = targets.columns(one)
    new = {header: found for header in sample.headers if (found := proposing.propose(sample, header, named))}
    planned = {
        chosen[header]: proposal.as_column()
        for header, proposal in new.items()
        if chosen.get(header, "").startswith(NEW) and one.kind == Import.Kind.CUSTOMERS
    }
    readable = {column.key: column for column in known} | planned
    mapping = {header: chosen[header] for header in sample.headers if chosen.get(header) in readable}
    columns = tuple(_column(sample, header, mapping, readable, new.get(header)) for header in sample.headers)
    return Preview(
        dialect=sample.dialect,
        headers=sample.headers,
        rows=sample.rows[:PREVIEWED_ROWS],
        top=tuple((line, ", ".join(filter(None, cells))[:60]) for line, cells in sample.top.items()),
        looked_at=len(sample.rows),
        columns=columns,
        targets=known,
        found=_found(one, sample, {header: readable[key] for header, key in mapping.items()}),
        date=_both_ways(next((column.ambiguous for column in columns if column.ambiguous), "03/04/2026")),
        found_by=_found_by(one, mapping),
        obstacle=_obstacle(one, sample, readable, mapping),
        unreadable=_unreadable(sample),
    )


def _unreadable(sample: Sample) -> str:
    if sample.dialect.format != CSV:
        return ""
    cells = (cell for row in sample.rows for cell in row)
    return next((shown(cell) for cell in cells if "\ufffd" in cell), "")


def _found(one: Import, said: Sample, mapped: Mapping[str, Column]) -> Found:
    """What the file tells by itself: it is looked at once more where people said something of it."""
    sample = said
    if said.options.to_json():
        try:
            sample = starting.look(one, as_found=True)
        except Problem:
            return Found()
    styles = [
        (column.kind, sample.style_of(header, column)) for header, column in mapped.items() if header in sample.headers
    ]
    signs = {style.decimal for kind, style in styles if kind is Kind.NUMBER}
    orders = {style.date_order for kind, style in styles if kind is Kind.DATE}
    dialect = sample.dialect
    decimal = {".": _("point"), ",": _("comma")}
    order = {
        DateOrder.DAY_FIRST: _("the day comes first"),
        DateOrder.MONTH_FIRST: _("the month comes first"),
        DateOrder.UNDECIDED: _("unclear"),
    }
    return Found(
        encoding=ENCODINGS[dialect.encoding] if dialect.format == CSV else "",
        delimiter=saying.said(DELIMITERS[dialect.delimiter]) if dialect.format == CSV else "",
        decimal=_(" or ").join(decimal[sign] for sign in sorted(signs, reverse=True)),
        date_order=_(" or ").join(order[one] for one in order if one in orders),
        header_row="" if dialect.header_row is None else str(dialect.header_row),
        has_header=_("names") if dialect.has_header else _("a row"),
    )


def _both_ways(ambiguous: str) -> tuple[str, str, str]:
    """A date, and how it is read with the day first and with the month first."""
    column = Column("date", "Date", Kind.DATE)
    read = [read_cell(column, ambiguous, Style(date_order=order)) for order in _ORDERS]
    day_first, month_first = (date_format(one, _("j F Y")) if isinstance(one, date) else "" for one in read)
    return ambiguous, day_first, month_first


_ORDERS = (DateOrder.DAY_FIRST, DateOrder.MONTH_FIRST)


def _column(
    sample: Sample,
    header: str,
    mapping: Mapping[str, str],
    readable: Mapping[str, Column],
    new: NewAttribute | None,
) -> PreviewedColumn:
    target = mapping.get(header, "")
    cells = sample.cells(header)
    note = ambiguous = ""
    factor: float | None = None
    if column := readable.get(target):
        if column.kind is Kind.NUMBER:
            factor = file_mapping.factor_of(sample, header, column)
        style = sample.style_of(header, column)
        fares = sample.filled(header, column, style, factor or 1.0)
        note = _note(column, cells, style, factor or 1.0, is_new=target.startswith(NEW))
        ambiguous = _ambiguous(column, cells, style)
    else:
        fares = sample.filled(header, None)
    return PreviewedColumn(
        header=header,
        target=target,
        examples=tuple(dict.fromkeys(cell.strip() for cell in cells if cell.strip()))[:EXAMPLES],
        fares=fares,
        is_taken_twice=list(mapping.values()).count(target) > 1,
        note=note,
        new=new,
        factor=None if factor is None else f"{factor:.15g}",
        ambiguous=ambiguous,
    )


def _ambiguous(column: Column, cells: list[str], style: Style) -> str:
    """The first date of a column that can be read in two ways, where nothing decides; "" when there is none."""
    if column.kind is not Kind.DATE or style.date_order is not DateOrder.UNDECIDED:
        return ""
    read = ((cell.strip(), read_cell(column, cell, style)) for cell in cells)
    return next((cell for cell, one in read if isinstance(one, Reason) and one.code == "ambiguous_date"), "")


def _note(column: Column, cells: list[str], style: Style, factor: float, *, is_new: bool) -> str:
    """How its dates, its numbers or its unit are read, by an example that can be; of new categories, which they are."""
    if column.kind is Kind.CATEGORY and is_new:
        some = ", ".join(list(column.categories)[:CATEGORIES_SHOWN])
        more = "" if len(column.categories) <= CATEGORIES_SHOWN else ", …"
        return _("Categories: {some}.").format(some=some + more)
    said = (cell.strip() for cell in cells if not is_blank(column, cell))
    readings = ((cell, read_cell(column, cell, style, factor)) for cell in said)
    cell, read = next(((cell, read) for cell, read in readings if not isinstance(read, Reason)), ("", None))
    if isinstance(read, date) and not cell[:4].isdigit():
        sure = _("as the whole column tells") if style.date_order is not DateOrder.UNDECIDED else _("the only way")
        return _("“{cell}” is read as {date}, {sure}.").format(cell=cell, date=date_format(read, "j F Y"), sure=sure)
    if column.kind is Kind.NUMBER and read is not None and (factor != 1 or style.decimal == ","):
        return _("“{cell}” is read as {number}.").format(
            cell=cell, number=f"{saying.spelled(f'{read:,.10g}')} {saying.said(column.unit)}".strip()
        )
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
            return sentence.format(what=saying.within(saying.label(column.label)))
    if by_email:
        return ""
    try:
        file_mapping.apply(sample, [replace(column, key=key) for key, column in readable.items()], mapping)
    except FileProblem as problem:
        return saying.said(problem)
    return ""
