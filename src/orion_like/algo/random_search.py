"""Random search: independent draws from the prior, without repetition."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import repeat
from typing import Any

import numpy as np

from orion_like.algo.base import Algorithm, Suggestion
from orion_like.algo.problem import Problem
from orion_like.algo.sequence import DistinctSequence, first_free, is_roomy, point_key
from orion_like.trial import Trial


class Random(Algorithm):
    """Draw points from the prior; the set of points is the same for any number of workers.

    In a space so small or coarse that draws would repeat, they are made without repetition
    and end when every point has been visited.

    Parameters
    ----------
    problem
        The space and the seed.
    """

    name = "random"

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self.uses_trials = not is_roomy(problem.space)
        self._sequence = DistinctSequence(problem.space, self._draws)
        self._taken: set[str] = set()

    def observe(self, trials: Iterable[Trial]) -> None:
        """Remember which points are taken."""
        if self.uses_trials:
            self._taken.update(point_key(trial.flat_params) for trial in trials)

    def suggest(self, rng: np.random.Generator, number: int) -> Suggestion:
        """Return the draw of `number`."""
        if not self.uses_trials:
            return self.space.sample(rng)
        return first_free(self._sequence.point, number, self._taken)

    def _draws(self, number: int) -> Iterator[dict[str, Any]]:
        rng = self.problem.stream(number)
        return (self.space.sample(rng) for _ in repeat(None))
