"""Evenly spaced values, and the cell of the unit interval that belongs to each.

A prior cuts the unit interval into one cell per value, as wide as the value is
probable. A number drawn uniformly therefore hits each value as often as the
prior says, and the centre of a cell stands for its value in encoded vectors.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from orion_like.space.distribution import (
    FIRST_QUANTILE,
    LAST_QUANTILE,
    Distribution,
    LogUniform,
    Uniform,
    restricted,
)

_LARGEST_TABLE = 4096  # cells: a table is much faster than quantile functions, but takes memory
_TOLERANCE = 1e-9  # of a step: how far off its grid a value may be, for rounding in files


@dataclass(frozen=True)
class Lattice:
    """The values ``anchor + i * step`` for ``first <= i <= last``.

    Parameters
    ----------
    anchor, step
        Both int for a lattice of integers.
    first, last
        Smallest and largest index, None where the lattice has no end.
    """

    anchor: int | float
    step: int | float
    first: int | None
    last: int | None

    @property
    def size(self) -> int | None:
        """Number of values, None if there is no end of them."""
        if self.first is None or self.last is None:
            return None
        return self.last - self.first + 1

    @property
    def low(self) -> int | float:
        """Smallest value, or ``-inf``."""
        return -math.inf if self.first is None else self.value(self.first)

    @property
    def high(self) -> int | float:
        """Largest value, or ``inf``."""
        return math.inf if self.last is None else self.value(self.last)

    def value(self, index: int) -> int | float:
        """Return the value at an index."""
        exact = self.anchor + index * self.step
        # Adding zero turns -0.0 into 0.0, so that one value has one text.
        return exact if isinstance(exact, int) else round(exact, self._digits) + 0.0

    def index(self, x: float) -> int:
        """Return the index of the value nearest to `x`."""
        if isinstance(x, int) and isinstance(self.step, int) and isinstance(self.anchor, int):
            index = (2 * (x - self.anchor) + self.step) // (2 * self.step)
        else:
            index = math.floor((x - self.anchor) / self.step + 0.5)
        if self.first is not None and index < self.first:
            return self.first
        if self.last is not None and index > self.last:
            return self.last
        return index

    def __contains__(self, x: float) -> bool:
        return abs(self.value(self.index(x)) - x) <= _TOLERANCE * self.step

    def __iter__(self) -> Iterator[int | float]:
        """Yield the values of a finite lattice from the smallest on."""
        if self.first is None or self.last is None:
            raise ValueError("the lattice has no end")
        return (self.value(index) for index in range(self.first, self.last + 1))

    @cached_property
    def _digits(self) -> int:
        # 0.1 + 2 * 0.1 is not 0.3: values get no more decimals than anchor and step have.
        return max(_decimals(self.anchor), _decimals(self.step))


def _decimals(number: float) -> int:
    return max(0, -int(Decimal(repr(number)).as_tuple().exponent))


class Grid(ABC):
    """A lattice with the probabilities of its values; `grid` makes one.

    Parameters
    ----------
    lattice
        The values.
    """

    def __init__(self, lattice: Lattice) -> None:
        self.lattice = lattice

    @abstractmethod
    def from_unit(self, u: float) -> int | float:
        """Return the value in whose cell `u` lies."""

    @abstractmethod
    def to_unit(self, values: Any) -> Any:
        """Return the centres of the cells of values in an array."""

    @abstractmethod
    def density(self, values: Any) -> Any:
        """Return the probability of values in an array, per unit of the value."""


def grid(lattice: Lattice, distribution: Distribution) -> Grid:
    """Give each value of a lattice the probability that a distribution has around it.

    Parameters
    ----------
    lattice
        The values; finite if the distribution is uniform.
    distribution
        A uniform one makes all values equally probable.
    """
    if isinstance(distribution, Uniform):
        return _EvenGrid(lattice)
    return _WeightedGrid(lattice, _widened(distribution, lattice))


class _EvenGrid(Grid):
    """All values are equally probable."""

    def __init__(self, lattice: Lattice) -> None:
        super().__init__(lattice)
        self._size = lattice.size or 1

    def from_unit(self, u: float) -> int | float:
        return self.lattice.value(min(int(u * self._size), self._size - 1))

    def to_unit(self, values: Any) -> Any:
        index = (values - self.lattice.low) / self.lattice.step
        return np.clip((index + 0.5) / self._size, 0.0, 1.0)

    def density(self, values: Any) -> Any:
        return np.full(np.shape(values), 1.0 / (self._size * self.lattice.step))


class _WeightedGrid(Grid):
    """A distribution decides how probable each value is."""

    def __init__(self, lattice: Lattice, distribution: Distribution) -> None:
        super().__init__(lattice)
        self._distribution = distribution

    def from_unit(self, u: float) -> int | float:
        lattice, table = self.lattice, self._table
        if table is None:
            return lattice.value(lattice.index(float(self._distribution.ppf(u))))
        return lattice.value(table.first + bisect_right(table.edges, u))

    def to_unit(self, values: Any) -> Any:
        half = self.lattice.step / 2
        cdf = self._distribution.cdf
        return np.clip((cdf(values - half) + cdf(values + half)) / 2, 0.0, 1.0)

    def density(self, values: Any) -> Any:
        half = self.lattice.step / 2
        cdf = self._distribution.cdf
        return (cdf(values + half) - cdf(values - half)) / self.lattice.step

    @cached_property
    def _table(self) -> _Table | None:
        """Cells of the values that can be drawn, None if there are too many."""
        lattice, distribution = self.lattice, self._distribution
        lowest, highest = (float(distribution.ppf(u)) for u in (FIRST_QUANTILE, LAST_QUANTILE))
        if not (math.isfinite(lowest) and math.isfinite(highest)):
            raise ValueError("the values would be too large")
        first, last = lattice.index(lowest), lattice.index(highest)
        if last - first > _LARGEST_TABLE:
            return None
        values = np.array([lattice.value(index) for index in range(first, last)], dtype=float)
        return _Table(first, distribution.cdf(values + lattice.step / 2).tolist())


class _Table(NamedTuple):
    """Index of the first value, and the upper ends of all cells but the last."""

    first: int
    edges: list[float]


def _widened(distribution: Distribution, lattice: Lattice) -> Distribution:
    """Give the outermost values whole cells, as all others have."""
    half = lattice.step / 2
    if isinstance(distribution, LogUniform):
        return LogUniform(max(lattice.low - half, lattice.low / 2), lattice.high + half)
    return restricted(distribution, lattice.low - half, lattice.high + half)
