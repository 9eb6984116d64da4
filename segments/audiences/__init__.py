"""Audiences for advertising platforms: addresses and numbers in the form that each of them hashes, and their hashes.

Pure: no Django. Platforms compare hashes, so that one letter written otherwise is a customer who is not found.
"""

from segments.audiences.presets import PRESETS, Audience, Preset

__all__ = ["PRESETS", "Audience", "Preset"]
