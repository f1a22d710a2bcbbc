from collections import Counter
from itertools import combinations

import numpy as np
import pytest

from orion_like.algo.orthogonal_array import balanced_array, latin_hypercube, orthogonal_array


@pytest.mark.parametrize(("n_columns", "q"), [(3, 2), (4, 3), (6, 5), (8, 7), (7, 2), (9, 3)])
def test_all_pairs_of_levels_are_equally_frequent(n_columns, q):
    array = orthogonal_array(n_columns, q)

    for first, second in combinations(range(n_columns), 2):
        pairs = Counter(zip(array[:, first].tolist(), array[:, second].tolist(), strict=True))
        assert len(pairs) == q * q
        assert len(set(pairs.values())) == 1


@pytest.mark.parametrize(("n_columns", "n_rows"), [(1, 25), (6, 25), (7, 125)])
def test_there_are_no_more_rows_than_the_columns_need(n_columns, n_rows):
    assert orthogonal_array(n_columns, 5).shape == (n_rows, n_columns)


def test_in_a_balanced_array_every_level_is_equally_frequent():
    array = balanced_array(4, 7, np.random.default_rng(1))

    assert all(sorted(column) == list(range(7)) for column in array.T)


def test_points_lie_in_the_cells_of_the_array_and_each_in_a_stratum_of_its_own():
    array = orthogonal_array(4, 3)

    points = latin_hypercube(array, 3, np.random.default_rng(1))

    assert np.array_equal(np.floor(3 * points), array)
    assert all(sorted(column) == list(range(9)) for column in np.floor(9 * points).T)
