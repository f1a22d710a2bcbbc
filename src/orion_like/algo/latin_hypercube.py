"""Latin hypercube search: every stratum of every dimension is visited once.

M. D. McKay, R. J. Beckman and W. J. Conover, A comparison of three methods for selecting values
of input variables in the analysis of output from a computer code, Technometrics 21 (1979).
When the number of trials is not known beforehand, the design grows by nested ones (P. Z. G.
Qian, Nested Latin hypercube designs, Biometrika 96 (2009)): the strata are halved and the new
points go to the empty halves, so that all points together are a Latin hypercube again.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from orion_like.algo.base import positive_integer
from orion_like.algo.problem import Problem
from orion_like.algo.sequence_search import SequenceSearch

Floats = NDArray[np.float64]


class LatinHypercubeSequence:
    """Points whose first `n_strata`, and first twice, four times, … as many are Latin hypercubes.

    Parameters
    ----------
    width
        Number of dimensions.
    seed
        Seed of the design.
    n_strata
        Number of points of the first design.

    Examples
    --------
    >>> points = LatinHypercubeSequence(2, seed=1, n_strata=4)
    >>> sorted(int(4 * points[number][0]) for number in range(4))
    [0, 1, 2, 3]
    """

    def __init__(self, width: int, seed: int, n_strata: int) -> None:
        self._seed = [seed, width]
        self._width = width
        self._n_strata = n_strata
        self._doublings = 0
        self._strata = np.empty((0, width), dtype=np.int64)
        self._offsets: Floats = np.empty((0, width))  # within the strata, from 0 to 1
        self._points: Floats = np.empty((0, width))
        self._fill()

    def __getitem__(self, number: int) -> Floats:
        while number >= self._n_strata:
            self._double()
            self._fill()
        point: Floats = self._points[number]
        return point

    def _double(self) -> None:
        # Nothing is rounded: a point stays in the half of its stratum in which it is.
        halves = np.floor(2 * self._offsets)
        self._strata = 2 * self._strata + halves.astype(np.int64)
        self._offsets = 2 * self._offsets - halves
        self._n_strata *= 2
        self._doublings += 1

    def _fill(self) -> None:
        """Put a new point into each stratum that is empty."""
        rng = np.random.default_rng([*self._seed, self._doublings])
        n_new = self._n_strata - len(self._strata)
        strata = np.empty((n_new, self._width), dtype=np.int64)
        for column in range(self._width):
            is_empty = np.ones(self._n_strata, dtype=bool)
            is_empty[self._strata[:, column]] = False
            strata[:, column] = rng.permutation(np.flatnonzero(is_empty))
        offsets = rng.random((n_new, self._width))
        points = np.minimum((strata + offsets) / self._n_strata, 1 - 2**-53)
        self._strata = np.concatenate([self._strata, strata])
        self._offsets = np.concatenate([self._offsets, offsets])
        self._points = np.concatenate([self._points, points])


class LatinHypercube(SequenceSearch):
    """Visit the points of a Latin hypercube design, and of nested ones after it.

    Parameters
    ----------
    problem
        The space and the seed.
    n_strata
        Number of points of the first design. Best is the number of trials, if it is known;
        after so many trials, and each time that their number has doubled, every dimension has
        been covered evenly. Default 16.

    Raises
    ------
    AlgorithmError
        If `n_strata` is not a positive integer.
    """

    name = "latinhypercube"

    def __init__(self, problem: Problem, n_strata: int = 16) -> None:
        self.n_strata = positive_integer(self.name, "n_strata", n_strata)
        width, seed = problem.space.unit_width, problem.seed
        super().__init__(problem, LatinHypercubeSequence(width, seed, n_strata))
