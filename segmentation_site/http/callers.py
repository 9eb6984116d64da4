"""From which address a request comes."""

from ipaddress import ip_address

from django.conf import settings
from django.http import HttpRequest

# Each of them is set by some proxy; a request that carries one has not come from a program on this machine.
OF_PROXIES = ("Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-IP")


def address_of(request: HttpRequest) -> str | None:
    """The other end of the connection, or, behind PROXY_COUNT proxies, whom the outermost of them was called by.

    Each proxy appends to `X-Forwarded-For` whom it was called by. Counted from the end, nothing is believed that the
    caller wrote there. None where there is no address, as on a unix socket.
    """
    if settings.PROXY_COUNT:
        told = request.headers.get("X-Forwarded-For", "").split(",")
        if len(told) >= settings.PROXY_COUNT and (found := _plain(told[-settings.PROXY_COUNT])):
            return found
    return _plain(request.META.get("REMOTE_ADDR", ""))


def came_through_a_proxy(request: HttpRequest) -> bool:
    """Whether some proxy says that it handed the request on."""
    return any(name in request.headers for name in OF_PROXIES)


def _plain(text: str) -> str | None:
    """An address without the port and the brackets that some proxies add; None for what is none."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        return str(ip_address(text))
    except ValueError:
        return None
