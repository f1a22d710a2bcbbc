"""The optimizers of nevergrad."""

from __future__ import annotations

import math
import warnings
from typing import Any

import nevergrad
import numpy as np

from benchmarks.quality.problem import Dimension, Evaluation, Params, Problem
from benchmarks.quality.solvers import Create, penalized


def creator(variant: str) -> Create:
    warnings.filterwarnings("ignore")
    return lambda problem, seed, trials, workers: Nevergrad(variant, problem, seed, trials, workers)


class Nevergrad:
    """Drive an optimizer; constraints are told as violations, conditions are unknown to it."""

    def __init__(
        self, variant: str, problem: Problem, seed: int, trials: int, workers: int
    ) -> None:
        self.problem = problem
        space = nevergrad.p.Dict(**{d.name: parameter(d) for d in problem.dimensions})
        space.random_state = np.random.RandomState(seed)
        registered = nevergrad.optimizers.registry[variant]
        self.optimizer = registered(space, budget=trials, num_workers=workers)

    def ask(self) -> tuple[Any, Params]:
        candidate = self.optimizer.ask()
        return candidate, dict(candidate.value)

    def tell(self, token: Any, _params: Params, evaluation: Evaluation) -> None:
        if evaluation.constraints and math.isfinite(evaluation.objective):
            violations = [max(0.0, value) for value in evaluation.constraints]
            self.optimizer.tell(token, evaluation.objective, constraint_violation=violations)
        else:
            self.optimizer.tell(token, penalized(self.problem, evaluation))


def parameter(dimension: Dimension) -> Any:
    if dimension.choices:
        return nevergrad.p.Choice(list(dimension.choices))
    kind = nevergrad.p.Log if dimension.log else nevergrad.p.Scalar
    made = kind(lower=dimension.low, upper=dimension.high)
    return made.set_integer_casting() if dimension.integer else made
