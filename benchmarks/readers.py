"""Somebody who reads while we work: a process of its own, as the web is, with a connection of its own."""

import multiprocessing
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any

import django

# Whoever reads is sent this: begin; stop and answer; go away.
_READ, _ANSWER, _GO = "read", "answer", "go"


@contextmanager
def reading(segmentation_id: int) -> Iterator["Connection[Any, Any]"]:
    """The end of a pipe to a process that reads pages of members; for `page_times`."""
    spawned = multiprocessing.get_context("spawn")
    here, there = spawned.Pipe()
    process = spawned.Process(target=read_pages, args=(segmentation_id, there))
    process.start()
    # Whoever waits for a reader that died is told so.
    there.close()
    try:
        yield here
    finally:
        here.send(_GO)
        process.join()


def page_times(reader: "Connection[Any, Any]", work: Callable[[], object]) -> list[float]:
    """Seconds of each page that the reader gets while `work` is done."""
    reader.send(_READ)
    try:
        work()
    finally:
        reader.send(_ANSWER)
    times: list[float] = reader.recv()
    return times


def read_pages(segmentation_id: int, orders: "Connection[Any, Any]") -> None:
    """What the other process does: the first page of members again and again until it shall answer."""
    django.setup()
    from segments.browsing.members import Members
    from segments.models import Segmentation

    while orders.recv() == _READ:
        times = []
        while not orders.poll():
            started = time.perf_counter()
            run = Segmentation.objects.select_related("published_run").get(pk=segmentation_id).published_run
            Members(run).page(0, 100)
            times.append(time.perf_counter() - started)
        orders.recv()
        orders.send(times)
