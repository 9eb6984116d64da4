"""Files and rejected rows that hold somebody who was erased: nothing of them may lie around where nobody looks."""

from collections.abc import Collection, Iterable
from functools import partial

import orjson
from django.core.files.storage import default_storage
from django.db import connection, transaction
from django.db.models import BooleanField, Max, Q
from django.db.models.expressions import RawSQL
from django.utils.translation import gettext_noop

from customers.models import Import, ImportStatus, RejectedRow, SavedMapping, Suppressed
from segmentation_site.jobs.models import ACTIVE

_ERASED = [{"field": "", "code": "erased", "detail": gettext_noop("This row was of a customer who was erased since.")}]


def forget_files() -> int:
    """Delete, once the transaction is committed, the files of ended imports that may hold somebody erased.

    These are all that were received before the last erasure, and those in which somebody on the suppression list was
    met. Files of imports that are still on their way follow when those have ended. Returns how many they are.
    """
    holding = Q(pk__in=RejectedRow.objects.filter(reasons__contains=[{"code": "suppressed"}]).values("source_import"))
    last = Suppressed.objects.aggregate(last=Max("created_at"))["last"]
    if last is not None:
        holding |= Q(created_at__lte=last)
    ended = Import.objects.exclude(status__in=[*ACTIVE, ImportStatus.UPLOADED]).exclude(file="")
    names = dict(ended.filter(holding).values_list("pk", "file"))
    Import.objects.filter(pk__in=names).update(file="")
    transaction.on_commit(partial(_delete, names.values()))
    return len(names)


def _delete(names: Iterable[str]) -> None:
    for name in names:
        default_storage.delete(name)


def forget_rejected_rows(ids: Collection[str], others: Collection[str]) -> int:
    """Empty the rejected rows with one of these ids in the column of ids, or one of the other values in any cell.

    Lines and counts stay, so that the report still adds up. Returns how many they are.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE customers_rejectedrow AS row SET cells = '{}', reasons = %s
            FROM customers_import AS import
            WHERE import.id = row.source_import_id AND (
                EXISTS (
                    SELECT FROM jsonb_each_text(import.mapping) AS mapped
                    WHERE mapped.value = 'external_id' AND btrim(row.cells ->> mapped.key) = ANY (%s)
                )
                OR EXISTS (
                    SELECT FROM jsonb_each_text(row.cells) AS cell WHERE lower(btrim(cell.value)) = ANY (%s)
                )
            )
            """,
            [_json(_ERASED), list(ids), [value.strip().lower() for value in others]],
        )
        return int(cursor.rowcount)


def forget_names_of_files_and_columns(contacts: Collection[str]) -> None:
    """Empty what is kept of files whose name holds one of these e-mail addresses and telephone numbers, or a header of
    theirs is one, as in a file without headers that was read as if it had some.
    """
    known = [value.strip().lower() for value in contacts]
    for value in known:
        Import.objects.filter(file_name__icontains=value).update(file_name="customers.csv")
    is_header = RawSQL(
        "EXISTS (SELECT FROM jsonb_object_keys(mapping) AS header WHERE lower(btrim(header)) = ANY (%s))",
        [known],
        output_field=BooleanField(),
    )
    Import.objects.filter(is_header).update(mapping={}, reading={}, params={})
    SavedMapping.objects.filter(is_header).delete()


def _json(value: object) -> str:
    return orjson.dumps(value).decode()
