"""Grid search: every combination of evenly spaced values, one number a point.

The grid is never laid out. Point k is computed from k: the numbers run through blocks, one
for each combination of the values that conditions depend on, and within a block through the
combinations of all other active dimensions, the last one fastest.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate
from typing import Any

import numpy as np

from orion_like.algo.base import Algorithm, Suggestion, positive_integer
from orion_like.algo.problem import Problem
from orion_like.algo.sequence import first_free, point_key
from orion_like.errors import AlgorithmError
from orion_like.space import Dimension, Space
from orion_like.spelling import did_you_mean
from orion_like.trial import Trial

DEFAULT_VALUES = 100
"""Most values of a dimension for which the user gives no number."""

MAX_POINTS = 10_000
"""Size up to which the grid is refined where the user gives no number for a dimension."""

BOUNDED_PRIORS = {"uniform", "reciprocal", "int_uniform", "int_reciprocal"}
"""Priors whose ends are values like any other; grids include them."""

MAX_BLOCKS = 100_000
"""Combinations of values that conditions depend on; each costs some memory."""


class Axis:
    """Evenly spaced values of a dimension: on its own scale, both ends included.

    Values of other priors than uniform and log-uniform ones are spaced by probability, and
    their ends, which may be infinite, are left out.

    Parameters
    ----------
    dimension
        The dimension.
    n_values
        How many values each element takes at most. Categories are all taken.
    """

    def __init__(self, dimension: Dimension, n_values: int) -> None:
        self._dimension = dimension
        self._values = _element_values(dimension, n_values)
        # Not __len__, which cannot return more than a machine word.
        self.size: int = len(self._values) ** dimension.size

    def value(self, index: int) -> Any:
        """Return one of the values, the last element running fastest."""
        digits = []
        for _ in range(self._dimension.size):
            index, digit = divmod(index, len(self._values))
            digits.append(digit)
        return self._dimension.assemble([self._values[digit] for digit in reversed(digits)])


def _element_values(dimension: Dimension, n_values: int) -> list[Any]:
    if dimension.type == "fidelity":
        return [dimension.default_value]
    if dimension.type == "categorical" or dimension.element_cardinality <= n_values:
        return list(dimension.elements())
    if n_values == 1:
        return [dimension.element_from_unit(0.5)]
    if dimension.prior_name in BOUNDED_PRIORS:
        quantiles = [i / (n_values - 1) for i in range(n_values)]
    else:
        quantiles = [(i + 0.5) / n_values for i in range(n_values)]
    return list(dict.fromkeys(dimension.element_from_unit(u) for u in quantiles))


class Grid:
    """A grid whose points are computed from their numbers.

    Parameters
    ----------
    space
        The search space.
    n_values
        Number of values of each dimension, at most.

    Raises
    ------
    AlgorithmError
        If conditions depend on too many combinations of values.
    """

    def __init__(self, space: Space, n_values: Mapping[str, int]) -> None:
        self._space = space
        self._axes = {name: Axis(dim, n_values[name]) for name, dim in space.items()}
        self._controllers = _controllers(space)
        combinations = math.prod(self._axes[name].size for name in self._controllers)
        if combinations > MAX_BLOCKS:
            names = ", ".join(repr(name) for name in self._controllers)
            raise AlgorithmError(
                f"algorithm 'gridsearch': conditions depend on {combinations} combinations of "
                f"{names}, more than {MAX_BLOCKS}; give these dimensions fewer values with n_values"
            )
        self._blocks = [self._block(given) for given in self._assignments(self._controllers, {})]
        self._ends = list(accumulate(self._size(free) for _, free in self._blocks))
        self.size = self._ends[-1]

    def point(self, number: int) -> dict[str, Any]:
        """Return a point by its number, from 0 to `size` - 1."""
        block = bisect_right(self._ends, number)
        params, free = self._blocks[block]
        params = dict(params)
        index = number - (self._ends[block - 1] if block else 0)
        for name in reversed(free):
            index, position = divmod(index, self._axes[name].size)
            params[name] = self._axes[name].value(position)
        return {name: params[name] for name in self._space if name in params}

    def _size(self, names: Iterable[str]) -> int:
        return math.prod(self._axes[name].size for name in names)

    def _block(self, given: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
        active = self._space.active(given)
        return given, [n for n in self._space if n in active and n not in self._controllers]

    def _assignments(self, names: list[str], given: dict[str, Any]) -> Iterator[dict[str, Any]]:
        if not names:
            yield given
        elif names[0] not in self._space.active(given):
            yield from self._assignments(names[1:], given)
        else:
            axis = self._axes[names[0]]
            for index in range(axis.size):
                yield from self._assignments(names[1:], {**given, names[0]: axis.value(index)})


def _controllers(space: Space) -> list[str]:
    """Return the dimensions that conditions refer to, each after those it depends on itself."""
    ordered: dict[str, None] = {}

    def visit(name: str) -> None:
        condition = space[name].condition
        for other in sorted(condition.names) if condition is not None else ():
            visit(other)
            ordered[other] = None

    for name in space:
        visit(name)
    return list(ordered)


class GridSearch(Algorithm):
    """Visit every point of a grid, in order.

    Parameters
    ----------
    problem
        The space; its seed is not used.
    n_values
        At most so many values of each element of a numeric dimension, linear or logarithmic
        as its prior; a number for all, or a dict by dimension. A number is lowered until the
        grid has at most 10,000 points; what a dict says is kept. Default 100.

    Raises
    ------
    AlgorithmError
        If `n_values` is not a positive integer, or names an unknown dimension.
    """

    name = "gridsearch"

    def __init__(
        self, problem: Problem, n_values: int | Mapping[str, int] = DEFAULT_VALUES
    ) -> None:
        super().__init__(problem)
        self.n_values = n_values
        self._grid = _fitting_grid(problem.space, _checked(problem.space, n_values))
        self._numbers = self._feasible()
        self._found: list[int] = []
        self._taken: set[str] = set()

    def observe(self, trials: Iterable[Trial]) -> None:
        """Remember which points are taken."""
        self._taken.update(point_key(trial.flat_params) for trial in trials)

    def suggest(self, rng: np.random.Generator, number: int) -> Suggestion:  # noqa: ARG002
        """Return point `number` of the grid, or the next one that is not taken."""
        return first_free(self.point, number, self._taken)

    def point(self, number: int) -> dict[str, Any] | None:
        """Return point `number` of those that keep the input constraints, None beyond the end."""
        if not self.space.constraints:
            return self._grid.point(number) if number < self._grid.size else None
        while len(self._found) <= number:
            index = next(self._numbers, None)
            if index is None:
                return None
            self._found.append(index)
        return self._grid.point(self._found[number])

    def _feasible(self) -> Iterator[int]:
        return (k for k in range(self._grid.size) if self.space.satisfies(self._grid.point(k)))


def _checked(space: Space, n_values: Any) -> int | dict[str, int]:
    if not isinstance(n_values, Mapping):
        return positive_integer("gridsearch", "n_values", n_values)
    for name, value in n_values.items():
        if name not in space:
            raise AlgorithmError(
                f"algorithm 'gridsearch': n_values names the unknown dimension {name!r}"
                f"{did_you_mean(name, space)}"
            )
        positive_integer("gridsearch", f"n_values[{name!r}]", value)
    return dict(n_values)


def _fitting_grid(space: Space, n_values: int | dict[str, int]) -> Grid:
    """Return the finest grid within the limit on its size that is not finer than asked for."""
    given = n_values if isinstance(n_values, dict) else {}
    common = DEFAULT_VALUES if isinstance(n_values, dict) else n_values

    def grid(n: int) -> Grid:
        return Grid(space, {name: given.get(name, n) for name in space})

    def fits(n: int) -> bool:
        try:
            return grid(n).size <= MAX_POINTS
        except AlgorithmError:
            return False

    low, high = min(2, common), common
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(middle) else (low, middle - 1)
    return grid(low)
