import numpy as np
import pytest
from scipy.stats import qmc

from orion_like.algo import create_algorithm
from orion_like.algo.sobol import BITS, SobolSequence, direction_numbers
from orion_like.errors import SpaceError
from orion_like.space import build_space
from orion_like.testing.algorithms import drive, suggestions


def test_the_direction_numbers_are_those_that_scipy_uses():
    reference = qmc.Sobol(64, scramble=False, bits=BITS).random(128)
    directions = direction_numbers(64)

    def point(number):
        gray = number ^ (number >> 1)  # scipy visits the points in the order of the Gray code
        digits = [bit for bit in range(BITS) if gray >> bit & 1]
        return np.bitwise_xor.reduce(directions[:, digits], axis=1) / 2**BITS

    assert np.array_equal([point(number) for number in range(128)], reference)


def test_every_cell_of_a_scrambled_dimension_is_hit_once():
    points = SobolSequence(8, seed=5)

    cells = np.floor([points[number] * 256 for number in range(256)])

    assert all(sorted(column) == list(range(256)) for column in cells.T)


def test_points_are_spread_more_evenly_than_random_ones():
    points = SobolSequence(5, seed=5)
    sobol = qmc.discrepancy([points[number] for number in range(256)])

    random = qmc.discrepancy(np.random.default_rng(5).random((256, 5)))

    assert sobol < random / 10


def test_the_seed_scrambles():
    assert not np.array_equal(SobolSequence(3, seed=1)[0], SobolSequence(3, seed=2)[0])


def test_dimensions_beyond_the_table_are_filled_up():
    points = SobolSequence(70, seed=1)

    block = np.array([points[number] for number in range(64)])

    assert block.shape == (64, 70)
    assert 0 < block.min() < block.max() < 1
    assert abs(block[:, 64:].mean() - 0.5) < 0.1


def test_one_and_five_workers_visit_the_same_points():
    space = build_space({f"x{i}": "uniform(0, 1)" for i in range(4)})

    def visited(workers):
        algorithm = create_algorithm("sobol", space, seed=1)
        return sorted(repr(t.flat_params) for t in drive(algorithm, lambda _: 0.0, 32, workers))

    assert visited(1) == visited(5)


def test_points_that_break_a_constraint_are_left_out_without_gaps():
    space = build_space(dict.fromkeys("abcd", "uniform(0, 1)"), constraints=["a + b + c + d <= 2"])

    points = suggestions(create_algorithm("sobol", space), 0, 50)

    assert all(sum(point.values()) <= 2 for point in points)
    assert len({repr(point) for point in points}) == 50


def test_constraints_that_nothing_satisfies_are_an_error_that_names_one():
    space = build_space(dict.fromkeys("abcd", "uniform(0, 1)"), constraints=["a + b > 2"])

    with pytest.raises(SpaceError, match=r"a \+ b > 2"):
        suggestions(create_algorithm("sobol", space), 0, 1)
