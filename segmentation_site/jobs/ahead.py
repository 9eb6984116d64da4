"""Doing the next piece of work while the one before is still on its way to the database."""

import queue
import threading
from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")

_END = object()


def ahead(pieces: Iterable[T], *, by: int = 1) -> Iterator[T]:
    """The same pieces, made by a thread of their own that is at most `by` pieces ahead; what it raises is raised here.

    The pieces must need neither the database's connection nor anything else that belongs to this thread.
    """
    made: queue.Queue[object] = queue.Queue(maxsize=by)
    stopped = threading.Event()

    def put(piece: object) -> bool:
        while not stopped.is_set():
            try:
                made.put(piece, timeout=0.1)
            except queue.Full:
                continue
            return True
        return False

    def make() -> None:
        try:
            for piece in pieces:
                if not put(piece):
                    return
            put(_END)
        except BaseException as error:
            put(_Raised(error))

    thread = threading.Thread(target=make, name="ahead", daemon=True)
    thread.start()
    try:
        while (piece := made.get()) is not _END:
            if isinstance(piece, _Raised):
                raise piece.error
            yield piece  # type: ignore[misc]
    finally:
        stopped.set()
        thread.join()


class _Raised:
    def __init__(self, error: BaseException) -> None:
        self.error = error
