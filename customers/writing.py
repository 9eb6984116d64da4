"""Writing customers one by one or some at a time: what the API sends and what people correct by hand.

The checks, their reasons and the merge are those of imports.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson
from django.db import connection, transaction
from django.utils.translation import gettext_noop
from psycopg import sql

from customers import attributes, suppressing
from customers.files.cells import Reason, read_cell, sentence
from customers.files.schema import Column, Kind
from customers.merging import Merging, Rules
from customers.models import Customer, EmptyCells, lock_writers
from customers.signals import customers_changed
from segmentation_site.jobs.problems import Problem

MOST = 1000
_STAGING = sql.Identifier("written_rows")
# Whether a customer may be as it is: its change sequence, None where there is none.
IsExpected = Callable[[int | None], bool]
_TYPES = {Kind.NUMBER: "double precision", Kind.DATE: "date", Kind.BOOLEAN: "boolean"}
CREATED, UPDATED, UNCHANGED, REJECTED = "created", "updated", "unchanged", "rejected"


@dataclass(frozen=True, slots=True)
class Wrong:
    """Why something given for a customer cannot be saved: the attribute, a code and a sentence."""

    field: str
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Written:
    """What became of one customer: created, updated, unchanged, or rejected for some reasons."""

    external_id: str
    outcome: str
    reasons: tuple[Wrong, ...] = ()


class ChangedMeanwhile(Problem):
    code = "changed_meanwhile"
    sentence = gettext_noop("This customer was changed since you read it.")
    remedy = gettext_noop("Read it again and repeat your change.")
    http_status = 412


def write(rows: Sequence[Mapping[str, Any]], *, is_expected: IsExpected | None = None) -> list[Written]:
    """Add or change the customers of these rows, each with its `external_id`; the rows that are good are saved.

    An attribute that is not given stays as it is, one that is null is cleared. Raises ChangedMeanwhile where
    `is_expected` does not like the (only) customer as it is.
    """
    with transaction.atomic():
        # Before the suppression list is asked, so that nobody is put on it in between.
        lock_writers()
        return _write(rows, is_expected)


def _write(rows: Sequence[Mapping[str, Any]], is_expected: IsExpected | None) -> list[Written]:
    columns = {column.key: column for column in attributes.columns()}
    checked = [_check(row, columns) for row in rows]
    # By what was read: 17 and "17" are the same customer.
    last = {values.get("external_id"): place for place, (values, _reasons) in enumerate(checked)}
    suppressed = suppressing.listed()
    results: dict[int, Written] = {}
    good: dict[int, dict[str, Any]] = {}
    for place, (row, (values, reasons)) in enumerate(zip(rows, checked, strict=True)):
        if not reasons and last[values["external_id"]] != place:
            reasons.append(
                Wrong("external_id", "duplicate", gettext_noop("This customer comes again further down, which counts."))
            )
        if not reasons and suppressed and _is_suppressed(values, suppressed):
            reasons.append(Wrong("external_id", *suppressing.REASON))
        if reasons:
            results[place] = Written(str(row.get("external_id") or ""), REJECTED, tuple(reasons))
        else:
            good[place] = values
    outcomes = _merge(good, columns, is_expected)
    results |= {place: Written(good[place]["external_id"], outcome) for place, outcome in outcomes.items()}
    if set(outcomes.values()) - {UNCHANGED}:
        customers_changed.send(sender=Customer)
    return [results[place] for place in range(len(rows))]


def correct(external_id: str, values: Mapping[str, Any]) -> Written:
    """Change some values of a customer, as a person at a form does; "" and None clear."""
    given = {key: None if value == "" else value for key, value in values.items()}
    return write([{"external_id": external_id, **given}])[0]


def _check(row: Mapping[str, Any], columns: Mapping[str, Column]) -> tuple[dict[str, Any], list[Wrong]]:
    values: dict[str, Any] = {}
    reasons: list[Wrong] = []
    if row.get("external_id") is None:
        reasons.append(Wrong("external_id", "missing", sentence(columns["external_id"], "missing")))
    for key, given in row.items():
        column = columns.get(key)
        if column is None:
            reasons.append(
                Wrong(key, "unknown_attribute", gettext_noop("There is no attribute {key!r}.").format(key=key))
            )
            continue
        read = _read(column, given)
        if isinstance(read, Reason):
            reasons.append(Wrong(key, read.code, read.detail))
        elif read is None and key == "external_id" and not any(wrong.field == key for wrong in reasons):
            reasons.append(Wrong(key, "missing", sentence(column, "missing")))
        values[key] = read
    return values, reasons


def _read(column: Column, given: Any) -> Any:
    """The value that a JSON value stands for, read as a cell of a file with the same words in it."""
    if given is None:
        return None
    if isinstance(given, bool):
        given = "true" if given else "false"
    elif isinstance(given, int | float):
        given = repr(given)
    elif hasattr(given, "isoformat"):
        given = given.isoformat()
    elif not isinstance(given, str):
        return Reason("invalid", gettext_noop("Give a text, a number, true, false or null."))
    return read_cell(replace(column, is_required=False), given)


def _is_suppressed(values: Mapping[str, Any], suppressed: Collection[str]) -> bool:
    given = (values[key] for key in suppressing.KEYS if values.get(key))
    return any(suppressing.is_on(suppressed, value) for value in given)


def _merge(
    good: Mapping[int, dict[str, Any]], columns: Mapping[str, Column], is_expected: IsExpected | None
) -> dict[int, str]:
    """Place to outcome."""
    if not good:
        return {}
    by_keys: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for values in good.values():
        by_keys.setdefault(tuple(key for key in columns if key in values), []).append(values)
    ids = [values["external_id"] for values in good.values()]
    before = _sequences(ids)
    if is_expected is not None and not all(is_expected(before.get(external_id)) for external_id in ids):
        raise ChangedMeanwhile()
    for keys, rows in by_keys.items():
        _stage(rows, [columns[key] for key in keys])
        Merging(_STAGING, keys, Rules(empty_cells=EmptyCells.CLEAR)).write()
        with connection.cursor() as cursor:
            cursor.execute(sql.SQL("DROP TABLE {}").format(_STAGING))
    after = _sequences(ids)
    outcomes = {}
    for place, values in good.items():
        key = values["external_id"]
        outcomes[place] = CREATED if key not in before else UPDATED if before[key] != after[key] else UNCHANGED
    return outcomes


def _sequences(ids: Sequence[str]) -> dict[str, int]:
    return dict(Customer.objects.filter(external_id__in=ids).values_list("external_id", "change_sequence"))


def _stage(rows: Sequence[Mapping[str, Any]], columns: Sequence[Column]) -> None:
    described = sql.SQL(", ").join(
        sql.SQL("{} {}").format(sql.Identifier(column.key), sql.SQL(_TYPES.get(column.kind, 'text COLLATE "C"')))
        for column in columns
    )
    plain = sql.SQL(", ").join(
        sql.SQL("{} {}").format(sql.Identifier(column.key), sql.SQL(_TYPES.get(column.kind, "text")))
        for column in columns
    )
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("CREATE TEMPORARY TABLE {} ({}) ON COMMIT DROP").format(_STAGING, described))
        cursor.execute(
            sql.SQL("INSERT INTO {} SELECT * FROM jsonb_to_recordset(%s) AS row ({})").format(_STAGING, plain),
            [orjson.dumps(rows).decode()],
        )
