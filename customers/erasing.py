"""The right to be forgotten: one deed takes a customer out of everything that this site keeps.

What stays is a keyed hash on the suppression list, by which imports and the API know whom not to save again; an entry
of the audit trail that holds the beginning of the same hash; and, in the feed of changes, the id that tools know the
customer by, because they must be told whom to forget.
"""

from collections.abc import Iterator, Sequence
from itertools import islice

from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.db import connection, transaction

from customers import forgetting, suppressing
from customers.models import Customer, Edit, Transaction, lock_writers
from customers.signals import customers_going
from segmentation_site.access import audit
from segmentation_site.access.audit import Action
from segmentation_site.http import idempotency
from segmentation_site.webhooks import outbox


def erase(external_ids: Sequence[str], *, by: User | None = None) -> list[str]:
    """Forget the customers with these ids; returns the ids that were found.

    Everything or nothing. Files of imports that may hold them are deleted once that is committed.
    """
    with transaction.atomic():
        with connection.cursor() as cursor:
            # Looking through what was rejected takes as long as it takes.
            cursor.execute("SET LOCAL statement_timeout = 0")
        lock_writers()
        customers = list(Customer.objects.filter(external_id__in=list(external_ids)))
        if not customers:
            return []
        keys, ids = [one.pk for one in customers], [one.external_id for one in customers]
        contacts = [value for one in customers for value in (one.email, one.phone) if value]
        suppressing.suppress([*ids, *(one.email for one in customers)])
        customers_going.send(sender=Customer, customer_ids=keys, kind="erased")
        Edit.objects.filter(customer_id__in=keys).delete()
        Transaction.objects.filter(customer_id__in=keys).delete()
        LogEntry.objects.filter(
            content_type__app_label="customers", content_type__model="customer", object_id__in=map(str, keys)
        ).delete()
        Customer.objects.filter(pk__in=keys).delete()
        forgetting.forget_rejected_rows(ids, contacts)
        forgetting.forget_names_of_files_and_columns(contacts)
        idempotency.forget(contacts)
        outbox.forget()
        forgetting.forget_files()
        for external_id in ids:
            audit.record(Action.CUSTOMER_ERASED, suppressing.digests(external_id)[0][:16], by=by)
    return ids


# Customers that are looked at, or erased, at once.
_AT_ONCE = 10_000


def erase_listed() -> int:
    """Erase every customer who is on the suppression list, as after a restore of an older state; returns how many."""
    listed = suppressing.listed()
    if not listed:
        return 0
    known = Customer.objects.order_by().values_list(*suppressing.KEYS).iterator(chunk_size=_AT_ONCE)
    found = [row[0] for row in known if any(value and suppressing.is_on(listed, value) for value in row)]
    return sum(len(erase(some)) for some in _batches(found))


def _batches(ids: Sequence[str]) -> Iterator[list[str]]:
    left = iter(ids)
    while some := list(islice(left, _AT_ONCE)):
        yield some
