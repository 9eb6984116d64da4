"""What the headers of a file mean: suggestions from their names, and choices of people checked."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from customers.files.cells import USUAL, Reason, Style, read_cell
from customers.files.options import read_factor
from customers.files.sampling import Sample
from customers.files.schema import (
    Column,
    FactorWithoutNumbers,
    Kind,
    MalformedChoice,
    NoHeader,
    NoIdColumn,
    TargetTakenTwice,
    UnknownHeader,
    UnknownTarget,
    split_unit,
    squash,
)

# Of the cells below a missing header, this share may be damaged.
MOST_WRONG = 0.1


@dataclass(frozen=True, slots=True)
class MappedColumn:
    """A column of the file that is read into `column`.

    position   place in the file, from 0        header   as the file has it
    factor     what its numbers are multiplied with      style    how it writes numbers and dates
    """

    position: int
    header: str
    column: Column
    factor: float = 1.0
    style: Style = USUAL


def known_headers(columns: Iterable[Column]) -> frozenset[str]:
    """Every header that is recognised, squashed."""
    return frozenset(name for column in columns for name in _names(column))


def _names(column: Column) -> list[str]:
    return [squash(name) for name in (column.key, column.label, *column.aliases)]


def suggest(headers: Sequence[str], columns: Sequence[Column], sample: Sample | None = None) -> dict[str, str]:
    """Header → key of the column it most likely means; a header that is not recognised is left out.

    Where several headers could mean the same column, the most telling name gets it (`customer_id` before `id`). Where
    the file has no header, the cells of its `sample` tell, as far as they can.
    """
    if sample is not None and not sample.dialect.has_header:
        return _suggest_by_content(sample, columns)
    found: dict[str, tuple[int, str]] = {}
    for column in columns:
        rank = {name: place for place, name in reversed(list(enumerate(_names(column))))}
        for header in headers:
            names = [rank[name] for name in (squash(header), squash(split_unit(header)[0])) if name in rank]
            if names and (column.key not in found or min(names) < found[column.key][0]):
                found[column.key] = (min(names), header)
    chosen = {header: key for key, (_, header) in found.items()}
    return {header: chosen[header] for header in headers if header in chosen}


def _suggest_by_content(sample: Sample, columns: Sequence[Column]) -> dict[str, str]:
    """Headers by what is below them: e-mail addresses, words of categories, and the first column when it can be the id.

    Numbers and dates could be anything, and so could a lone yes or no: they are left out.
    """
    found: dict[str, str] = {}
    for header in sample.headers:
        cells = [cell for cell in sample.cells(header) if cell.strip()]
        for column in columns:
            if column.key not in found.values() and header not in found and _tells(column, cells):
                found[header] = column.key
    first, firsts = sample.headers[0], sample.cells(sample.headers[0])
    needed = next((column.key for column in columns if column.is_required), None)
    if needed and first not in found and all(firsts) and len(set(firsts)) == len(firsts):
        found[first] = needed
    return {header: found[header] for header in sample.headers if header in found}


def _tells(column: Column, cells: Sequence[str]) -> bool:
    """Whether cells without a header can only be this column."""
    if column.kind is Kind.CATEGORY:
        # A category's own name is among them, not only "1" or "yes", which every second column may say.
        names = {name.lower() for name in column.categories}
        if not any(cell.strip().lower() in names for cell in cells):
            return False
    elif column.kind is not Kind.EMAIL:
        return False
    wrong = sum(isinstance(read_cell(column, cell), Reason) for cell in cells)
    return bool(cells) and wrong <= MOST_WRONG * len(cells)


def read_choices(choices: Iterable[str]) -> dict[str, str]:
    """`HEADER=target` as people write it → header to target; an empty target leaves the column out.

    Raises MalformedChoice.
    """
    chosen: dict[str, str] = {}
    for choice in choices:
        header, sign, target = choice.rpartition("=")
        if not sign or not header.strip():
            raise MalformedChoice(choice=choice)
        chosen[header.strip()] = target.strip()
    return chosen


def split_factors(chosen: Mapping[str, str]) -> tuple[dict[str, str], dict[str, float]]:
    """Choices such as `annual_income*0.001` → header to target, and header to factor. Raises BadFactor."""
    targets, factors = {}, {}
    for header, choice in chosen.items():
        target, sign, factor = choice.partition("*")
        targets[header] = target.strip()
        if sign:
            factors[header] = read_factor(factor, header)
    return targets, factors


def factor_of(sample: Sample, header: str, column: Column) -> float:
    """What the numbers below a header are multiplied with: as people said, else as the unit in its brackets tells.

    Raises FactorWithoutNumbers.
    """
    said = (sample.options.factors or {}).get(header)
    if said is None:
        return column.factors.get(split_unit(header)[1], 1.0)
    if column.kind is not Kind.NUMBER:
        raise FactorWithoutNumbers(header=header, target=column.label, factor=f"{said:.15g}")
    return said


def complete(sample: Sample, columns: Sequence[Column], chosen: Mapping[str, str]) -> dict[str, str]:
    """The suggestions, overruled by what people chose; a target that they chose is not suggested for another header."""
    suggested = {
        header: key
        for header, key in suggest(sample.headers, columns, sample).items()
        if header not in chosen and key not in chosen.values()
    }
    return {header: key for header, key in {**suggested, **chosen}.items() if key}


def apply(sample: Sample, columns: Sequence[Column], mapping: Mapping[str, str]) -> tuple[MappedColumn, ...]:
    """The columns of the file that are read, in its order, with how each writes its numbers and dates.

    `mapping` is complete: header → key of a column.
    Raises UnknownHeader, UnknownTarget, TargetTakenTwice, NoHeader, NoIdColumn, FactorWithoutNumbers.
    """
    by_key = {column.key: column for column in columns}
    positions = {header: position for position, header in enumerate(sample.headers)}
    taken: dict[str, str] = {}
    for header, key in mapping.items():
        if header not in positions:
            raise UnknownHeader(header=header, headers=", ".join(sample.headers))
        if key not in by_key:
            raise UnknownTarget(target=key, known=", ".join(by_key))
        if key in taken:
            raise TargetTakenTwice(first=taken[key], second=header, target=by_key[key].label)
        taken[key] = header
    for column in columns:
        if column.is_required and column.key not in taken:
            if not sample.dialect.has_header:
                raise NoHeader(first=", ".join(sample.rows[0][:5]))
            raise NoIdColumn(label=column.label, headers=", ".join(sample.headers))
    mapped = (
        MappedColumn(
            position=positions[header],
            header=header,
            column=by_key[key],
            factor=factor_of(sample, header, by_key[key]),
            style=sample.style_of(header, by_key[key]),
        )
        for header, key in mapping.items()
    )
    return tuple(sorted(mapped, key=lambda one: one.position))
