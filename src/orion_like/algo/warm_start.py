"""Any algorithm, started from what other searches have found.

Trials of the same task are shown to the algorithm before all others. The best points of related
tasks are the first suggestions (M. Feurer, J. T. Springenberg and F. Hutter, Initializing Bayesian
hyperparameter optimization via meta-learning, AAAI 2015): taken from the tasks by turns, best
first, and each in some distance from those before.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from orion_like.algo.base import Algorithm, Continued, Suggestion
from orion_like.algo.history import History
from orion_like.algo.prior_task import PriorTask
from orion_like.algo.problem import Problem
from orion_like.algo.sequence import point_key
from orion_like.space.encoding import Encoding
from orion_like.trial import Trial

Floats = NDArray[np.float64]

STARTS_OF_ONE = 3
"""Suggestions from a single task."""

MOST_STARTS = 8
"""Suggestions from all tasks, at most, one from each."""

LOOKED_AT = 50
"""Best points of a task among which some that are apart are looked for."""

LEAST_DISTANCE = 0.1
"""Mean difference of the columns, in units of the whole range, between two starting points."""


class WarmStarted(Algorithm):
    """Make the first suggestions from related tasks, and leave the others to an algorithm.

    Parameters
    ----------
    algorithm
        Makes the other suggestions. Its problem has the tasks.
    """

    def __init__(self, algorithm: Algorithm) -> None:
        super().__init__(algorithm.problem)
        self.algorithm = algorithm
        self.name = algorithm.name  # type: ignore[misc] # of an instance
        self.requires = algorithm.requires  # type: ignore[misc]
        self.parameters = algorithm.parameters  # type: ignore[method-assign]
        self.has_population = algorithm.has_population  # type: ignore[misc]
        self.ends_early = algorithm.ends_early
        self.stages = algorithm.stages
        tasks = self.problem.prior
        related = [task for task in tasks if not task.is_same]
        self.starts = [] if algorithm.has_design else starting_points(self.problem, related)
        self.uses_trials = algorithm.uses_trials or bool(self.starts)
        self._taken: set[str] = set()
        self.observe([trial for task in tasks if task.is_same for trial in task.trials])

    def __str__(self) -> str:
        return str(self.algorithm)

    @property
    def configuration(self) -> dict[str, dict[str, Any]]:
        """That of the algorithm."""
        return self.algorithm.configuration

    def __getattr__(self, name: str) -> Any:
        """Return what the algorithm has beyond the contract."""
        if name == "algorithm":  # not there before it is set, as in a copy
            raise AttributeError(name)
        return getattr(self.algorithm, name)

    def observe(self, trials: Iterable[Trial]) -> None:
        """Take in new and changed trials."""
        trials = list(trials)
        if self.starts:
            self._taken.update(self._key(trial.flat_params) for trial in trials)
        if self.algorithm.uses_trials:
            self.algorithm.observe(trials)

    def suggest(self, rng: np.random.Generator, number: int) -> Suggestion:
        """Return a good point of a related task, or what the algorithm suggests."""
        if number >= len(self.starts):
            return self.algorithm.suggest(rng, number)
        start = self.starts[number]
        if self._key(start) in self._taken:
            return self.algorithm.suggest(rng, number)
        fidelity = self.space.fidelity
        if fidelity is None:
            return dict(start)
        own = self.algorithm.suggest(rng, number)
        if not isinstance(own, dict) or isinstance(own, Continued):
            return own
        return {**start, fidelity.name: own[fidelity.name]}

    def _key(self, params: Mapping[str, Any]) -> str:
        """Identify a point, whatever its fidelity."""
        fidelity = self.space.fidelity
        return point_key({**params, fidelity.name: None} if fidelity is not None else params)


def starting_points(problem: Problem, tasks: Iterable[PriorTask]) -> list[dict[str, Any]]:
    """Return the points of related tasks that are tried first, in order."""
    encoding = problem.space.encoding()
    queues = [queue for queue in (best_points(problem, task) for task in tasks) if len(queue)]
    wanted = min(max(STARTS_OF_ONE, len(queues)), MOST_STARTS)
    chosen: Floats = np.empty((0, encoding.width))
    while len(chosen) < wanted and queues:
        for queue in list(queues):
            if len(chosen) == wanted:
                break
            found = next((row for row in queue if _is_apart(encoding, row, chosen)), None)
            if found is None:
                queues.remove(queue)
            else:
                chosen = np.vstack([chosen, found])
    return [point for point in encoding.decode_many(chosen) if problem.space.satisfies(point)]


def best_points(problem: Problem, task: PriorTask) -> Floats:
    """Return the encoded best points of a task, best first."""
    history = History(problem)
    history.observe(task.trials)
    return history.vectors(history.ranking.split(LOOKED_AT).good)


def _is_apart(encoding: Encoding, row: Floats, others: Floats) -> bool:
    if not len(others):
        return True
    differences = np.abs(others - row)
    is_category = np.array([column.kind == "category" for column in encoding.columns])
    differences[:, is_category] = differences[:, is_category] > 0
    only_one = np.isnan(others) != np.isnan(row)
    differences = np.where(only_one, 1.0, np.nan_to_num(differences))
    return bool(differences.mean(axis=1).min() >= LEAST_DISTANCE)
