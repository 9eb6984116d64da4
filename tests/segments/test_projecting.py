"""The main directions of a cloud of points, beside numpy's own singular values."""

import numpy as np
import pytest

from segments.kmeans.projecting import principal


def test_directions_are_those_of_the_singular_value_decomposition() -> None:
    random = np.random.default_rng(0)
    z = random.normal(size=(400, 4)) @ random.normal(size=(4, 4))
    found = principal(z, np.ones(len(z)))
    _left, singular, right = np.linalg.svd(z - z.mean(axis=0), full_matrices=False)
    assert found.shares == pytest.approx((singular**2 / (singular**2).sum())[:2])
    assert np.abs((found.axes * right[:2]).sum(axis=1)) == pytest.approx([1, 1])
    assert found.project(z).mean(axis=0) == pytest.approx([0, 0])
    assert (found.axes[np.arange(2), np.abs(found.axes).argmax(axis=1)] > 0).all()


def test_a_point_that_stands_for_three_counts_as_three() -> None:
    z = np.array([[0.0, 0.0], [4.0, 1.0], [1.0, 3.0]])
    weighed = principal(z, np.array([1.0, 3.0, 1.0]))
    repeated = principal(z[[0, 1, 1, 1, 2]], np.ones(5))
    assert weighed.middle == pytest.approx(repeated.middle)
    assert weighed.axes == pytest.approx(repeated.axes)
    assert weighed.shares == pytest.approx(repeated.shares)


def test_of_customers_who_are_all_alike_nothing_is_claimed() -> None:
    assert principal(np.ones((5, 3)), np.ones(5)).shares == pytest.approx([0, 0])
