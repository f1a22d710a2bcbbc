import numpy as np
import pytest
from scipy.stats import qmc

from orion_like.algo import create_algorithm
from orion_like.algo.halton import HaltonSequence, first_primes
from orion_like.space import build_space
from orion_like.testing.algorithms import drive


def first_points(n, width, seed=5):
    points = HaltonSequence(width, seed)
    return np.array([points[number] for number in range(n)])


@pytest.mark.parametrize(("column", "base"), [(0, 2), (1, 3), (2, 5), (3, 7)])
def test_every_cell_of_a_dimension_is_hit_once_by_as_many_points_in_a_row(column, base):
    points = HaltonSequence(4, seed=5)
    n = base**3

    for start in (0, 7 * n):
        cells = [int(points[start + k][column] * n) for k in range(n)]
        assert sorted(cells) == list(range(n))


def test_pairs_of_dimensions_are_hit_evenly_too():
    points = first_points(36, 2)

    cells = {(int(4 * x), int(9 * y)) for x, y in points}

    assert len(cells) == 36


def test_points_are_spread_more_evenly_than_random_ones():
    halton = qmc.discrepancy(first_points(256, 5))

    random = qmc.discrepancy(np.random.default_rng(5).random((256, 5)))

    assert halton < random / 5


def test_the_dimensions_of_large_bases_are_not_correlated():
    points = first_points(500, 40)

    correlations = np.corrcoef(points[:, 20:].T) - np.eye(20)

    assert np.abs(correlations).max() < 0.3


def test_a_dimension_does_not_depend_on_how_many_follow():
    assert np.array_equal(first_points(20, 2), first_points(20, 6)[:, :2])


def test_the_seed_scrambles_also_the_first_point():
    assert not np.array_equal(first_points(1, 3, seed=1), first_points(1, 3, seed=2))


def test_the_bases_are_the_prime_numbers():
    assert first_primes(100)[-1] == 541


def test_one_and_five_workers_visit_the_same_points():
    space = build_space({f"x{i}": "uniform(0, 1)" for i in range(4)})

    def visited(workers):
        algorithm = create_algorithm("halton", space, seed=1)
        return sorted(repr(t.flat_params) for t in drive(algorithm, lambda _: 0.0, 32, workers))

    assert visited(1) == visited(5)
