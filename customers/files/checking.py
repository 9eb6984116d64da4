"""Which rows are good: each cell of each row against its column, a column at a time.

Says the same of every cell as `cells.read_cell`, about twenty times faster: a million rows of eight columns take 0.5 s.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from customers.files import cells
from customers.files.cells import DateOrder, sentence, shown, spellings
from customers.files.mapping import MappedColumn
from customers.files.reading import LINE, Piece, cell_name
from customers.files.schema import Kind

# Rows to give back: the line, and as JSON the reasons (a list of {field, code, detail}) and the row (header to text).
REJECTED = {LINE: pl.Int64, "reasons": pl.String, "cells": pl.String}
# Under which name cells beyond the header are given back.
BEYOND = "…"

_QUOTED = frozenset('",\r\n')

_TYPES = {Kind.NUMBER: pl.Float64, Kind.DATE: pl.Date, Kind.BOOLEAN: pl.Boolean}


@dataclass(frozen=True, slots=True)
class Checked:
    """What checking makes of a piece: rows to merge, rows to give back.

    accepted   LINE and one column per mapped column under its key: String, Float64, Date or Boolean, null where a cell
               says nothing
    rejected   see REJECTED
    is_plain   whether it is known that no text among the accepted would have to be quoted in a CSV with commas
    """

    accepted: pl.DataFrame
    rejected: pl.DataFrame
    is_plain: bool = False


def accepted_schema(mapped: Iterable[MappedColumn]) -> dict[str, Any]:
    """The columns of accepted rows and their types."""
    return {LINE: pl.Int64, **{one.column.key: _TYPES.get(one.column.kind, pl.String) for one in mapped}}


def check(piece: Piece, mapped: Sequence[MappedColumn], headers: Sequence[str]) -> Checked:
    """Check every row of a piece; each is either accepted or rejected, with all its reasons."""
    rows = piece.rows
    values: dict[str, pl.Series] = {LINE: rows[LINE]}
    wrong: dict[str, pl.Series] = {}
    for one in mapped:
        value, code = _read(rows[cell_name(one.position)], one, piece)
        values[one.column.key] = value
        if code is not None and code.is_not_null().any():
            wrong[one.column.key] = code
    accepted = pl.DataFrame(values, schema=accepted_schema(mapped))
    rejected = [_given_back(row.line, [("", row.code, row.detail)], row.cells, headers) for row in piece.broken]
    if wrong:
        codes = pl.DataFrame(wrong)
        is_wrong = codes.select(pl.any_horizontal(pl.all().is_not_null())).to_series()
        accepted = accepted.filter(~is_wrong)
        rejected += _with_reasons(rows.filter(is_wrong), codes.filter(is_wrong), mapped, headers)
    is_plain = piece.is_plain and not any(_QUOTED & set(word) for one in mapped for word in one.column.categories)
    return Checked(accepted, pl.DataFrame(rejected, schema=REJECTED, orient="row").sort(LINE), is_plain)


def superseded(kept: pl.DataFrame) -> pl.DataFrame:
    """Rows whose id comes again further down, where it counts: LINE and `by`, the line of the last row with that id.

    `kept` has the LINE and the `id` of every accepted row of the file, in its order.
    """
    # Hashes in order tell a million ids apart in a tenth of the time; the few that may come again are compared.
    hashes = kept["id"].hash()
    ordered = np.sort(hashes.to_numpy())
    twice = pl.Series(ordered[1:][ordered[1:] == ordered[:-1]]).unique()
    again = kept.filter(hashes.is_in(twice.implode())).filter(pl.col("id").is_duplicated())
    return again.with_columns(by=pl.col(LINE).max().over("id")).filter(pl.col(LINE) != pl.col("by")).select(LINE, "by")


def give_back(piece: Piece, reasons: Mapping[int, tuple[str, str, str]], headers: Sequence[str]) -> pl.DataFrame:
    """Rows of a piece that were good but are not saved after all; `reasons` are line → (field, code, detail)."""
    rows = piece.rows.filter(pl.col(LINE).is_in(list(reasons)))
    return pl.DataFrame(
        [_given_back(line, [reasons[line]], cells, headers) for line, cells in _with_cells(rows)],
        schema=REJECTED,
        orient="row",
    )


def _with_cells(rows: pl.DataFrame) -> Iterable[tuple[int, tuple[str, ...]]]:
    width = rows.width - 1
    names = [cell_name(position) for position in range(width)]
    for line, *row in rows.select(LINE, *names).iter_rows():
        yield line, tuple(cell or "" for cell in row)


def _given_back(
    line: int, reasons: Iterable[tuple[str, str, str]], row: Sequence[str], headers: Sequence[str]
) -> tuple[int, str, str]:
    listed = [{"field": field, "code": code, "detail": detail} for field, code, detail in reasons]
    # The database's JSON knows no NUL.
    as_it_was = {header: cell.replace("\0", "\ufffd") for header, cell in zip(headers, row, strict=False)}
    if len(row) > len(headers):
        as_it_was[BEYOND] = " ".join(row[len(headers) :]).replace("\0", "\ufffd")
    return line, json.dumps(listed, ensure_ascii=False), json.dumps(as_it_was, ensure_ascii=False)


def _with_reasons(
    rows: pl.DataFrame, codes: pl.DataFrame, mapped: Sequence[MappedColumn], headers: Sequence[str]
) -> list[tuple[int, str, str]]:
    at_fault = [one for one in mapped if one.column.key in codes.columns]
    sentences: dict[tuple[str, str], str] = {}
    found = []
    for (line, row), row_codes in zip(_with_cells(rows), codes.iter_rows(), strict=True):
        reasons = []
        for one, code in zip(at_fault, row_codes, strict=True):
            if code is None:
                continue
            key = one.column.key
            if (key, code) not in sentences:
                sentences[key, code] = sentence(one.column, code)
            reasons.append((key, code, sentences[key, code].replace("{}", shown(row[one.position].strip()))))
        found.append(_given_back(line, reasons, row, headers))
    return found


def _read(column: pl.Series, one: MappedColumn, piece: Piece) -> tuple[pl.Series, pl.Series | None]:
    """The values of a column of a piece, null where a cell says nothing or is wrong, and the codes of what is wrong."""
    text = column if piece.is_plain else column.str.strip_chars()
    kind = one.column.kind
    if kind in (Kind.TEXT, Kind.EMAIL):
        text = _unguarded(text)
    text = _nothing_where(text, text == "")
    plain = _plain_numbers(text, one) if kind is Kind.NUMBER else None
    if kind not in (Kind.TEXT, Kind.EMAIL):
        is_said = None if plain is None else plain.is_finite()
        text = _without_blanks(text, cells.blanks(one.column), is_said)
    codes: list[tuple[pl.Series, str]] = []
    if one.column.is_required:
        codes.append((text.is_null(), "missing"))
    if not piece.is_clean:
        codes.append((text.str.contains(cells.UNREADABLE), "unreadable"))
    if plain is not None:
        value = _numbers(text, plain, one, codes)
    elif kind is Kind.DATE:
        value = _dates(text, one, codes)
    elif kind is Kind.CATEGORY:
        value = _meant(text, spellings(one.column), pl.String())
        codes.append((value.is_null() & text.is_not_null(), "not_a_category"))
    elif kind is Kind.BOOLEAN:
        meanings = {**dict.fromkeys(cells.TRUE, True), **dict.fromkeys(cells.FALSE, False)}
        value = _meant(text, meanings, pl.Boolean())
        codes.append((value.is_null() & text.is_not_null(), "not_a_boolean"))
    else:
        value = text
        if one.column.max_length is not None:
            codes.append((text.str.len_chars() > one.column.max_length, "too_long"))
        if kind is Kind.EMAIL:
            codes.append((~text.str.contains(cells.EMAIL), "not_an_email"))
    return _first_code(value, codes)


def _first_code(value: pl.Series, codes: Iterable[tuple[pl.Series, str]]) -> tuple[pl.Series, pl.Series | None]:
    """The first code that holds for each value, in the order in which `read_cell` asks."""
    found: pl.Series | None = None
    for is_wrong, code in codes:
        if is_wrong.any():
            before = pl.lit(None, pl.String) if found is None else found
            found = pl.select(pl.coalesce(before, pl.when(is_wrong).then(pl.lit(code)))).to_series()
    return (value, None) if found is None else (_nothing_where(value, found.is_not_null()), found)


def _nothing_where(values: pl.Series, holds: pl.Series) -> pl.Series:
    return pl.select(pl.when(~holds.fill_null(value=False)).then(values)).to_series() if holds.any() else values


def _without_blanks(text: pl.Series, blanks: frozenset[str], is_said: pl.Series | None) -> pl.Series:
    """What files write for nothing is nothing; `is_said` is where something else is known to be said."""
    if is_said is not None:
        if is_said.all() and not is_said.has_nulls():
            return text
        is_doubtful = ~is_said.fill_null(value=False)
        odd = text.filter(is_doubtful)
        return text.scatter(is_doubtful.arg_true(), _without_blanks(odd, blanks, None))
    different = text.unique()
    written = different.filter(different.str.to_lowercase().is_in(sorted(blanks)))
    return _nothing_where(text, text.is_in(written.implode())) if len(written) else text


def _meant(text: pl.Series, meanings: Mapping[str, Any], kind: pl.DataType) -> pl.Series:
    """What words stand for, whatever their case; null where that is not known. Each different word is looked up once,
    in a third of the time.
    """
    different = text.drop_nulls().unique()
    values = different.str.to_lowercase().replace_strict(meanings, default=None, return_dtype=kind)
    if values.dtype == text.dtype and values.equals(different):
        return text
    return text.replace_strict(different, values, default=None, return_dtype=kind)


def _unguarded(text: pl.Series) -> pl.Series:
    """Texts without the apostrophe that kept a spreadsheet from taking them for formulas."""
    if not text.str.starts_with("'").any():
        return text
    return text.str.replace(r"^'([=+\-@\t\r])", "${1}").str.strip_chars()


def _plain_numbers(text: pl.Series, one: MappedColumn) -> pl.Series:
    """What can be read at once; null for everything else, as for all where a comma stands for the point."""
    if one.style.decimal == ".":
        return text.cast(pl.Float64, strict=False)
    return pl.Series([None], dtype=pl.Float64).new_from_index(0, len(text))


def _numbers(text: pl.Series, plain: pl.Series, one: MappedColumn, codes: list[tuple[pl.Series, str]]) -> pl.Series:
    column, decimal = one.column, one.style.decimal
    is_nothing = text.is_null()
    plain = _nothing_where(plain, is_nothing)
    is_doubtful = ~is_nothing & ~plain.is_finite().fill_null(value=False)
    if is_doubtful.any():
        group = "," if decimal == "." else "."
        pattern = cells.NUMBER_WITH_POINT if decimal == "." else cells.NUMBER_WITH_COMMA
        odd = text.filter(is_doubtful)
        fits = odd.str.contains(pattern) & odd.str.contains(cells.HAS_DIGIT)
        bare = odd.str.replace_all(cells.GROUPING, "").str.replace_all(group, "", literal=True)
        read = _nothing_where(bare.str.replace(decimal, ".", literal=True).cast(pl.Float64, strict=False), ~fits)
        plain = plain.scatter(is_doubtful.arg_true(), _nothing_where(read, ~read.is_finite()))
        text = text.scatter(is_doubtful.arg_true(), bare.str.replace(decimal, ".", literal=True))
    value = _scaled(text, plain, one.factor) if one.factor != 1 else plain
    codes.append((~is_nothing & value.is_null(), "not_a_number"))
    if column.minimum is not None:
        codes.append((value < column.minimum, "below_minimum"))
    if column.maximum is not None:
        codes.append((value > column.maximum, "above_maximum"))
    return value


def _scaled(text: pl.Series, plain: pl.Series, factor: float) -> pl.Series:
    """Numbers times a factor, exact in decimals; each different one is reckoned once. Null where `plain` is."""
    said = _nothing_where(text, plain.is_null())
    different = said.drop_nulls().unique()
    products = pl.Series([cells.scaled(number, factor) for number in different], dtype=pl.Float64)
    value = said.replace_strict(different, products, default=None, return_dtype=pl.Float64)
    return _nothing_where(value, ~value.is_finite())


def _dates(text: pl.Series, one: MappedColumn, codes: list[tuple[pl.Series, str]]) -> pl.Series:
    is_iso = text.str.contains(r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$").fill_null(value=True)
    value = _nothing_where(text, ~is_iso).str.to_date("%Y-%m-%d", strict=False)
    is_ambiguous = None
    if not is_iso.all():
        other = text.filter(~is_iso)
        read, ambiguous = _other_dates(other, one.style.date_order)
        value = value.scatter((~is_iso).arg_true(), read)
        is_ambiguous = pl.Series([False]).new_from_index(0, len(text)).scatter((~is_iso).arg_true(), ambiguous)
    value = _nothing_where(value, (value < cells.EARLIEST) | (value > cells.LATEST))
    if is_ambiguous is not None:
        codes.append((is_ambiguous, "ambiguous_date"))
    codes.append((text.is_not_null() & value.is_null(), "not_a_date"))
    if one.column.is_past:
        codes.append((value > cells.last_day(), "in_the_future"))
    return value


def _other_dates(text: pl.Series, order: DateOrder) -> tuple[pl.Series, pl.Series]:
    """Dates with the year first but otherwise written, or with the year last; and which can be read in two ways."""
    frame = pl.DataFrame({"text": text}).select(
        year_first=pl.col("text").str.extract_groups(cells.ISO_DATE),
        year_last=pl.col("text").str.extract_groups(cells.OTHER_DATE),
        has_dot=pl.col("text").str.head(3).str.contains(".", literal=True),
    )
    number = [pl.col("year_last").struct.field(part).cast(pl.Int32) for part in ("1", "2")]
    first, second = number
    is_decided = pl.col("has_dot") | (first == second)
    day_first = {
        DateOrder.DAY_FIRST: pl.lit(value=True),
        DateOrder.MONTH_FIRST: is_decided,
        DateOrder.UNDECIDED: is_decided | (first > 12),
    }[order]
    day, month = pl.when(day_first).then(first).otherwise(second), pl.when(day_first).then(second).otherwise(first)
    year, is_year_last = pl.col("year_last").struct.field("3"), pl.col("year_last").struct.field("3").is_not_null()
    parts = [
        pl.when(is_year_last).then(mine).otherwise(pl.col("year_first").struct.field(part))
        for part, mine in (("1", year), ("2", month.cast(pl.String)), ("3", day.cast(pl.String)))
    ]
    iso = pl.concat_str(parts[0], pl.lit("-"), parts[1].str.zfill(2), pl.lit("-"), parts[2].str.zfill(2))
    ambiguous = pl.lit(value=False)
    if order is DateOrder.UNDECIDED:
        ambiguous = is_year_last & ~is_decided & (first <= 12) & (second <= 12)
    read = frame.select(
        value=pl.when(~ambiguous.fill_null(value=False)).then(iso).str.to_date("%Y-%m-%d", strict=False),
        ambiguous=ambiguous.fill_null(value=False),
    )
    return read["value"], read["ambiguous"]
