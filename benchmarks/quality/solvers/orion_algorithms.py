"""The algorithms of Oríon, in memory."""

from __future__ import annotations

import logging
from typing import Any

from orion.algo.tpe import TPE
from orion.core.io.space_builder import SpaceBuilder
from orion.core.worker.primary_algo import create_algo
from orion.core.worker.trial import Trial

from benchmarks.quality.problem import Dimension, Evaluation, Params, Problem
from benchmarks.quality.solvers import Create, penalized


def creator(_variant: str) -> Create:
    logging.disable(logging.CRITICAL)
    return lambda problem, seed, _trials, _workers: Orion(problem, seed)


class Orion:
    """Drive an algorithm; it gets a penalty for broken constraints and knows no conditions."""

    def __init__(self, problem: Problem, seed: int) -> None:
        self.problem = problem
        space = SpaceBuilder().build({d.name: prior(d) for d in problem.dimensions})
        self.algorithm = create_algo(TPE, space, seed=seed)

    def ask(self) -> tuple[Any, Params] | None:
        trials = self.algorithm.suggest(1)
        return (trials[0], dict(trials[0].params)) if trials else None

    def tell(self, token: Any, _params: Params, evaluation: Evaluation) -> None:
        loss = penalized(self.problem, evaluation)
        token.status = "completed"
        token._results = [Trial.Result(name="objective", type="objective", value=loss)]
        self.algorithm.observe([token])


def prior(dimension: Dimension) -> str:
    if dimension.choices:
        return f"choices({list(dimension.choices)!r})"
    kind = "loguniform" if dimension.log else "uniform"
    if dimension.integer:
        return f"{kind}({int(dimension.low)}, {int(dimension.high)}, discrete=True)"
    return f"{kind}({dimension.low}, {dimension.high}, precision=None)"
