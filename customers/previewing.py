"""What the columns of an uploaded file would be read as, before anything is saved: the view of the mapping page."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.translation import gettext as _

from customers import starting, targets
from customers.files import mapping as file_mapping
from customers.files.sampling import Filled, Sample
from customers.files.schema import Column, FileProblem, split_unit
from customers.models import Import

PREVIEWED_ROWS = 20
EXAMPLES = 3


@dataclass(frozen=True, slots=True)
class PreviewedColumn:
    """A column of the file: its header, what it is to be read as ("" leaves it out), and how its cells fare as that."""

    header: str
    target: str
    examples: tuple[str, ...]
    fares: Filled
    is_taken_twice: bool


@dataclass(frozen=True, slots=True)
class Preview:
    """An uploaded file as the mapping page shows it; `obstacle` says what keeps the import from starting, or is ""."""

    facts: tuple[str, ...]
    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    looked_at: int
    columns: tuple[PreviewedColumn, ...]
    targets: tuple[Column, ...]
    obstacle: str


def preview(one: Import, chosen: Mapping[str, str]) -> Preview:
    """Look at the file of `one` with its columns read as `chosen`: header → key. A Problem when it is no table."""
    sample = starting.look(one)
    known = targets.columns(one)
    by_key = {column.key: column for column in known}
    mapping = {header: chosen[header] for header in sample.headers if chosen.get(header) in by_key}
    return Preview(
        facts=sample.dialect.facts,
        headers=sample.headers,
        rows=sample.rows[:PREVIEWED_ROWS],
        looked_at=len(sample.rows),
        columns=tuple(_column(sample, header, mapping, by_key) for header in sample.headers),
        targets=known,
        obstacle=_obstacle(sample, known, mapping),
    )


def _column(sample: Sample, header: str, mapping: Mapping[str, str], by_key: Mapping[str, Column]) -> PreviewedColumn:
    target = mapping.get(header, "")
    cells = sample.cells(header)
    if column := by_key.get(target):
        factor = column.factors.get(split_unit(header)[1], 1.0)
        fares = sample.filled(header, column, factor=factor)
    else:
        fares = sample.filled(header, None)
    examples = tuple(dict.fromkeys(cell.strip() for cell in cells if cell.strip()))[:EXAMPLES]
    return PreviewedColumn(header, target, examples, fares, list(mapping.values()).count(target) > 1)


def _obstacle(sample: Sample, targets: tuple[Column, ...], mapping: Mapping[str, str]) -> str:
    for column in targets:
        if column.is_required and column.key not in mapping.values():
            sentence = _("Choose the column that holds the {what}: without it no customer can be told from another.")
            return sentence.format(what=column.label.lower())
    try:
        file_mapping.apply(sample, targets, mapping)
    except FileProblem as problem:
        return str(problem)
    return ""
