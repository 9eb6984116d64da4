"""The mall's customers, and segmentations of them, for programs to ask about."""

import pytest

from segments.models import Run, Segmentation
from tests.segments import given
from tests.segments.conftest import mall, segmentation

__all__ = ["mall", "published", "segmentation"]


@pytest.fixture
def published(segmentation: Segmentation) -> Run:
    """The mall's customers by income and spending in five segments that are in use."""
    return given.publish(given.run(segmentation))
