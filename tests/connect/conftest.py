"""The mall's customers, and a segmentation of them."""

from tests.segments.conftest import mall, segmentation

__all__ = ["mall", "segmentation"]
