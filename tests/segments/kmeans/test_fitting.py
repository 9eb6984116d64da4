"""The same customers and the same seed give the same groups, and groups that cannot be are refused."""

from collections.abc import Callable

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from segments.kmeans import fitting
from segments.kmeans.engines import local
from segments.kmeans.fitting import TooFewDistinctRows, fit
from segments.kmeans.model import nearest_two, squared_distances
from segments.kmeans.shapes import FloatMatrix, IntVector, Prepared
from tests.segments.kmeans import given


def prepared(z: FloatMatrix, ids: IntVector | None = None) -> Prepared:
    return Prepared(ids=np.arange(1, len(z) + 1) if ids is None else ids, z=z, raw=z, specs=())


def blobs(rows: int, *, groups: int = 5, features: int = 3, seed: int = 1) -> FloatMatrix:
    random = np.random.default_rng(seed)
    centres = random.uniform(-10, 10, (groups, features))
    return centres[random.integers(0, groups, rows)] + random.normal(0, 1, (rows, features))


@pytest.mark.parametrize("rows", [900, 30_000])
def test_the_same_seed_gives_the_same_groups_to_the_last_bit(rows: int) -> None:
    z = blobs(rows)
    one, other = fit(prepared(z), 6, seed=7), fit(prepared(z), 6, seed=7)

    assert one.centroids.tobytes() == other.centroids.tobytes()
    assert one.labels.tobytes() == other.labels.tobytes()


@pytest.mark.parametrize("rows", [900, 30_000])
def test_neither_the_order_of_rows_nor_the_number_of_threads_changes_a_bit_of_the_groups(rows: int) -> None:
    z, ids = blobs(rows), np.arange(1, rows + 1)
    shuffled = np.random.default_rng(3).permutation(rows)
    with threadpool_limits(1):
        one = fit(prepared(z, ids), 6, seed=7)
    with threadpool_limits(2):
        other = fit(prepared(z[shuffled], ids[shuffled]), 6, seed=7)

    assert one.centroids.tobytes() == other.centroids.tobytes()
    assert one.labels[shuffled].tobytes() == other.labels.tobytes()


def test_twenty_seeds_agree_on_the_mall_like_groups_of_a_small_table() -> None:
    z = blobs(300)
    assert len({round(fit(prepared(z), 5, seed=seed).inertia, 6) for seed in range(20)}) == 1


def test_groups_come_largest_first_whatever_kmeans_called_them() -> None:
    sizes = fit(prepared(blobs(700)), 4, seed=3).sizes.tolist()
    assert sizes == sorted(sizes, reverse=True)


def test_everybody_is_in_the_nearest_group_and_the_runner_up_is_the_second_nearest() -> None:
    z = blobs(500)
    found = fit(prepared(z), 5, seed=0)
    order = np.argsort(squared_distances(z, found.centroids), axis=1)
    distances = np.sqrt(np.sort(squared_distances(z, found.centroids), axis=1))

    assert found.labels.tolist() == order[:, 0].tolist()
    assert found.runner_up.tolist() == order[:, 1].tolist()
    np.testing.assert_array_equal(found.distance, distances[:, 0])
    np.testing.assert_array_equal(found.runner_up_distance, distances[:, 1])


def overlapping(rows: int, seed: int) -> FloatMatrix:
    """Six Gaussians of several sizes in four dimensions."""
    random = np.random.default_rng(seed)
    middles, group = random.normal(0, 2.2, (6, 4)), random.integers(0, 6, rows)
    return middles[group] + random.normal(0, 1, (rows, 4)) * random.uniform(0.6, 1.4, 6)[group, None]


def skewed(rows: int, seed: int) -> FloatMatrix:
    """Four amounts that go together, each with few large values."""
    random = np.random.default_rng(seed)
    return np.exp(random.normal(3, 0.8, (rows, 4)) @ random.normal(0, 0.6, (4, 4)))


@pytest.mark.parametrize("k", [3, 6])
@pytest.mark.parametrize("data", [overlapping, skewed])
def test_large_data_is_fitted_as_well_as_ten_full_restarts_would(
    data: Callable[[int, int], FloatMatrix], k: int
) -> None:
    everybody = given.prepared(data(100_000, 41))
    with threadpool_limits(1):
        starts = [fitting.starting_centres(everybody.z, k, start) for start in range(10)]
        best = min(local.lloyd(everybody.z, centres).inertia_ for centres in starts)
    assert fit(everybody, k, seed=0).inertia <= best * 1.001


def test_what_ties_goes_where_the_finished_model_would_score_it() -> None:
    """Two groups that swap their numbers for their sizes, and rows exactly between them."""
    z = np.array([[0.0]] * 3 + [[1.0]] * 2 + [[2.0]] * 6)
    found = local.partition(z, np.array([[0.0], [2.0]]), iterations=1, restarts=1)
    assert found.centroids.tolist() == [[2.0], [0.0]]
    assert found.labels.tolist() == nearest_two(z, found.centroids).nearest.tolist()
    assert found.runner_up.tolist() == nearest_two(z, found.centroids).runner_up.tolist()


def test_asking_for_more_groups_than_there_are_different_customers_is_refused() -> None:
    z = np.repeat(np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]), 40, axis=0)

    with pytest.raises(TooFewDistinctRows, match="only 3 different combinations"):
        fit(prepared(z), 4, seed=0)
    assert fit(prepared(z), 3, seed=0).inertia == pytest.approx(0)


def test_customers_who_are_alike_at_the_head_do_not_hide_the_others() -> None:
    z = np.vstack([np.zeros((5_000, 2)), blobs(100, features=2)])
    assert fit(prepared(z), 4, seed=0).k == 4


def test_a_fit_can_be_stopped_between_restarts() -> None:
    class Stop(Exception):
        pass

    calls = 0

    def check() -> None:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise Stop

    with pytest.raises(Stop):
        fit(prepared(blobs(300)), 3, seed=0, check=check)
    assert calls == 3


def test_the_outline_of_many_rows_is_that_of_their_partition_to_single_precision() -> None:
    everybody = prepared(blobs(30_000))
    engine = local.Local(everybody)
    found = fitting.search(everybody, 6, seed=7, engine=engine)
    partition = engine.partition(found.centroids, iterations=1, restarts=1)

    assert found.inertia == pytest.approx(partition.inertia, rel=1e-6)
    assert found.simplified_silhouette == pytest.approx(partition.simplified_silhouette, abs=1e-5)
    np.testing.assert_allclose(found.sizes, partition.sizes, atol=2)


def test_passes_over_many_rows_end_where_those_in_double_precision_do() -> None:
    everybody = prepared(blobs(30_000))
    start = fitting.starting_centres(everybody.z, 6, 3)
    (found,) = local.Local(everybody).ended([start])

    expected = local.lloyd(everybody.z, start)
    np.testing.assert_allclose(found.centres, expected.cluster_centers_, atol=1e-2)
    assert found.inertia == pytest.approx(expected.inertia_, rel=1e-3)


def test_a_centre_that_loses_all_of_many_rows_finds_others() -> None:
    everybody = prepared(blobs(30_000, groups=3))
    nowhere = np.array([[0.0] * 3, [1.0] * 3, [1e6] * 3])
    (found,) = local.Local(everybody).ended([nowhere])

    assert fit(everybody, 3, seed=0).inertia == pytest.approx(found.inertia, rel=0.5)
    assert np.abs(found.centres).max() < 100
