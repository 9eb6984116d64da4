"""Arguments of commands that listen, checked as they are read: a ValueError becomes wrong usage."""

from ipaddress import ip_address

from segmentation_site.embedded.supervising import HIGHEST_PORT


def address(text: str) -> str:
    """An IP address."""
    return str(ip_address(text))


def port(text: str) -> int:
    """A TCP port that can be listened on, from 1 to 65535."""
    number = int(text)
    if not 1 <= number <= HIGHEST_PORT:
        raise ValueError(text)
    return number
