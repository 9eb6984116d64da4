"""`python -m benchmarks.streamed ADDRESS KEY`: MB that a fresh process takes more while everybody goes through it."""

import sys

import django
import psutil
from django.conf import settings


def main(address: str, secret: str) -> None:
    """Prints one number for each format, after a page has loaded what every answer needs."""
    django.setup()
    from django.test import Client

    settings.API_CALLS_PER_MINUTE = 0
    client = Client(headers={"Authorization": f"Bearer {secret}"}, SERVER_NAME="localhost")
    assert client.get(address).status_code == 200
    process = psutil.Process()
    for kind in ("text/csv", "application/x-ndjson"):
        before = most = process.memory_info().rss
        lines = 0
        for number, chunk in enumerate(client.get(address, headers={"Accept": kind})):
            lines += chunk.count(b"\n")
            if number % 20 == 0:
                most = max(most, process.memory_info().rss)
        assert lines > 1, "nobody came through"
        print((most - before) / 1024**2)


if __name__ == "__main__":
    main(*sys.argv[1:])
