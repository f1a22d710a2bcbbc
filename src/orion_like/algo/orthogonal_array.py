"""Orthogonal arrays, and Latin hypercubes made of them.

C. R. Rao, Factorial experiments derivable from combinatorial arrangements of arrays, Supplement
to the Journal of the Royal Statistical Society 9 (1947); B. Tang, Orthogonal array-based Latin
hypercubes, Journal of the American Statistical Association 88 (1993).
"""

from __future__ import annotations

from itertools import islice, product

import numpy as np
from numpy.typing import NDArray

Levels = NDArray[np.int64]


def balanced_array(n_columns: int, n_levels: int, rng: np.random.Generator) -> Levels:
    """Return an array of strength 1: in each column, every level once, in random order."""
    return rng.permuted(np.tile(np.arange(n_levels), (n_columns, 1)), axis=1).T


def orthogonal_array(n_columns: int, n_levels: int) -> Levels:
    """Return an array of strength 2: in every two columns, all pairs of levels equally often.

    The rows are all vectors of k numbers modulo a prime, the columns all directions of such
    vectors, and an entry is their product.

    Parameters
    ----------
    n_columns
        Number of factors.
    n_levels
        Number of levels, a prime.

    Returns
    -------
    array
        Levels from 0 on. There are n_levels² rows for up to n_levels + 1 columns.

    Examples
    --------
    >>> orthogonal_array(3, 2).tolist()
    [[0, 0, 0], [1, 0, 1], [0, 1, 1], [1, 1, 0]]
    """
    k = 2
    while (n_levels**k - 1) // (n_levels - 1) < n_columns:
        k += 1
    rows = np.array(list(product(range(n_levels), repeat=k)))[:, ::-1]
    columns = np.array(list(islice(_directions(n_levels, k), n_columns))).reshape(n_columns, k)
    array: Levels = rows @ columns.T % n_levels
    return array


def _directions(n_levels: int, k: int) -> list[tuple[int, ...]]:
    """Return the vectors whose first number that is not zero is 1, those of few numbers first."""
    vectors = [v for v in product(range(n_levels), repeat=k) if next(filter(None, v), 0) == 1]
    return sorted(vectors, key=lambda v: (np.count_nonzero(v), [-x for x in v]))


def latin_hypercube(levels: Levels, n_levels: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return points in the unit cube, one per stratum of each column, in the cells of an array.

    Parameters
    ----------
    levels
        An array in whose columns every level is equally often.
    n_levels
        Number of levels.
    rng
        Chooses the strata within the levels, and the places within the strata.
    """
    n, n_columns = levels.shape
    points = np.empty((n, n_columns))
    for column in range(n_columns):
        strata = np.empty(n, dtype=np.int64)
        order = np.argsort(levels[:, column], kind="stable").reshape(n_levels, -1)
        strata[rng.permuted(order, axis=1).ravel()] = np.arange(n)
        points[:, column] = (strata + rng.random(n)) / n
    return np.minimum(points, 1 - 2**-53)
