"""What a solver is asked to minimize: dimensions, and a function with its known minimum."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

Params = dict[str, Any]


@dataclass(frozen=True)
class Dimension:
    """One parameter: a range of numbers, or categories.

    Parameters
    ----------
    name
        Its name.
    low, high
        Ends of the range, both included. Default 0 and 1.
    log
        Whether the range is searched on a logarithmic scale. Default False.
    integer
        Whether only integers count. Default False.
    choices
        The categories; then `low` to `integer` do not apply. Default none.
    condition
        ``(name, value)`` of the category with which the dimension is active. Default always.
    """

    name: str
    low: float = 0.0
    high: float = 1.0
    log: bool = False
    integer: bool = False
    choices: tuple[Any, ...] = ()
    condition: tuple[str, Any] | None = None

    def at(self, share: float) -> Any:
        """Return the value at a share, 0 to 1, of the range or of the categories."""
        if self.choices:
            return self.choices[min(int(share * len(self.choices)), len(self.choices) - 1)]
        if self.integer and not self.log:
            return min(int(self.low + share * (self.high - self.low + 1)), int(self.high))
        if not self.log:
            return self.low + share * (self.high - self.low)
        value = self.low * (self.high / self.low) ** share
        return round(value) if self.integer else min(max(value, self.low), self.high)

    def share(self, value: Any) -> float:
        """Return where a number lies in the range, 0 to 1, on its scale."""
        if self.log:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)

    def active(self, params: Params) -> bool:
        """Whether the dimension counts at this point."""
        return self.condition is None or params.get(self.condition[0]) == self.condition[1]


@dataclass(frozen=True)
class Evaluation:
    """What came of evaluating a point.

    Parameters
    ----------
    objective
        What the solver is told; NaN is a crash.
    true
        The objective without noise.
    constraints
        Each one is kept when it is not above 0. Default none.
    duration
        How long it took, in units of an ordinary evaluation. Default 1.
    gradient
        The derivatives by name that are reported along with the objective. Default none.
    """

    objective: float
    true: float
    constraints: tuple[float, ...] = ()
    duration: float = 1.0
    gradient: Mapping[str, float] | None = None

    @property
    def violation(self) -> float:
        """Sum of what the constraints are above 0; infinite for a crash."""
        if not math.isfinite(self.objective):
            return math.inf
        return float(sum(max(0.0, value) for value in self.constraints))


Evaluate = Callable[[Params, np.random.Generator], Evaluation]


@dataclass(frozen=True)
class Problem:
    """A function to minimize.

    Parameters
    ----------
    dimensions
        The parameters.
    evaluate
        Takes a point and the random stream of the run.
    lowest
        The lowest feasible objective without noise.
    scale
        A usual regret: that of a random point, or 1. Targets are shares of it. Default 1.
    n_constraints
        Number of outcome constraints. Default 0.
    best
        A point where the minimum is taken, if known. Default None.
    """

    dimensions: tuple[Dimension, ...]
    evaluate: Evaluate
    lowest: float
    scale: float = 1.0
    n_constraints: int = 0
    best: Params | None = None

    def at(self, shares: Any) -> Params:
        """Return the point at shares, 0 to 1, of the dimensions, inactive ones left out."""
        params: Params = {}
        for dimension, share in zip(self.dimensions, shares, strict=True):
            if dimension.active(params):
                params[dimension.name] = dimension.at(float(share))
        return params


def deterministic(
    function: Callable[[Params], float],
    constraints: Callable[[Params], tuple[float, ...]] = lambda _: (),
) -> Evaluate:
    """Return how to evaluate a function without noise, and its constraints."""

    def evaluate(params: Params, _rng: np.random.Generator) -> Evaluation:
        value = float(function(params))
        return Evaluation(value, value, constraints(params))

    return evaluate


def usual_regret(problem: Problem, number: int = 101) -> float:
    """Return the median regret of random points."""
    rng = np.random.default_rng(0)
    points = rng.random((number, len(problem.dimensions)))
    values = [problem.evaluate(problem.at(point), rng).true for point in points]
    return float(np.median(values)) - problem.lowest
