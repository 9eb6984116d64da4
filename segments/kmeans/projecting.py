"""The flat picture that shows most of how customers differ: principal components of prepared rows (Pearson 1901)."""

from dataclasses import dataclass

import numpy as np

from segments.kmeans.shapes import FloatMatrix, FloatVector

DIRECTIONS = 2


@dataclass(frozen=True, slots=True)
class Directions:
    """The directions in which rows differ most.

    middle   (p,)   what is projected to zero
    axes     (d, p) unit vectors, the most telling first; the largest part of each is positive
    shares   (d,)   which part of the variance lies along each, 0 to 1
    """

    middle: FloatVector
    axes: FloatMatrix
    shares: FloatVector

    def project(self, z: FloatMatrix) -> FloatMatrix:
        """Where rows (n, p) lie along the directions: (n, d)."""
        projected: FloatMatrix = (z - self.middle) @ self.axes.T
        return projected


def principal(z: FloatMatrix, weights: FloatVector) -> Directions:
    """The principal directions of rows z (n, p), each of which stands for `weights` (n,) customers.

    At most two, and no more than there are columns. Raises ValueError without rows.
    """
    if not len(z):
        raise ValueError("there are no rows to look at")
    middle = np.average(z, axis=0, weights=weights)
    spread = np.cov((z - middle).T, aweights=weights, ddof=0).reshape(z.shape[1], z.shape[1])
    values, vectors = np.linalg.eigh(spread)
    order = np.argsort(values)[::-1][:DIRECTIONS]
    axes = vectors[:, order].T
    signs = np.sign(axes[np.arange(len(order)), np.abs(axes).argmax(axis=1)])
    total = max(float(values.clip(0).sum()), 1e-12)
    return Directions(middle, axes * signs[:, None], values[order].clip(0) / total)
