"""Reading over two connections what one would have read, at one moment: the database then works on two cores."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from django.db import connection, transaction

T = TypeVar("T")

_STAYS = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"


@contextmanager
def at_the_same_moment() -> Iterator[Callable[[Callable[[], T]], Future[T]]]:
    """What is read in the block is of one moment, and so is what it has read aside, over a connection of its own.

    Not within a transaction, whose own changes nobody else could see; nothing can be written in the block.
    """
    with transaction.atomic(durable=True), ThreadPoolExecutor(1) as pool:
        with connection.cursor() as cursor:
            cursor.execute(_STAYS)
            cursor.execute("SELECT pg_export_snapshot()")
            (moment,) = cursor.fetchone()

        def read(work: Callable[[], T]) -> T:
            try:
                with transaction.atomic(durable=True):
                    with connection.cursor() as cursor:
                        cursor.execute(_STAYS)
                        # A name of the database's own making, which it takes as a literal only.
                        cursor.execute(f"SET TRANSACTION SNAPSHOT '{moment}'")
                    return work()
            finally:
                connection.close()

        yield lambda work: pool.submit(read, work)
