"""Volumes that points dominate."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orion_like.algo import hypervolume as module
from orion_like.algo.hypervolume import (
    default_reference,
    hypervolume,
    is_efficient,
    running_hypervolume,
)

SIDE = 4


def grids(n_losses):
    """Sets of points with whole losses, whose volume is a number of cells."""
    point = st.tuples(*[st.integers(0, SIDE)] * n_losses)
    return st.lists(point, max_size=6).map(lambda points: np.array(points, dtype=float))


def dominated_cells(points, n_losses):
    cells = itertools.product(range(SIDE), repeat=n_losses)
    return sum(any(np.all(point <= cell) for point in points) for cell in cells)


@pytest.mark.parametrize("n_losses", [1, 2, 3, 4])
def test_the_volume_is_that_of_all_cells_that_are_dominated(n_losses):
    @given(grids(n_losses))
    def check(points):
        expected = dominated_cells(points, n_losses)
        assert hypervolume(points, [SIDE] * n_losses) == pytest.approx(expected)

    check()


def test_the_volume_of_a_plane_front_is_known():
    # n points on the line x + y = 1 leave n + 1 steps of which each misses half a square.
    n = 99
    x = np.arange(1, n + 1) / (n + 1)

    assert hypervolume(np.column_stack([x, 1 - x]), [1, 1]) == pytest.approx(
        0.5 - 1 / (2 * (n + 1))
    )


def test_many_losses_are_estimated_closely_and_always_alike():
    points = np.full((6, 6), 0.5) - 0.3 * np.eye(6)
    common, beyond = 0.5**6, 6 * 0.3 * 0.5**5

    volume = hypervolume(points, [1.0] * 6)

    assert volume == pytest.approx(common + beyond, abs=4 * 0.0023 * 0.8**6)
    assert volume == hypervolume(points, [1.0] * 6)


@given(grids(3))
def test_the_estimate_agrees_with_the_exact_volume(points):
    exact = hypervolume(points, [SIDE] * 3)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "MAX_EXACT", 2)
        estimate = hypervolume(points, [SIDE] * 3)

    assert estimate == pytest.approx(exact, abs=5 * 0.0023 * SIDE**3)


@given(grids(3))
def test_a_point_is_efficient_if_none_before_it_is_as_good_and_none_at_all_is_better(points):
    chosen = is_efficient(points.reshape(-1, 3))

    for i, point in enumerate(points):
        others = [
            np.all(other <= point) and (np.any(other < point) or j < i)
            for j, other in enumerate(points)
        ]
        assert chosen[i] == (not any(others))


@pytest.mark.parametrize("n_losses", [1, 2, 3, 4])
def test_the_running_volume_is_that_of_all_points_so_far(n_losses):
    @given(grids(n_losses))
    def check(points):
        points = points.reshape(-1, n_losses)
        corner = [SIDE] * n_losses
        expected = [hypervolume(points[: n + 1], corner) for n in range(len(points))]
        assert running_hypervolume(points, corner).tolist() == pytest.approx(expected)

    check()


def test_the_running_volume_of_many_losses_ends_with_the_estimate():
    points = np.full((6, 6), 0.5) - 0.3 * np.eye(6)

    volumes = running_hypervolume(points, [1.0] * 6)

    assert volumes[-1] == pytest.approx(hypervolume(points, [1.0] * 6))
    assert np.all(np.diff(volumes) > 0)


def test_points_that_are_not_numbers_carry_the_running_volume_on():
    points = [[2.0, 2.0], [np.nan, 0.0], [1.0, 2.0]]

    assert running_hypervolume(points, [3.0, 3.0]).tolist() == [1.0, 1.0, 2.0]


def test_points_that_are_no_better_than_the_reference_count_for_nothing():
    assert hypervolume([[0.0, 3.0], [5.0, 0.0]], [3.0, 3.0]) == 0.0
    assert hypervolume(np.empty((0, 2)), [3.0, 3.0]) == 0.0


def test_the_default_reference_lies_a_tenth_beyond_the_worst():
    assert default_reference(np.array([[0.0, 7.0], [10.0, 7.0]])).tolist() == [11.0, 7.1]


def test_the_volume_of_huge_losses_is_infinite_but_their_reference_is_not():
    points = np.array([[1e308, -1e308], [-1e308, 1e308]])

    reference = default_reference(points)

    assert np.isfinite(reference).all()
    assert hypervolume(points, reference) == np.inf
    assert running_hypervolume(points, reference)[-1] == np.inf
