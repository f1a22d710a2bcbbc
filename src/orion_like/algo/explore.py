"""How the children of members of a population get other parameters.

M. Jaderberg et al., Population based training of neural networks, arXiv 1711.09846, section 4.1.1
(perturbation and resampling).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from orion_like.algo.parzen import Axes
from orion_like.algo.population import Member
from orion_like.algo.problem import Problem
from orion_like.algo.rungs import fidelity_of
from orion_like.algo.steps import Step, parse_steps
from orion_like.errors import AlgorithmError
from orion_like.space.encoding import Column

Floats = NDArray[np.float64]

SMALLEST_SHIFT = 1e-3
"""Shift in the unit interval from which on larger ones are tried, until a value changes."""

Change = Callable[[np.random.Generator, Any, float], float]
"""Returns another value for an element of a dimension; it may lie beyond the bounds."""


class Genotype:
    """The parameters of points as vectors whose elements can be changed one by one.

    Parameters
    ----------
    problem
        The space, which has a fidelity.
    """

    def __init__(self, problem: Problem) -> None:
        self.space = problem.space
        self._fidelity = fidelity_of(problem)
        self.encoding = problem.space.encoding()
        self._priors = dict(Axes.of(self.encoding).categories)
        self.is_category = np.isin(np.arange(self.encoding.width), list(self._priors))

    def sample(self, rng: np.random.Generator) -> dict[str, Any]:
        """Return a draw from the priors, without the fidelity."""
        return self._without_fidelity(self.space.sample(rng))

    def draw(self, rng: np.random.Generator) -> Floats:
        """Return a vector drawn from the priors, with what its conditions switch off."""
        return np.array([self._drawn(rng, index) for index in range(self.encoding.width)])

    def read(self, rng: np.random.Generator, point: Mapping[str, Any]) -> Floats:
        """Return the vector of a point; what is inactive is drawn from its prior."""
        vector = self.encoding.encode({**point, self._fidelity.name: self._fidelity.high})
        for index in np.flatnonzero(np.isnan(vector)).tolist():
            vector[index] = self._drawn(rng, index)
        return vector

    def express(self, vector: Floats) -> dict[str, Any]:
        """Return the point of a vector, without the fidelity."""
        return self._without_fidelity(self.encoding.decode(vector))

    def changed(
        self,
        rng: np.random.Generator,
        vector: Floats,
        index: int,
        change: Change,
        volatility: float,
    ) -> float:
        """Return another value for one element of a vector.

        Parameters
        ----------
        rng
            Source of randomness.
        vector
            The vector.
        index
            Which element of it.
        change
            Changes a number; categories are drawn from their prior.
        volatility
            Standard deviation of the distance from a bound at which a number beyond it is put,
            as a share of the range.
        """
        column: Column = self.encoding.columns[index]
        if column.kind == "category":
            return self._drawn(rng, index)
        dimension: Any = self.space[column.name]
        before = float(vector[index])
        value = dimension.element_from_unit(before)
        low, high = dimension.interval()
        target = change(rng, dimension, value)
        margin = abs(float(rng.normal(0.0, volatility)))
        if target >= high:
            after = 1.0 - margin
        elif target <= low:
            after = margin
        else:
            after = float(dimension.elements_to_unit(np.array([target]))[0])
        # On a grid, a change shall not be rounded away.
        shift = after - before or (SMALLEST_SHIFT if target >= value else -SMALLEST_SHIFT)
        while dimension.element_from_unit(after) == value and 0.0 < after < 1.0:
            shift *= 2
            after = min(max(before + shift, 0.0), 1.0)
        return min(max(after, 0.0), 1.0)

    def _drawn(self, rng: np.random.Generator, index: int) -> float:
        prior = self._priors.get(index)
        return float(rng.random() if prior is None else rng.choice(len(prior), p=prior))

    def _without_fidelity(self, point: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in point.items() if name != self._fidelity.name}


def scaled(factor: float) -> Change:
    """Return a change of numbers by a factor, up or down with equal chances.

    Where a dimension has values below zero, they move by the equal share of half its range.
    """

    def change(rng: np.random.Generator, dimension: Any, value: float) -> float:
        up = rng.random() < 0.5
        low, _ = dimension.interval()
        if low >= 0:
            return value * factor if up else value / factor
        (unit,) = dimension.elements_to_unit(np.array([value])).tolist()
        moved = unit + (0.5 if up else -0.5) * (factor - 1)
        return float(dimension.element_from_unit(min(max(moved, 0.0), 1.0)))

    return change


class Explore(Protocol):
    """A rule by which a child gets other parameters."""

    @property
    def configuration(self) -> dict[str, Any]:
        """Name and parameters."""
        ...  # pragma: no cover

    def vary(
        self, rng: np.random.Generator, genotype: Genotype, point: dict[str, Any]
    ) -> dict[str, Any] | None:
        """Return other parameters, or None if the next rule shall do it."""
        ...  # pragma: no cover


class Resample(Step):
    """Now and then, draw all parameters anew.

    Parameters
    ----------
    algorithm
        Name of the algorithm, for errors.
    probability
        How often. Default 0.2.
    """

    name = "ResampleExplore"

    def __init__(self, algorithm: str, probability: float = 0.2) -> None:
        self.probability = within(algorithm, "probability", probability, 0.0, 1.0)

    def vary(
        self, rng: np.random.Generator, genotype: Genotype, point: dict[str, Any]
    ) -> dict[str, Any] | None:
        """Return a draw from the priors, or None."""
        del point
        return genotype.sample(rng) if rng.random() < self.probability else None


class Perturb(Step):
    """Multiply or divide each number by a factor, and draw each category anew.

    Parameters
    ----------
    algorithm
        Name of the algorithm, for errors.
    factor
        The factor. Default 1.2.
    volatility
        Standard deviation of the distance from a bound at which a number beyond it is put, as a
        share of the range. Default 0.0001.
    """

    name = "PerturbExplore"

    def __init__(self, algorithm: str, factor: float = 1.2, volatility: float = 1e-4) -> None:
        self.factor = within(algorithm, "factor", factor, 1.0, np.inf)
        self.volatility = within(algorithm, "volatility", volatility, 0.0, 1.0)
        if self.factor == 1:
            raise AlgorithmError(f"algorithm {algorithm!r}: factor must be above 1")

    def vary(
        self, rng: np.random.Generator, genotype: Genotype, point: dict[str, Any]
    ) -> dict[str, Any] | None:
        """Return the point with every element changed."""
        vector = genotype.read(rng, point)
        change = scaled(self.factor)
        values = [
            genotype.changed(rng, vector, index, change, self.volatility)
            for index in range(len(vector))
        ]
        return genotype.express(np.array(values))


DEFAULT_EXPLORE = ("ResampleExplore", "PerturbExplore")


class Explorer:
    """Changes parameters by the first of some rules that does.

    Parameters
    ----------
    problem
        The space, which has a fidelity.
    algorithm
        Name of the algorithm, for errors.
    configuration
        The rules, as in the configuration of Oríon; None are `DEFAULT_EXPLORE`.
    """

    def __init__(self, problem: Problem, algorithm: str, configuration: Any = None) -> None:
        self._genotype = Genotype(problem)
        self.rules: list[Explore] = parse_steps(
            algorithm,
            "explore",
            {"resample": Resample, "perturb": Perturb},
            DEFAULT_EXPLORE if configuration is None else configuration,
        )

    @property
    def configuration(self) -> Mapping[str, Any]:
        """The rules with all their parameters."""
        rules = [rule.configuration for rule in self.rules]
        return {"of_type": "PipelineExplore", "explore_configs": rules}

    def __call__(
        self, rng: np.random.Generator, parent: Member, /, **context: Any
    ) -> dict[str, Any]:
        """Return other parameters for a child of a member."""
        del context
        for rule in self.rules:
            point = rule.vary(rng, self._genotype, parent.point)
            if point is not None:
                return point
        return dict(parent.point)


def within(algorithm: str, parameter: str, value: Any, least: float, most: float) -> float:
    """Return `value` if it is a number within bounds.

    Raises
    ------
    AlgorithmError
        If it is not.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not least <= value <= most:
        bounds = f"at least {least:g}" if most == np.inf else f"between {least:g} and {most:g}"
        raise AlgorithmError(
            f"algorithm {algorithm!r}: {parameter} must be a number {bounds}, not {value!r}"
        )
    return float(value)
