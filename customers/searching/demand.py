"""Remembering by what people sort and narrow a long list of customers, so that a worker builds an index for it.

A page says so in passing: it is never slower for it than one short statement an hour, and never fails for it.
"""

import json
import logging
import threading
from collections.abc import Iterable

from django.core.cache import cache
from django.db import DatabaseError, connection, transaction
from django.db.models import QuerySet

from customers.files.schema import Column
from customers.models import Customer, WantedOrder
from segmentation_site.jobs import bell

# Fewer are read and put in order in a few milliseconds, and an index would only make imports slower.
FEWEST_CUSTOMERS = 100_000
# The table has indexes for these already: its own.
INDEXED = frozenset({"external_id", "first_name", "last_name", "email"})
_REMEMBER_SECONDS = 60 * 60
_LOOK_AGAIN_SECONDS = 60

logger = logging.getLogger(__name__)


def remember(columns: Iterable[Column]) -> None:
    """Somebody looks at customers in the order of these, or at a part of it; a worker hears of it once an hour."""
    for column in columns:
        name = f"customers.wanted:{connection.settings_dict['NAME']}:{column.key}"
        if column.key in INDEXED or not cache.add(name, True, _LOOK_AGAIN_SECONDS):
            continue
        if estimated(Customer.objects.all()) >= FEWEST_CUSTOMERS:
            cache.set(name, True, _REMEMBER_SECONDS)
            _write(column.key)


def estimated(source: QuerySet[Customer]) -> int:
    """How many rows the planner expects."""
    plan = json.loads(source.order_by().explain(format="json"))
    return int(plan[0]["Plan"]["Plan Rows"])


def _write(key: str) -> None:
    table = WantedOrder._meta.db_table
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT set_config('lock_timeout', '100ms', true)")
            cursor.execute(
                f"INSERT INTO {table} AS known (key) VALUES (%s)"  # noqa: S608 - a table of ours
                " ON CONFLICT (key) DO UPDATE SET wanted_at = now()"
                " WHERE known.wanted_at < now() - make_interval(secs => %s)",
                [key, _REMEMBER_SECONDS],
            )
            is_news = bool(cursor.rowcount)
    except DatabaseError as error:
        # It may be read only at present; whoever comes in an hour says it again.
        logger.info("That the order of %s is wanted was not kept: %s", key, type(error).__name__)
        return
    if is_news:
        # A broker that does not answer takes seconds to tell, which nobody who reads a list should wait for.
        transaction.on_commit(
            lambda: threading.Thread(target=bell.send, args=[WantedOrder.task], daemon=True).start(), robust=True
        )
