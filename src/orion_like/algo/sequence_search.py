"""Searches that visit the points of a numbered sequence in the unit cube."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import count
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from orion_like.algo.base import Algorithm, Exhausted, Suggestion
from orion_like.algo.problem import Problem
from orion_like.algo.sequence import DistinctSequence, first_free, is_roomy, point_key
from orion_like.trial import Trial

MAX_MISSES = 1000  # points in a row that break an input constraint


class UnitSequence(Protocol):
    """An endless sequence of points in the unit cube."""

    def __getitem__(self, number: int) -> NDArray[np.float64]: ...


class SequenceSearch(Algorithm):
    """Visit the points of a sequence, mapped to the priors.

    Points that break an input constraint are left out. In a space so small or coarse that
    points would repeat, the repetitions are left out, and the search ends when every point
    has been visited.

    Parameters
    ----------
    problem
        The space and the seed.
    points
        The sequence; its points have as many coordinates as the space has quantiles.
    """

    def __init__(self, problem: Problem, points: UnitSequence) -> None:
        super().__init__(problem)
        roomy = is_roomy(problem.space)
        self.uses_trials = not roomy
        self._points = points
        self._direct = roomy and not problem.space.constraints
        endless = self._feasible()
        self._sequence = DistinctSequence(problem.space, lambda _: endless)
        self._taken: set[str] = set()

    def observe(self, trials: Iterable[Trial]) -> None:
        """Remember which points are taken."""
        if self.uses_trials:
            self._taken.update(point_key(trial.flat_params) for trial in trials)

    def suggest(self, rng: np.random.Generator, number: int) -> Suggestion:
        """Return point `number` of the sequence, and draws from the prior on further calls."""
        if self.uses_trials:
            return first_free(self._sequence.point, number, self._taken)
        first_call = rng.random() == self.problem.stream(number).random()
        if not first_call:
            return self.space.sample(rng)
        params = self.point(number)
        return Exhausted if params is None else params

    def point(self, number: int) -> dict[str, Any] | None:
        """Return point `number`, whether it is taken or not, or None when there are no more."""
        return self._decode(number) if self._direct else self._sequence.point(number)

    def _decode(self, number: int) -> dict[str, Any]:
        return self.space.from_unit(self._points[number])

    def _feasible(self) -> Iterator[dict[str, Any]]:
        misses = 0
        for number in count():
            params = self._decode(number)
            misses = 0 if self.space.satisfies(params) else misses + 1
            if misses == 0:
                yield params
            elif misses == MAX_MISSES:
                # Draws come with an error that says which constraint is to blame.
                yield self.space.sample(self.problem.stream(number))
                misses = 0
