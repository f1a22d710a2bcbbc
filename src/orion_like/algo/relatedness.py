"""How well another task foretells which trials of this one are better."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from orion_like.algo.gp.embedding import Box, Embedding
from orion_like.algo.history import History
from orion_like.algo.prior_task import PriorTask
from orion_like.algo.problem import Problem
from orion_like.trial import Trial

LEAST_TRIALS = 5
"""Trials on either side that tell something."""

MOST_TRIALS = 500
"""Trials of either side that are looked at, the best ones."""


def agreement(problem: Problem, task: PriorTask, trials: Iterable[Trial]) -> float | None:
    """Return which share of the pairs of trials a task puts in their order.

    A point is foretold the mean rank of the task's points, weighted by their inverse squared
    distance to it.

    Parameters
    ----------
    problem
        This task.
    task
        The other one.
    trials
        The trials here.

    Returns
    -------
    float or None
        From 0 to 1; 0.5 is what chance gives. None if there are too few trials to tell.
    """
    here, there = History(problem), History(problem)
    here.observe(trials)
    there.observe(task.trials)
    if min(here.ranking.successes, there.ranking.successes) < LEAST_TRIALS:
        return None
    embedding = Embedding(problem.space.encoding())
    box = Box.unit(len(embedding.numeric))
    known, asked = (
        embedding.coordinates(
            history.vectors(
                history.ranking.split(min(MOST_TRIALS, history.ranking.successes)).good
            ),
            box,
        )
        for history in (there, here)
    )
    squares = ((asked[:, None, :] - known[None, :, :]) ** 2).sum(axis=2)
    weights = 1.0 / (squares + 1e-6)
    foretold = weights @ np.arange(len(known)) / weights.sum(axis=1)
    pairs = np.triu_indices(len(foretold), 1)
    signs = np.sign(foretold[pairs[1]] - foretold[pairs[0]])
    return float(0.5 + 0.5 * signs.mean())
