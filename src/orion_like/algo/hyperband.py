"""Hyperband.

L. Li, K. Jamieson, G. DeSalvo, A. Rostamizadeh and A. Talwalkar, Hyperband: a novel
bandit-based approach to hyperparameter optimization, JMLR 18 (2018), their algorithm 1.
"""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Iterator
from itertools import count
from typing import Any

import numpy as np

from orion_like.algo.base import (
    Algorithm,
    Continued,
    Exhausted,
    Requirements,
    Suggestion,
    Wait,
    positive_integer,
)
from orion_like.algo.problem import Problem
from orion_like.algo.rungs import (
    Configuration,
    NewConfigurations,
    Rungs,
    fidelity_of,
    rung_fidelities,
)
from orion_like.trial import Trial

ROUNDING = 1e-9


class Hyperband(Algorithm):
    """Run successive halving in brackets that trade many cheap trials for few expensive ones.

    A bracket starts a number of configurations on one rung. When all of them have finished,
    the best 1/base go on to the next rung, until the highest. Bracket after bracket starts
    one rung higher with fewer configurations; after the last one all of them are repeated.
    A worker for which no promotion is due starts configurations of later brackets rather
    than to wait. A promotion names the trial that it continues as its parent.

    The fidelities of the rungs include both ends of the dimension; the factor between them
    is the base or somewhat more.

    Parameters
    ----------
    problem
        The space, which must have a fidelity, the seed and the objective.
    repetitions
        How many times the brackets are run; None is no limit. Default None.

    Raises
    ------
    AlgorithmError
        If a number is out of its range, or the base of the fidelity is below 2.

    Examples
    --------
    >>> from orion_like.algo import create_algorithm
    >>> from orion_like.space import build_space
    >>> space = build_space({"x": "uniform(0, 1)", "epochs": "fidelity(1, 81, base=3)"})
    >>> create_algorithm("hyperband", space).sizes  # table 1 of the paper
    [[81, 27, 9, 3, 1], [34, 11, 3, 1], [15, 5, 1], [8, 2], [5]]
    """

    name = "hyperband"
    requires = Requirements(fidelity=True, max_objectives=1)

    def __init__(self, problem: Problem, repetitions: int | None = None) -> None:
        super().__init__(problem)
        self.repetitions = checked_repetitions(self.name, repetitions)
        self.ends_early = self.repetitions is not None
        self._brackets = Brackets(problem, self.repetitions)
        self.fidelities, self.sizes = self._brackets.fidelities, self._brackets.sizes
        self._new = NewConfigurations(problem)

    def observe(self, trials: Iterable[Trial]) -> None:
        """Take in new and changed trials on all rungs."""
        trials = list(trials)
        self._new.observe(trials)
        self._brackets.observe(trials)

    def suggest(self, rng: np.random.Generator, number: int) -> Suggestion:
        """Return the first promotion that is due, or a new configuration."""
        return self._brackets.suggest(lambda fidelity: self._new.draw(rng, number, fidelity))


def checked_repetitions(algorithm: str, repetitions: Any) -> int | None:
    """Return how often brackets are repeated; None, and infinity, are no limit."""
    if repetitions is None or repetitions == math.inf:
        return None
    return positive_integer(algorithm, "repetitions", repetitions)


class Brackets:
    """The brackets of configurations, and what is due in them, as the trials tell.

    Parameters
    ----------
    problem
        The space, which has a fidelity, and the objective.
    repetitions
        How many times the brackets are run; None is no limit.
    """

    def __init__(self, problem: Problem, repetitions: int | None) -> None:
        fidelity = fidelity_of(problem)
        self.fidelities = rung_fidelities(fidelity)
        self.sizes = bracket_sizes(len(self.fidelities), fidelity.base)
        self._name = fidelity.name
        self._repetitions = repetitions
        self._rungs = Rungs(problem, self.fidelities)
        # By the rung on which they start, in order of their numbers; one bracket after the other.
        self._started: list[list[tuple[int, str]]] = [[] for _ in self.sizes]
        self._places: dict[str, tuple[int, int, str]] = {}
        self._unsettled: set[tuple[int, int]] = set()  # brackets that may have promotions due

    def observe(self, trials: Iterable[Trial]) -> None:
        """Take in new and changed trials on all rungs."""
        for configuration in self._rungs.observe(trials):
            place = (configuration.entry, configuration.number, configuration.key)
            before = self._places.get(configuration.key)
            if before != place:
                if before is not None:
                    self._move(before, is_there=False)
                self._places[configuration.key] = place
                self._move(place, is_there=True)
            position = bisect_left(self._started[place[0]], place[1:])
            self._unsettled.add((place[0], position // self.sizes[place[0]][0]))

    def suggest(self, draw: Callable[[int], Suggestion]) -> Suggestion:
        """Return the first promotion that is due, or a new configuration.

        Parameters
        ----------
        draw
            Gives a new configuration at a fidelity, or Exhausted.
        """
        for entry, bracket in sorted(self._unsettled, key=lambda place: place[::-1]):
            promotion = self._promotion(entry, bracket)
            if promotion is not None:
                return promotion
            self._unsettled.discard((entry, bracket))
        rung = self._next_entry()
        point = Exhausted if rung is None else draw(self.fidelities[rung])
        return Wait if point is Exhausted and self._rungs.n_pending else point

    def _move(self, place: tuple[int, int, str], *, is_there: bool) -> None:
        """Put a configuration in its place or take it away, and look again at all behind it."""
        entry, key = place[0], place[1:]
        started, size = self._started[entry], self.sizes[entry][0]
        position = bisect_left(started, key)
        if is_there:
            insort(started, key)
        else:
            del started[position]
        for bracket in range(position // size, len(started) // size + 1):
            self._unsettled.add((entry, bracket))

    def _next_entry(self) -> int | None:
        """Return the rung on which the next configuration starts: the first bracket's with room."""
        limit = self._repetitions
        for repetition in count() if limit is None else range(limit):
            for entry, sizes in enumerate(self.sizes):
                if len(self._started[entry]) < (repetition + 1) * sizes[0]:
                    return entry
        return None

    def _members(self, entry: int, bracket: int) -> Iterator[Configuration]:
        size = self.sizes[entry][0]
        for _, key in self._started[entry][bracket * size : (bracket + 1) * size]:
            yield self._rungs.configurations[key]

    def _promotion(self, entry: int, bracket: int) -> Continued | None:
        """Return the next promotion of a bracket, if the rung below is full and finished."""
        members = list(self._members(entry, bracket))
        if len(members) < self.sizes[entry][0]:
            return None
        for rung, n_next in enumerate(self.sizes[entry][1:], entry):
            # Users may have inserted trials of a higher rung alone.
            here = [member for member in members if rung in member.trials]
            if any(member.rank(rung) is None for member in here):
                return None
            able = [member for member in here if member.succeeded(rung)]
            promoted = [member for member in members if max(member.trials) > rung]
            if len(promoted) < min(n_next, len(able)):
                waiting = [member for member in able if member.is_promotable(rung)]
                best = min(waiting, key=lambda member: member.rank(rung) or ())
                return best.continued(rung, self._name, self.fidelities[rung + 1])
            members = promoted
        return None


def bracket_sizes(n_rungs: int, base: float) -> list[list[int]]:
    """Return how many configurations there are on each rung of each bracket.

    With s = s_max, …, 0, bracket s starts n = ceil((s_max + 1) / (s + 1) · base^s)
    configurations and keeps floor(n · base^-i) of them on its i-th rung (lines 4 and 7).
    """
    most = n_rungs - 1
    sizes = []
    for s in range(most, -1, -1):
        n = math.ceil((most + 1) / (s + 1) * base**s)
        sizes.append([max(1, int(n * float(base) ** -i + ROUNDING)) for i in range(s + 1)])
    return sizes
