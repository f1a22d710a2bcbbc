"""What an algorithm is asked to solve: the space, the seed, the objectives and constraints."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from orion_like.algo.prior_task import PriorTask
from orion_like.errors import AlgorithmError
from orion_like.space import Space
from orion_like.spelling import did_you_mean

DIRECTIONS = ("minimize", "maximize")


@dataclass(frozen=True)
class Objective:
    """A quantity that is minimized or maximized.

    Parameters
    ----------
    name
        Name of the result of type ``objective``. Default ``'objective'``.
    direction
        ``'minimize'`` or ``'maximize'``. Default ``'minimize'``.
    reference
        The worst value that still counts in a hypervolume. Default: see `default_reference`.
    """

    name: str = "objective"
    direction: str = "minimize"
    reference: float | None = None

    def __post_init__(self) -> None:
        if self.direction not in DIRECTIONS:
            raise AlgorithmError(
                f"objective {self.name!r}: direction {self.direction!r} is unknown; "
                f"it must be 'minimize' or 'maximize'{did_you_mean(self.direction, DIRECTIONS)}"
            )

    @property
    def sign(self) -> float:
        """Factor that turns the objective into one to be minimized."""
        return 1.0 if self.direction == "minimize" else -1.0


@dataclass(frozen=True)
class OutcomeConstraint:
    """Bounds that a result of type ``constraint`` must keep.

    Parameters
    ----------
    name
        Name of the result.
    lower, upper
        Bounds; None is no bound. Default None.
    tolerance
        How far beyond a bound still counts as feasible. Default 0.

    Examples
    --------
    >>> print(OutcomeConstraint("memory", lower=1, upper=8, tolerance=0.5))
    1 <= memory <= 8 (tolerance 0.5)
    >>> print(OutcomeConstraint("weight", lower=2, upper=2))
    weight == 2
    """

    name: str
    lower: float | None = None
    upper: float | None = None
    tolerance: float = 0.0

    def __str__(self) -> str:
        if self.lower is not None and self.lower == self.upper:
            text = f"{self.name} == {self.lower!r}"
        else:
            above = "" if self.lower is None else f"{self.lower!r} <= "
            below = "" if self.upper is None else f" <= {self.upper!r}"
            text = f"{above}{self.name}{below}"
        return f"{text} (tolerance {self.tolerance!r})" if self.tolerance else text

    def violation(self, value: float) -> float:
        """Return how far `value` is beyond a bound: 0 when feasible, infinite for NaN."""
        if math.isnan(value):
            return math.inf
        below = -math.inf if self.lower is None else self.lower - self.tolerance - value
        above = -math.inf if self.upper is None else value - self.upper - self.tolerance
        return max(0.0, below, above)


@dataclass(frozen=True)
class Problem:
    """What is to be solved.

    Parameters
    ----------
    space
        The search space.
    seed
        Seed of the experiment; with the number of a suggestion it determines all randomness.
        Default 0.
    objectives
        What is minimized or maximized. Default one, named ``objective``, minimized.
    constraints
        Declared outcome constraints. Default none.
    prior
        What other searches have found. Default nothing.
    """

    space: Space
    seed: int = 0
    objectives: tuple[Objective, ...] = (Objective(),)
    constraints: tuple[OutcomeConstraint, ...] = ()
    prior: tuple[PriorTask, ...] = field(default=(), compare=False)

    @classmethod
    def build(
        cls,
        space: Space,
        seed: int = 0,
        objectives: Iterable[Mapping[str, Any]] | None = None,
        constraints: Iterable[Mapping[str, Any]] | None = None,
        prior: Iterable[PriorTask] = (),
    ) -> Problem:
        """Return the problem that the fields of an experiment document describe.

        Raises
        ------
        AlgorithmError
            If an objective or constraint is malformed.
        """
        return cls(
            space,
            seed,
            read_objectives(objectives),
            read_constraints(constraints),
            tuple(prior),
        )

    def stream(self, number: int) -> np.random.Generator:
        """Return the random stream of suggestion `number`, from its start."""
        return np.random.default_rng(np.random.SeedSequence([self.seed, number]))


def read_objectives(documents: Iterable[Mapping[str, Any]] | None) -> tuple[Objective, ...]:
    """Return the objectives that documents describe; without any, the one to be minimized."""
    return tuple(_from_document(Objective, item) for item in documents or ({},))


def read_constraints(
    documents: Iterable[Mapping[str, Any]] | None,
) -> tuple[OutcomeConstraint, ...]:
    """Return the outcome constraints that documents describe."""
    return tuple(_from_document(OutcomeConstraint, item) for item in documents or ())


def _from_document(kind: type[Any], document: Mapping[str, Any]) -> Any:
    try:
        return kind(**document)
    except TypeError as error:
        what = "objective" if kind is Objective else "constraint"
        raise AlgorithmError(f"{what} {dict(document)!r} is malformed: {error}") from None
