"""The default algorithm: looks at the problem, and leaves each suggestion to what suits it.

Comparisons of many optimisers on many problems find no single best one (C. Benjamins et al.,
carps: a framework for comparing N hyperparameter optimizers on M benchmarks, arXiv 2506.06143),
so a good choice between them gains more than a better one of them. It depends on the problem
and on the number of the suggestion alone: all workers agree on it, and a replay repeats it. The
thresholds come from ``benchmarks/quality``.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from orion_like.algo.base import Algorithm, Stage, Suggestion
from orion_like.algo.factory import find_algorithm
from orion_like.algo.problem import Problem
from orion_like.algo.rungs import MIN_BASE
from orion_like.trial import Trial

LEAST_MODEL_TRIALS = 200
"""Suggestions, at least, that a Gaussian process makes before another algorithm goes on."""

MODEL_TRIALS_PER_DIMENSION = 30
"""Suggestions that it makes for each dimension, between the least and the most."""

MOST_MODEL_TRIALS = 1000
"""Suggestions, at most, that it makes."""


class Auto(Algorithm):
    """Choose the algorithm by the search space, the objectives and the number of trials.

    :attr:`stages` tells which algorithm makes which suggestions and why; ``orion-like info``
    prints it. Each of them learns from all trials, also from those that the others suggested.

    Parameters
    ----------
    problem
        The space, seed, objectives and constraints.

    Examples
    --------
    >>> from orion_like.algo import create_algorithm
    >>> from orion_like.space import build_space
    >>> auto = create_algorithm("auto", build_space({"x": "uniform(0, 1)"}))
    >>> [(stage.first, stage.algorithm) for stage in auto.stages]
    [(0, 'gp'), (200, 'cmaes')]
    """

    name = "auto"

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self.stages = plan(problem)
        self._members = [_member(stage, problem) for stage in self.stages]
        self.uses_gradients = any(member.uses_gradients for member in self._members)

    def observe(self, trials: Iterable[Trial]) -> None:
        """Take in new and changed trials, for each of the algorithms."""
        trials = list(trials)
        for member in self._members:
            member.observe(trials)

    def suggest(self, rng: np.random.Generator, number: int) -> Suggestion:
        """Return what the algorithm suggests whose turn it is."""
        index = sum(stage.first <= number for stage in self.stages) - 1
        return self._members[index].suggest(rng, number)


def _member(stage: Stage, problem: Problem) -> Algorithm:
    cls = find_algorithm(stage.algorithm)
    # An evolution strategy starts where the trials before its own are good.
    return cls(problem, **({"start": stage.first} if "start" in cls.parameters() else {}))


def plan(problem: Problem) -> tuple[Stage, ...]:
    """Return which algorithm makes which suggestions.

    Parameters
    ----------
    problem
        The space, objectives and constraints.

    Examples
    --------
    >>> from orion_like.space import build_space
    >>> for stage in plan(Problem(build_space({"x": "choices(['a', 'b'])"}))):
    ...     print(f"from {stage.first}: {stage.algorithm}, since {stage.reason}")
    from 0: gp, since a Gaussian process learns most from few trials
    from 200: tpe, since it handles categories at any number of trials
    """
    columns = problem.space.encoding().columns
    first = MODEL_TRIALS_PER_DIMENSION * len(columns)
    first = min(max(LEAST_MODEL_TRIALS, first), MOST_MODEL_TRIALS)
    model = Stage("gp", "a Gaussian process learns most from few trials")
    fidelity = problem.space.fidelity
    if len(problem.objectives) == 1 and fidelity is not None and fidelity.base >= MIN_BASE:
        return (Stage("bohb", f"{fidelity.name} lets most trials cost little"),)
    if len(problem.objectives) > 1:
        return model, Stage("nsga2", "a population covers the Pareto front", first)
    hard = [
        name
        for name, is_there in (
            ("categories", any(column.kind == "category" for column in columns)),
            ("conditions", problem.space.is_conditional),
            ("outcome constraints", bool(problem.constraints)),
        )
        if is_there
    ]
    if hard:
        reason = f"it handles {' and '.join(hard)} at any number of trials"
        return model, Stage("tpe", reason, first)
    return model, Stage("cmaes", "an evolution strategy gets the last digits at no cost", first)
