"""Data with and without groups, in words."""

import numpy as np

from segments.kmeans.preparing import prepare
from segments.kmeans.shapes import Definition, FloatMatrix, Prepared


def prepared(raw: FloatMatrix, scaling: str = "standard") -> Prepared:
    """The rows as a run prepares them, with features called a, b, c …"""
    names = [chr(ord("a") + column) for column in range(raw.shape[1])]
    definition = Definition.from_json({"features": names, "scaling": scaling})
    return prepare(np.arange(1, len(raw) + 1), raw, definition)


def blobs(rows: int = 500, *, groups: int = 5, features: int = 2, seed: int = 0) -> FloatMatrix:
    """Round groups of equal size, far apart.

    Their middles lie on a circle of radius 10 with unit spread around them.
    """
    random = np.random.default_rng(seed)
    angles = 2 * np.pi * np.arange(groups) / groups
    centres = np.zeros((groups, features))
    centres[:, 0], centres[:, 1] = 10 * np.cos(angles), 10 * np.sin(angles)
    return centres[np.arange(rows) % groups] + random.normal(0, 1, (rows, features))


def noise(rows: int = 500, *, features: int = 2, seed: int = 0) -> FloatMatrix:
    """Everybody anywhere in a box: no groups at all."""
    return np.random.default_rng(seed).uniform(0, 100, (rows, features))


def bell(rows: int = 500, *, features: int = 2, seed: int = 0) -> FloatMatrix:
    """Everybody around one middle: no groups at all."""
    return np.random.default_rng(seed).normal(50, 10, (rows, features))
