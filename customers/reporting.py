"""What imports did, for whoever looks at them: history, reasons, rejected rows."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from django.db import connection
from django.db.models import Q, QuerySet

from customers import starting
from customers.models import Import, ImportStatus, RejectedRow
from segmentation_site.jobs.problems import Problem


@dataclass(frozen=True, slots=True)
class Reason:
    """A reason for which rows were rejected: the column, a code, one of its sentences, and how many rows."""

    field: str
    code: str
    example: str
    count: int


def history() -> QuerySet[Import]:
    """All imports, the newest first, without their bulky columns."""
    return Import.objects.select_related("created_by").defer("mapping", "params").order_by("-id")


def recent_imports(limit: int) -> list[Import]:
    """The imports that were started last, newest first."""
    found = Import.objects.exclude(status=ImportStatus.UPLOADED).order_by("-id")
    return list(found.only("public_id", "status", "file_name", "rows", "created_at")[:limit])


def imports_named(text: str, limit: int) -> list[Import]:
    """The newest imports whose file has `text` in its name, or that has exactly this id."""
    return list(history().filter(Q(file_name__icontains=text) | Q(public_id=text))[:limit])


def reasons(one: Import, limit: int = 12) -> list[Reason]:
    """Why rows of this import were rejected, the most frequent reason first; a row may have several."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT reason->>'field', reason->>'code', min(reason->>'detail'), count(*)
            FROM customers_rejectedrow AS row, jsonb_array_elements(row.reasons) AS reason
            WHERE row.source_import_id = %s
            GROUP BY 1, 2 ORDER BY 4 DESC, 1, 2 LIMIT %s
            """,
            [one.pk, limit],
        )
        return [Reason(field or "", code or "", example or "", count) for field, code, example, count in cursor]


def rejected_rows(one: Import, limit: int = 50) -> list[RejectedRow]:
    """The first rejected rows of this import, in the order of the file."""
    return list(RejectedRow.objects.filter(source_import=one).order_by("line")[:limit])


def headers(one: Import, rows: list[RejectedRow]) -> list[str]:
    """The headers of the file in its order; of stored rows, which know no order, only where the file is gone."""
    stored = {header for row in rows for header in row.cells}
    if one.file:
        with suppress(Problem, OSError):
            return [header for header in starting.look(one).headers if header in stored]
    return sorted(stored)


def rejects(one: Import) -> Iterator[list[str]]:
    """The rejected rows as lines of a table: the cells as they were, then the line and the reasons; first a header."""
    rows = RejectedRow.objects.filter(source_import=one).order_by("line")
    names = headers(one, list(rows[:100]))
    names = [name for name in names if name not in starting.ADDED_TO_REJECTS]
    yield [*names, *starting.ADDED_TO_REJECTS]
    for row in rows.iterator(chunk_size=2000):
        fields = ", ".join(dict.fromkeys(reason["field"] for reason in row.reasons if reason.get("field")))
        reasons = "; ".join(reason.get("detail", "") for reason in row.reasons)
        yield [*(str(row.cells.get(name, "")) for name in names), str(row.line), fields, reasons]
