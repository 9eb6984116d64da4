"""A receiver that the site may send to."""

from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from tests.webhooks.receiving import Receiver, receiver


@pytest.fixture
def receiving(tmp_path: Path, settings: Any) -> Iterator[Receiver]:
    """A system on this machine that gets webhooks."""
    with receiver(tmp_path) as one:
        settings.WEBHOOKS_ALLOW_PRIVATE = (ip_network("127.0.0.0/8"),)
        settings.WEBHOOKS_CA_FILE = one.ca_file
        yield one
