"""The contract of algorithms: they observe trials and suggest points."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, ClassVar, Final, TypeAlias

import numpy as np

from orion_like.algo.problem import Problem
from orion_like.errors import AlgorithmError
from orion_like.trial import Trial


class Signal(Enum):
    """What an algorithm answers when it has no point to suggest."""

    WAIT = "wait"
    EXHAUSTED = "exhausted"

    def __repr__(self) -> str:
        return self.value.capitalize()


Wait: Final = Signal.WAIT
"""Nothing can be suggested until other trials finish."""

Exhausted: Final = Signal.EXHAUSTED
"""Nothing is left to suggest: every point is among the observed trials."""


class Continued(dict[str, Any]):
    """A point that goes on from where another trial ended.

    Parameters
    ----------
    params
        Values of the active dimensions by their full names.
    parent
        Id of the trial that it continues.
    """

    def __init__(self, params: Mapping[str, Any], parent: str) -> None:
        super().__init__(params)
        self.parent = parent


def parent_of(point: Mapping[str, Any]) -> str | None:
    """Return the id of the trial that a suggested point continues, or None."""
    return point.parent if isinstance(point, Continued) else None


Suggestion: TypeAlias = "dict[str, Any] | Signal"


@dataclass(frozen=True)
class Requirements:
    """What a problem must be for an algorithm.

    Parameters
    ----------
    fidelity
        Whether the space must have a fidelity dimension. Without need, it stays at its
        highest value. Default False.
    conditions
        Whether conditional dimensions are understood. Default True.
    constraints
        Whether known input constraints (``x + y <= 1``) are respected. Default True.
    max_objectives
        How many objectives are understood; None is any number. Default None.
    """

    fidelity: bool = False
    conditions: bool = True
    constraints: bool = True
    max_objectives: int | None = None

    def unmet(self, problem: Problem) -> str | None:
        """Return what the problem lacks or has too much of, as a clause, or None."""
        space = problem.space
        if self.fidelity and space.fidelity is None:
            return "needs a fidelity dimension, e.g. 'epochs': 'fidelity(1, 100)'"
        conditional = sorted(name for name, dim in space.items() if dim.condition is not None)
        if not self.conditions and conditional:
            return f"does not understand conditional dimensions, such as {conditional[0]!r}"
        if not self.constraints and space.constraints:
            return f"does not respect input constraints, such as {space.constraints[0]!r}"
        count = len(problem.objectives)
        if self.max_objectives is not None and count > self.max_objectives:
            return f"takes at most {self.max_objectives} objective(s), but {count} are declared"
        return None


@dataclass(frozen=True)
class Stage:
    """A stretch of suggestions that are made in one way.

    Parameters
    ----------
    algorithm
        Name of the algorithm that makes them.
    reason
        Why it does, as a clause.
    first
        Number of the first suggestion of the stretch. Default 0.
    """

    algorithm: str
    reason: str
    first: int = 0


class Algorithm(ABC):
    """Chooses the next point from the trials it has observed.

    A subclass sets :attr:`name`, takes its parameters as keyword arguments with defaults
    after `problem`, and keeps each in an attribute of the same name; :attr:`configuration`
    is made from these.

    **State is a function of what was observed.** An instance that has observed some trials,
    however often and in whatever order they changed, suggests the same as a fresh one that is
    given the same trials in order of ``number``. So ties are broken by number, never by
    arrival. Trials that are deleted are not un-observed: whoever holds the instance replaces
    it with a fresh one.

    **All randomness is numbered.** It comes from the `rng` given to :meth:`suggest`, which
    starts as ``problem.stream(number)``, or from other streams of :attr:`problem`; never from
    an own generator. So any number of workers draw the same points, and a worker that takes
    over a number of a dead one repeats its draw.

    **Duplicates.** A suggestion may turn out to be taken: by a user, or by a worker that was
    faster. The caller then observes the trial in its way (when :attr:`uses_trials`) and calls
    :meth:`suggest` again with the same number and the *same, advanced* generator. An
    algorithm must not answer with that point for ever: when the points can run out or are
    coarse it skips those it has observed, and otherwise it draws anew.

    Parameters
    ----------
    problem
        The space, seed, objectives and constraints.

    Raises
    ------
    AlgorithmError
        If the problem is not what the algorithm requires, or a parameter is invalid.
    """

    name: ClassVar[str]
    """Name in configurations, in lower case."""

    requires: ClassVar[Requirements] = Requirements()
    """What the problem must be, checked at creation."""

    foreign_parameters: ClassVar[frozenset[str]] = frozenset()
    """Parameters that an algorithm of this name has in Oríon, accepted without effect."""

    has_population: ClassVar[bool] = False
    """Whether trials go on from others with other parameters: each has its own checkpoints."""

    ends_early: bool = False
    """Whether it may be done before every point of a finite space has a trial."""

    has_design: ClassVar[bool] = False
    """Whether its suggestions are a design that is spoilt when others take their numbers."""

    stages: tuple[Stage, ...] = ()
    """Of an algorithm that hands suggestions to others: to which, in order; the first from 0."""

    uses_gradients: bool = False
    """Whether it learns from gradients that trials report."""

    uses_trials: bool = True
    """Whether suggestions depend on observed trials; if not, nothing need be observed."""

    def __init__(self, problem: Problem) -> None:
        unmet = self.requires.unmet(problem)
        if unmet:
            raise AlgorithmError(f"algorithm {self.name!r} {unmet}")
        self.problem = problem
        self.space = problem.space

    def __str__(self) -> str:
        return self.name

    def __repr__(self) -> str:
        values = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.parameters())
        return f"{type(self).__name__}({values})"

    @classmethod
    def parameters(cls) -> dict[str, Any]:
        """Return the names of the parameters and their defaults."""
        signature = inspect.signature(cls)
        return {p.name: p.default for p in list(signature.parameters.values())[1:]}

    @property
    def configuration(self) -> dict[str, dict[str, Any]]:
        """``{name: {parameter: value}}`` with every parameter; the seed is the experiment's."""
        return {self.name: {name: getattr(self, name) for name in self.parameters()}}

    @abstractmethod
    def observe(self, trials: Iterable[Trial]) -> None:
        """Take in new and changed trials, in any order; the same trial any number of times.

        Parameters
        ----------
        trials
            Trials of every status. Those that are not finished are pending: they count as
            taken, and model-based algorithms keep away from them.
        """

    @abstractmethod
    def suggest(self, rng: np.random.Generator, number: int) -> Suggestion:
        """Return a point for a new trial.

        Parameters
        ----------
        rng
            Random stream of this number, ``problem.stream(number)``; on another call for the
            same number, that stream as the call before left it.
        number
            Number of the suggestion in its experiment, from 0.

        Returns
        -------
        dict or Signal
            Values of the active dimensions by their full names, `Continued` if the trial goes
            on from where another one ended; or ``Wait`` when other trials
            must finish first; or ``Exhausted`` when every point is taken, or it is done.
        """


def positive_integer(algorithm: str, parameter: str, value: Any, least: int = 1) -> int:
    """Return `value` if it is an integer of at least `least`.

    Raises
    ------
    AlgorithmError
        If it is not.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise AlgorithmError(
            f"algorithm {algorithm!r}: {parameter} must be an integer >= {least}, not {value!r}"
        )
    return value


def positive_share(algorithm: str, parameter: str, value: Any) -> float:
    """Return `value` if it is a number above 0 and at most 1.

    Raises
    ------
    AlgorithmError
        If it is not.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value <= 1:
        raise AlgorithmError(
            f"algorithm {algorithm!r}: {parameter} must be above 0 and at most 1, not {value!r}"
        )
    return float(value)
