"""Work in copies of this process: in order, at once, and as if it were done here when a copy dies."""

import os
import signal
import socket
import subprocess
import sys

import psutil
import pytest

from segmentation_site.jobs.copies import in_copies
from tests.given import eventually

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="copies are made on Linux only: NOT TESTED here")
HERE = os.getpid()
ENDLESS = """
import os, signal
from segmentation_site.jobs.copies import in_copies

def work(number):
    os.write(1, f"{os.getpid()}\\n".encode())
    signal.pause()

list(in_copies(work, range(2), at_once=2, check=lambda: None))
"""


def copies_left() -> list[psutil.Process]:
    return [one for one in psutil.Process().children() if one.cmdline() == psutil.Process().cmdline()]


def go_on() -> None:
    """Nobody stops it."""


def test_what_copies_tell_comes_in_order_and_from_other_processes() -> None:
    found = list(in_copies(lambda number: [number, os.getpid()], range(7), at_once=3, check=go_on))
    assert [number for number, _ in found] == list(range(7))
    assert HERE not in {process for _, process in found}


def test_copies_work_at_the_same_time() -> None:
    ends = socket.socketpair()

    def meet(number: int) -> list[object]:
        ends[number].sendall(b"!")
        return [ends[number].recv(1).decode(), os.getpid()]

    (one, first), (other, second) = in_copies(meet, range(2), at_once=2, check=go_on)
    for end in ends:
        end.close()
    assert (one, other) == ("!", "!")
    assert first != second


def test_more_than_a_pipe_holds_is_told_whole() -> None:
    told = list(in_copies(lambda number: [number / 3] * 100_000, [1, 2], at_once=2, check=go_on))
    assert told == [[1 / 3] * 100_000, [2 / 3] * 100_000]


def test_what_a_copy_died_of_or_failed_at_is_done_here() -> None:
    def work(how: str) -> list[object]:
        if os.getpid() != HERE and how == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if os.getpid() != HERE and how == "fail":
            raise MemoryError
        return [how, os.getpid() == HERE]

    found = list(in_copies(work, ["work", "die", "fail", "work"], at_once=2, check=go_on))
    assert found == [["work", False], ["die", True], ["fail", True], ["work", False]]


def test_what_the_work_raises_is_raised_here_and_no_copy_goes_on() -> None:
    def work(number: int) -> int:
        if number:
            signal.pause()
        raise ValueError(number)

    with pytest.raises(ValueError, match="0"):
        list(in_copies(work, range(2), at_once=2, check=go_on))
    assert not copies_left()


def test_whoever_stops_it_waits_for_no_copy_and_leaves_none() -> None:
    class StopError(Exception):
        pass

    asked = iter([False, False, True])

    def check() -> None:
        if next(asked):
            raise StopError

    with pytest.raises(StopError):
        list(in_copies(lambda _: signal.pause(), range(2), at_once=2, check=check))
    assert not copies_left()


def test_copies_die_with_the_process_that_was_killed() -> None:
    original = subprocess.Popen([sys.executable, "-c", ENDLESS], stdout=subprocess.PIPE)
    assert original.stdout
    copies = [psutil.Process(int(original.stdout.readline())) for _ in range(2)]
    original.kill()
    original.communicate()
    eventually(lambda: not any(one.is_running() for one in copies), seconds=10, what="the end of the copies")
