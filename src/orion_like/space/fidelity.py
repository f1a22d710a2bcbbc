"""The dimension of effort: epochs, samples, time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from orion_like.errors import SpaceError
from orion_like.space.dimension import Dimension, as_number, is_number
from orion_like.space.distribution import LogUniform, Uniform
from orion_like.space.grid import Lattice, grid


class Fidelity(Dimension):
    """How much is spent on a trial: epochs, samples, time.

    Parameters
    ----------
    name
        Full name.
    low, high
        Least and most, whole numbers ≥ 1.
    base
        Factor between the rungs of algorithms that raise the fidelity in steps.
    """

    type = "fidelity"

    def __init__(self, name: str, low: int, high: int, base: int | float = 2) -> None:
        super().__init__(name)
        self.low = low
        self.high = high
        self.base = base
        self.default_value = high
        logarithmic = base > 1 and low < high
        scale = LogUniform(low, high) if logarithmic else Uniform(low, high)
        self._grid = grid(Lattice(low, 1, 0, high - low), scale)

    @property
    def prior_name(self) -> None:
        """None, as fidelities are not drawn."""
        return None

    @property
    def levels(self) -> int:
        """Number of values."""
        return self.high - self.low + 1

    def interval(self) -> tuple[int, int]:
        """Return the lowest and highest fidelity."""
        return self.low, self.high

    @property
    def element_cardinality(self) -> int:
        """One, as a point is the same at each fidelity."""
        return 1

    def elements(self) -> Iterator[int]:
        """Yield the highest fidelity."""
        yield self.high

    def sample(self, rng: np.random.Generator) -> int:  # noqa: ARG002
        """Return the highest fidelity."""
        return self.high

    def element_from_unit(self, u: float) -> int:
        """Return the fidelity that stands at `u` in vectors."""
        return int(self._grid.from_unit(min(max(u, 0.0), 1.0)))

    def elements_to_unit(self, values: Any) -> Any:
        """Return where in the unit interval the values of an array lie; NaN stays NaN."""
        return self._grid.to_unit(values)

    def cast_element(self, value: Any) -> int:
        """Return the value as an int."""
        number = as_number(value)
        if number != int(number):
            raise SpaceError(f"{value!r} is not a whole number")
        if not self.has_element(number):
            raise self.refusal(value)
        return int(number)

    def has_element(self, value: Any) -> bool:
        """Tell whether a number is whole and within the bounds."""
        return is_number(value) and value == int(value) and self.low <= value <= self.high

    def _prior_words(self) -> tuple[str, list[str], list[str]]:
        words = [repr(self.low), repr(self.high)]
        return "fidelity", words if self.base == 2 else [*words, f"base={self.base!r}"], []

    def _prior_identity(self) -> tuple[Any, ...]:
        return (self.low, self.high, self.base)
