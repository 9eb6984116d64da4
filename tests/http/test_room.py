"""What answers a request does not map memory for its frames anew at every call."""

import resource
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from segmentation_site.http.room import room_for_frames

TIMES = 200


def deep(calls: int) -> None:
    if calls:
        deep(calls - 1)


def answer(request: HttpRequest) -> HttpResponse:
    """As templates do: deep down, back, and down again."""
    for _ in range(TIMES):
        deep(500)
    return HttpResponse()


def memory_touched_by(answering: Callable[[HttpRequest], HttpResponse]) -> int:
    """Pages of memory that the system gives anew."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    answering(HttpRequest())
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


def test_calls_to_and_fro_use_the_same_memory_again() -> None:
    with_room = room_for_frames(answer)
    answer(HttpRequest())
    with_room(HttpRequest())
    # Where the first one is small, Python keeps its chunks by itself: then this middleware has nothing left to do.
    assert memory_touched_by(answer) > 2 * TIMES
    assert memory_touched_by(with_room) < TIMES / 2


def test_it_is_around_everything_else() -> None:
    assert settings.MIDDLEWARE[0] == "segmentation_site.http.room.room_for_frames"
