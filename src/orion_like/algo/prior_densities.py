"""What related tasks say of candidates of the tree-structured Parzen estimator.

Each task has estimators of its good and of its other trials. Their log ratio is added to that of
the trials here, with a factor that falls with their number, as beliefs of users are in πBO
(C. Hvarfner et al., arXiv 2204.11051, eq. 4: acquisition times π(x)^(β/n)): what a wrong task costs
is bounded, since in the end the own trials alone count. The factor also depends on how well the
ratio orders the trials here, so that a task that has nothing to do with this one is left out early.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from orion_like.algo.history import History
from orion_like.algo.parzen import ParzenEstimator
from orion_like.algo.problem import Problem

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]

LEAST_TRIALS = 5
"""Trials of a task that make estimators."""

MAX_TASKS = 8
"""Most tasks that are taken into account, those with the most trials."""

BETA = 10.0
"""Trials here after which a task counts as much as they do."""

BELIEF, BELIEF_TRIALS = 0.2, 4.0
"""Concordance that is expected of a task, and for how many trials that counts."""

NEGLIGIBLE = 0.03
"""Factor below which a task is left out."""

Estimators = tuple[ParzenEstimator, ParzenEstimator]


class PriorDensities:
    """Estimators of related tasks.

    Parameters
    ----------
    problem
        Its related tasks are used.
    estimators
        Returns the estimators of good and other trials of a history.
    """

    def __init__(self, problem: Problem, estimators: Callable[[History], Estimators]) -> None:
        histories = []
        for task in problem.prior:
            history = History(problem)
            if not task.is_same:
                history.observe(task.trials)
            if history.ranking.successes >= LEAST_TRIALS:
                histories.append(history)
        histories.sort(key=lambda history: -len(history.ranking))
        self._tasks = [estimators(history) for history in histories[:MAX_TASKS]]

    def __len__(self) -> int:
        return len(self._tasks)

    def factors(self, ordered: Floats, n_trials: int) -> list[float]:
        """Return how much each task counts.

        Parameters
        ----------
        ordered
            Encoded points of trials here, best first.
        n_trials
            Number of all finished trials here.
        """
        decay = BETA / max(n_trials, BETA) / max(1, len(self._tasks))
        if decay < NEGLIGIBLE:
            return [0.0] * len(self._tasks)
        factors = []
        for good, other in self._tasks:
            scores = good.log_density(ordered) - other.log_density(ordered)
            known = concordance(-scores) * len(scores) + BELIEF * BELIEF_TRIALS
            factor = decay * max(0.0, known / (len(scores) + BELIEF_TRIALS))
            factors.append(factor if factor >= NEGLIGIBLE else 0.0)
        return factors

    def sample(self, rng: np.random.Generator, factors: Sequence[float], n: int) -> list[Floats]:
        """Draw vectors where the tasks have good trials, about `n` for a task that fully counts."""
        return [
            good.sample(rng, math.ceil(n * factor))
            for (good, _), factor in zip(self._tasks, factors, strict=True)
            if factor
        ]

    def score(self, vectors: Floats, factors: Sequence[float]) -> Floats:
        """Return what the tasks add to the score of candidates."""
        total = np.zeros(len(vectors))
        for (good, other), factor in zip(self._tasks, factors, strict=True):
            if factor:
                total += factor * (good.log_density(vectors) - other.log_density(vectors))
        return total


def concordance(values: Floats) -> float:
    """Return Kendall's rank correlation of some values with their positions.

    Examples
    --------
    >>> concordance(np.array([1.0, 2.0, 3.0])), concordance(np.array([3.0, 2.0, 1.0]))
    (1.0, -1.0)
    """
    if len(values) < 2:
        return 0.0
    signs = np.sign(values[None, :] - values[:, None])
    return float(np.triu(signs, 1).sum() / (len(values) * (len(values) - 1) / 2))
