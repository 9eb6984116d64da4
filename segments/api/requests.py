"""What the body of a request says, read strictly."""

from segmentation_site.access.bodies import LIST, NUMBER, OBJECT, OBJECT_OR_NULL, TEXT, TRUTH, Kind, read_body

__all__ = ["LIST", "NUMBER", "OBJECT", "OBJECT_OR_NULL", "TEXT", "TRUTH", "Kind", "read_body"]
