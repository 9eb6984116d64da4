"""What happens here when something happens to customers; in their transaction."""

from collections.abc import Sequence
from typing import Any

from django.dispatch import receiver

from customers.signals import customers_going
from segments import recording


@receiver(customers_going)
def take_out_of_segments(customer_ids: Sequence[int], kind: str, **kwargs: Any) -> None:
    """Who goes leaves every run, and the feed says so."""
    recording.record_removal(customer_ids, kind=kind)
