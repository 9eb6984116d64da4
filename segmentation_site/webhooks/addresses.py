"""Where webhooks may be sent: out into the public internet, and nowhere inside.

An address is looked at when it is saved and again before each try. Its name is resolved once; every address that it
leads to must be public, and the connection goes to one of these very addresses, so that a name that leads elsewhere a
moment later changes nothing.
"""

import re
import socket
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import NoReturn
from urllib.parse import SplitResult, urlsplit

from django.conf import settings
from django.utils.translation import gettext_noop

from segmentation_site.jobs.problems import Problem

IpAddress = IPv4Address | IPv6Address

LONGEST = 2000
PORTS = {"https": 443, "http": 80}
# Below are the doors of other services: mail, remote shells, directories.
FIRST_FREE_PORT = 1024
LOOK_UP_SECONDS = 5.0

# What RFC 3986 lets stand in an address; anything else is read differently by different programs.
_CHARACTERS = re.compile(r"[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]+")
_LABEL = "[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_NAME = re.compile(rf"(?=.{{1,253}}$){_LABEL}(\.{_LABEL})*")
# A last part like this makes the whole a number to some programs, in decimal, octal or hexadecimal.
_NUMBER = re.compile(r"(0[xX][0-9a-fA-F]*|[0-9]+)")

# All that is given to anybody in IPv6; the rest is local, special or not in use.
_GLOBAL_UNICAST = IPv6Network("2000::/3")
_SPECIAL = tuple(map(IPv6Network, ("2001:db8::/32", "2001::/23", "3fff::/20")))
_TO_IPV4 = IPv6Network("64:ff9b::/96")
_INTERFACE_OF_ISATAP = (0x00005EFE, 0x02005EFE)
_RELAYS = IPv4Network("192.88.99.0/24")


class Refused(Problem):
    """An address that nothing is sent to; the reason says why."""

    code = "webhook_address"
    sentence = gettext_noop("{reason}")

    def __init__(self, reason: str) -> None:
        super().__init__(pointer="/url", reason=reason)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a webhook is: the parts of its address, and what its name led to when it was looked up.

    target     path and query, as the first line of a request has them
    addresses  at least one, every one of them allowed
    """

    scheme: str
    host: str
    port: int
    target: str
    addresses: tuple[str, ...]

    @property
    def authority(self) -> str:
        """The `Host` header: the name, and the port where it is not the usual one."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"


def look_up(url: str) -> Place:
    """Where this address leads right now. Raises Refused for one that nothing is sent to."""
    parts = _parse(url)
    host, port = str(parts.hostname), parts.port or PORTS[parts.scheme]
    literal = _literal(host)
    found = [literal] if literal else _resolve(host, port)
    for address in found:
        if not _is_own(address):
            _refuse_unless_public(host, address, parts.scheme, port)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Place(parts.scheme, host, port, target, tuple(map(str, found)))


def _parse(url: str) -> SplitResult:
    if not url or len(url) > LONGEST:
        raise Refused(gettext_noop("Give an address of 1 to {most:,} characters.").format(most=LONGEST))
    if not _CHARACTERS.fullmatch(url):
        raise Refused(
            gettext_noop(
                "The address holds a character that none can have. Write it as %41, and a name in its xn-- form."
            )
        )
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise Refused(gettext_noop("This is not an address of the web: {error}.").format(error=error)) from error
    if parts.scheme not in PORTS or (parts.scheme == "http" and not settings.WEBHOOKS_ALLOW_PRIVATE):
        raise Refused(gettext_noop("The address of a webhook begins with https://."))
    if "@" in parts.netloc:
        raise Refused(
            gettext_noop("The address holds a user name or a password. Leave it out: every delivery is signed instead.")
        )
    if "#" in url:
        raise Refused(gettext_noop("The address has a part after #, which would never be sent. Leave it out."))
    if not parts.hostname:
        raise Refused(gettext_noop("The address names no host."))
    if port == 0:
        raise Refused(gettext_noop("There is no port 0."))
    return parts


def _literal(host: str) -> IpAddress | None:
    """The address that the host is written as; None for a name. Raises Refused for all but the one plain spelling."""
    if ":" in host:
        try:
            if "%" not in host:
                return IPv6Address(host)
        except AddressValueError:
            pass
        _refuse_spelling(host)
    if _NUMBER.fullmatch(host.rstrip(".").rsplit(".", 1)[-1]):
        try:
            return IPv4Address(host)
        except AddressValueError:
            _refuse_spelling(host)
    if not _NAME.fullmatch(host.removesuffix(".")):
        raise Refused(gettext_noop("{host} is not the name of a host.").format(host=host))
    return None


def _refuse_spelling(host: str) -> NoReturn:
    raise Refused(
        gettext_noop(
            "{host} is not how an address is written. Write it plainly, as in 203.0.113.7, or give a name."
        ).format(host=host)
    )


def _resolve(host: str, port: int) -> Sequence[IpAddress]:
    """All addresses of a name, in the order of the resolver, which is given a few seconds. Raises Refused."""
    found: list[IpAddress] = []
    failed: list[str] = []

    def ask() -> None:
        try:
            entries = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            found.extend(ip_address(str(entry[4][0])) for entry in entries)
        except (OSError, ValueError) as error:
            failed.append(str(error))

    resolver = threading.Thread(target=ask, name="resolver", daemon=True)
    resolver.start()
    resolver.join(LOOK_UP_SECONDS)
    if resolver.is_alive():
        raise Refused(
            gettext_noop("Where {host} is could not be found out within {seconds:.0f} seconds.").format(
                host=host, seconds=LOOK_UP_SECONDS
            )
        )
    if failed or not found:
        raise Refused(gettext_noop("Nobody knows where {host} is: the name has no address.").format(host=host))
    return list(dict.fromkeys(found))


def _is_own(address: IpAddress) -> bool:
    """Whether it is in a network that WEBHOOKS_ALLOW_PRIVATE names."""
    return any(address in network for network in settings.WEBHOOKS_ALLOW_PRIVATE)


def _refuse_unless_public(host: str, address: IpAddress, scheme: str, port: int) -> None:
    if not is_public(address):
        template = gettext_noop(
            "{host} leads to {address}, which is not an address in the public internet. Nothing is sent into networks "
            "inside."
        )
        if host == str(address):
            template = gettext_noop(
                "{host} is not an address in the public internet. Nothing is sent into networks inside."
            )
        raise Refused(template.format(host=host, address=address))
    if scheme != "https":
        raise Refused(gettext_noop("The address of a webhook begins with https://."))
    if port != PORTS["https"] and port < FIRST_FREE_PORT:
        raise Refused(
            gettext_noop("Nothing is sent to port {port}. Use {https}, or one from {first} up.").format(
                port=port, https=PORTS["https"], first=FIRST_FREE_PORT
            )
        )


def is_public(address: IpAddress) -> bool:
    """Whether an address can be anybody's in the internet, and does not stand for one that cannot.

    IPv6 has many ways to write an IPv4 address, and networks that translate them; what is meant must be public, too.
    """
    if isinstance(address, IPv4Address):
        return address.is_global and not address.is_multicast and not address.is_reserved and address not in _RELAYS
    if address.ipv4_mapped:
        return is_public(address.ipv4_mapped)
    meant = list(_meant(address))
    if not all(is_public(one) for one in meant):
        return False
    if address in _TO_IPV4:
        return True
    is_given = address in _GLOBAL_UNICAST and not any(address in network for network in _SPECIAL)
    return is_given and address.is_global


def _meant(address: IPv6Address) -> Iterator[IPv4Address]:
    """The IPv4 addresses inside an IPv6 one."""
    number = int(address)
    if address.sixtofour:
        yield address.sixtofour
    if address in _TO_IPV4 or (number >> 32) & 0xFFFFFFFF in _INTERFACE_OF_ISATAP:
        yield IPv4Address(number & 0xFFFFFFFF)
