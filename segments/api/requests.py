"""What the body of a request says, read strictly."""

from segmentation_site.access.bodies import NUMBER, OBJECT, TEXT, TRUTH, Kind, read_body

__all__ = ["NUMBER", "OBJECT", "TEXT", "TRUTH", "Kind", "read_body"]
