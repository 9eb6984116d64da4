"""Room for all the frames of a request, taken at once.

CPython keeps the frames of Python functions in chunks of 16 KB, maps another one when a call needs more, and gives it
back when that call returns. Templates call to and fro over such an edge hundreds of times a page
(docs/decisions/0025-one-chunk-for-the-frames-of-a-request.md). A function that says it needs a larger stack gets a
chunk to match, and the frames of what it calls lie in the rest of it.
"""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

# A frame of a little over 256 KB, which is never written to, gets a chunk of 512: the rest is for all others.
SLOTS = 33_000


def room_for_frames(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """A middleware, the outermost: whatever answers the request finds room for its frames."""

    def respond(request: HttpRequest) -> HttpResponse:
        return get_response(request)

    respond.__code__ = respond.__code__.replace(co_stacksize=SLOTS)
    return respond
