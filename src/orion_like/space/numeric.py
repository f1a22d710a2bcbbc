"""Dimensions of numbers: real and integer."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from orion_like.errors import SpaceError
from orion_like.space.dimension import Dimension, as_number, is_number
from orion_like.space.distribution import (
    FIRST_QUANTILE,
    LAST_QUANTILE,
    Distribution,
    restricted,
)
from orion_like.space.expression import Expression
from orion_like.space.grid import Lattice, grid
from orion_like.space.significant import SignificantRange, round_significant

DEFAULT_PRECISION = 4  # significant digits

_ROUNDING = 1e-9  # of a step: how much bounds may miss the grid, for rounding in their difference

_POSITIVE_ZERO = 0.0  # added to -0.0 it gives 0.0, so that one value has one text and one id

_ORION_NAMES = {"loguniform": "reciprocal", "normal": "norm"}


@dataclass(frozen=True)
class Prior:
    """A named distribution with its arguments, as text and as mathematics.

    Parameters
    ----------
    function
        Name in prior strings.
    args, keywords
        Arguments in prior strings.
    distribution
        What they mean, before clipping.
    low, high
        Clipping bounds, None where there is none.
    integral
        Whether the distribution itself is over integers.
    """

    function: str
    args: tuple[Any, ...]
    keywords: tuple[tuple[str, Any], ...]
    distribution: Distribution
    low: float | None = None
    high: float | None = None
    integral: bool = False

    @property
    def arguments(self) -> list[str]:
        """Arguments in canonical order and form."""
        words = [repr(value) for value in self.args]
        words += [f"{name}={value!r}" for name, value in self.keywords]
        bounds = (("low", self.low), ("high", self.high))
        return words + [f"{name}={value!r}" for name, value in bounds if value is not None]

    @property
    def identity(self) -> tuple[Any, ...]:
        """What distinguishes the prior from others."""
        return (self.function, self.args, self.keywords, self.low, self.high)

    @property
    def interval(self) -> tuple[float, float]:
        """Support after clipping."""
        low, high = self.distribution.low, self.distribution.high
        return (
            low if self.low is None else max(self.low, low),
            high if self.high is None else min(self.high, high),
        )

    def clipped(self) -> Distribution:
        """Return the distribution after clipping."""
        return restricted(self.distribution, *self.interval)


class Numeric(Dimension):
    """What real and integer dimensions share.

    Parameters
    ----------
    name
        Full name.
    prior
        How probable the values are.
    shape
        Shape of arrays, ``()`` for single values.
    condition
        When the dimension is active.
    """

    def __init__(
        self,
        name: str,
        prior: Prior,
        shape: tuple[int, ...] = (),
        condition: Expression | None = None,
    ) -> None:
        super().__init__(name, shape, condition)
        self.prior = prior

    @property
    def prior_name(self) -> str:
        """Name of the prior, as Oríon has it."""
        return _ORION_NAMES.get(self.prior.function, self.prior.function)

    @property
    @abstractmethod
    def levels(self) -> int | None:
        """Number of values on the grid, None if there is no finite grid."""

    @abstractmethod
    def elements_to_unit(self, values: Any) -> Any:
        """Return where in the unit interval the values of an array lie; NaN stays NaN."""

    @abstractmethod
    def density(self, values: Any) -> Any:
        """Return how fast their place in the unit interval grows with the values of an array.

        On a grid it is the width of the cell of a value, divided by the step.
        """

    def _prior_identity(self) -> tuple[Any, ...]:
        return (*self.prior.identity, self.precision, self.step)

    def _off_grid(self, number: float, lattice: Lattice) -> SpaceError:
        nearest = lattice.value(lattice.index(number))
        return SpaceError(f"{number!r} is off the grid of step {self.step} (nearest: {nearest!r})")


class Real(Numeric):
    """Numbers of an interval.

    Parameters
    ----------
    name
        Full name.
    prior
        How probable they are.
    shape
        Shape of arrays, ``()`` for single values.
    precision
        Significant digits of sampled values, None for all. Other values are
        members too.
    step
        Distance of neighbouring values; only these are members then.
    condition
        When the dimension is active.
    """

    type = "real"

    def __init__(
        self,
        name: str,
        prior: Prior,
        shape: tuple[int, ...] = (),
        precision: int | None = DEFAULT_PRECISION,
        step: float | None = None,
        condition: Expression | None = None,
    ) -> None:
        super().__init__(name, prior, shape, condition)
        self._precision = None if step is not None else precision
        self._step = step
        self._distribution = prior.clipped()
        low, high = prior.interval
        self._low, self._high = float(low), float(high)
        self._is_bounded = math.isfinite(low) and math.isfinite(high)
        self._grid = None if step is None else grid(_real_lattice(prior, step), prior.distribution)

    @property
    def precision(self) -> int | None:
        """Significant digits of sampled values, None for all."""
        return self._precision

    @property
    def step(self) -> float | None:
        """Distance of neighbouring values, None if none was asked for."""
        return self._step

    @property
    def levels(self) -> int | None:
        """Number of values on the grid, None if there is no finite grid."""
        return None if self._grid is None else self._grid.lattice.size

    def interval(self) -> tuple[float, float]:
        """Return the lowest and highest value."""
        if self._grid is not None:
            return float(self._grid.lattice.low), float(self._grid.lattice.high)
        return self._low, self._high

    @property
    def element_cardinality(self) -> int | float:
        """Number of values that can be sampled: those on the grid, or of few enough digits."""
        if self._grid is not None:
            return math.inf if self.levels is None else self.levels
        if self._precision is None:
            return math.inf
        rounded = SignificantRange(self._low, self._high, self._precision)
        return rounded.count() if rounded.is_finite else math.inf

    def elements(self) -> Iterator[float]:
        """Yield the values that can be sampled, if there is an end of them."""
        if self._grid is not None:
            yield from map(float, self._grid.lattice)
        elif self._precision is not None:
            yield from SignificantRange(self._low, self._high, self._precision)

    def element_from_unit(self, u: float) -> float:
        """Return the value at a quantile, rounded or on the grid, and within the bounds."""
        if self._grid is not None:
            return float(self._grid.from_unit(_inside(u)))
        u = min(max(u, 0.0), 1.0) if self._is_bounded else _inside(u)
        x = float(self._distribution.ppf(u))
        if self._precision is not None:
            x = round_significant(x, self._precision)
        return min(max(x, self._low), self._high) + _POSITIVE_ZERO

    def elements_to_unit(self, values: Any) -> Any:
        """Return where in the unit interval the values of an array lie; NaN stays NaN."""
        if self._grid is not None:
            return self._grid.to_unit(values)
        return np.clip(self._distribution.cdf(values), 0.0, 1.0)

    def density(self, values: Any) -> Any:
        """Return how fast their place in the unit interval grows with the values of an array."""
        if self._grid is not None:
            return self._grid.density(values)
        return self._distribution.pdf(values)

    def cast_element(self, value: Any) -> float:
        """Return the value as a float, exactly on the grid if there is one."""
        number = as_number(value)
        if self._grid is None:
            if self.has_element(number):
                return float(number) + _POSITIVE_ZERO
        elif number in self._grid.lattice:
            lattice = self._grid.lattice
            return float(lattice.value(lattice.index(number)))
        elif self._low <= number <= self._high:
            raise self._off_grid(number, self._grid.lattice)
        raise self.refusal(value)

    def has_element(self, value: Any) -> bool:
        """Tell whether a number is within the bounds, and on the grid if there is one."""
        if not is_number(value):
            return False
        if self._grid is not None:
            return value in self._grid.lattice
        return bool(self._low <= value <= self._high)

    def _prior_words(self) -> tuple[str, list[str], list[str]]:
        words = self.prior.arguments
        if self._step is not None:
            words.append(f"step={self._step!r}")
        elif self._precision != DEFAULT_PRECISION:
            return self.prior.function, words, [f"precision={self._precision}"]
        return self.prior.function, words, []


class Integer(Numeric):
    """Whole numbers of an interval, both ends included.

    Parameters
    ----------
    name
        Full name.
    prior
        How probable they are.
    shape
        Shape of arrays, ``()`` for single values.
    step
        Distance of neighbouring values, None for 1.
    condition
        When the dimension is active.
    """

    type = "integer"

    def __init__(
        self,
        name: str,
        prior: Prior,
        shape: tuple[int, ...] = (),
        step: int | None = None,
        condition: Expression | None = None,
    ) -> None:
        super().__init__(name, prior, shape, condition)
        self._step = step
        self._lattice = _integer_lattice(prior, step or 1)
        self._grid = grid(self._lattice, prior.distribution)

    @property
    def prior_name(self) -> str:
        """Name of the prior, as Oríon has it: ``int_uniform``, ``poisson``."""
        return super().prior_name if self.prior.integral else f"int_{super().prior_name}"

    @property
    def step(self) -> int | None:
        """Distance of neighbouring values, None if none was asked for."""
        return self._step

    @property
    def levels(self) -> int | None:
        """Number of values, None if there is no end of them."""
        return self._lattice.size

    def interval(self) -> tuple[int | float, int | float]:
        """Return the lowest and highest value, infinite where there is none."""
        return self._lattice.low, self._lattice.high

    @property
    def element_cardinality(self) -> int | float:
        """Number of values, ``inf`` if there is no end of them."""
        return math.inf if self._lattice.size is None else self._lattice.size

    def elements(self) -> Iterator[int]:
        """Yield all values from the lowest on, if there is an end of them."""
        return map(int, self._lattice)

    def element_from_unit(self, u: float) -> int:
        """Return the value at a quantile."""
        return int(self._grid.from_unit(_inside(u)))

    def elements_to_unit(self, values: Any) -> Any:
        """Return where in the unit interval the values of an array lie; NaN stays NaN."""
        return self._grid.to_unit(values)

    def density(self, values: Any) -> Any:
        """Return how fast their place in the unit interval grows with the values of an array."""
        return self._grid.density(values)

    def cast_element(self, value: Any) -> int:
        """Return the value as an int."""
        number = as_number(value)
        if isinstance(number, float):
            if not number.is_integer():
                raise SpaceError(f"{value!r} is not a whole number")
            number = int(number)
        if number in self._lattice:
            return number
        if self._lattice.low <= number <= self._lattice.high:
            raise self._off_grid(number, self._lattice)
        raise self.refusal(value)

    def has_element(self, value: Any) -> bool:
        """Tell whether a number is whole and one of the values."""
        return is_number(value) and value == int(value) and int(value) in self._lattice

    def _prior_words(self) -> tuple[str, list[str], list[str]]:
        words = self.prior.arguments
        if self._step is not None:
            words.append(f"step={self._step!r}")
        return self.prior.function, words, [] if self.prior.integral else ["discrete=True"]


def _inside(u: float) -> float:
    return min(max(u, FIRST_QUANTILE), LAST_QUANTILE)


def _real_lattice(prior: Prior, step: float) -> Lattice:
    """Count steps from the lower bound, or from zero if there is none."""
    low, high = prior.interval
    if math.isfinite(low):
        last = None if math.isinf(high) else math.floor((high - low) / step + _ROUNDING)
        return Lattice(low, step, 0, last)
    return Lattice(0, step, None, None if math.isinf(high) else math.floor(high / step + _ROUNDING))


def _integer_lattice(prior: Prior, step: int) -> Lattice:
    low, high = prior.interval
    if math.isfinite(low):
        anchor = math.ceil(low)
        last = None if math.isinf(high) else (math.floor(high) - anchor) // step
        if last is not None and last < 0:
            raise ValueError(f"no whole number lies between {low!r} and {high!r}")
        return Lattice(anchor, step, 0, last)
    return Lattice(0, step, None, None if math.isinf(high) else math.floor(high) // step)
