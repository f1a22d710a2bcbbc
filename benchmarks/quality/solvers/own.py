"""Our own algorithms, driven without a database."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

from benchmarks.quality.problem import Dimension, Evaluation, Params, Problem
from benchmarks.quality.solvers import Create
from orion_like.algo import create_algorithm
from orion_like.algo.base import Signal
from orion_like.space import build_space
from orion_like.trial import Trial


def creator(variant: str) -> Create:
    return lambda problem, seed, _trials, _workers: Own(variant, problem, seed)


def prior(dimension: Dimension) -> str:
    """Return a dimension as the text that users write."""
    if dimension.choices:
        text = f"choices({list(dimension.choices)!r})"
    else:
        kind = "loguniform" if dimension.log else "uniform"
        low, high = dimension.low, dimension.high
        ends = f"{int(low)}, {int(high)}, discrete=True" if dimension.integer else f"{low}, {high}"
        text = f"{kind}({ends})"
    if dimension.condition is not None:
        text += f" if {dimension.condition[0]} == {dimension.condition[1]!r}"
    return text


class Own:
    """Drive an algorithm as one worker for each running trial would."""

    def __init__(self, name: str, problem: Problem, seed: int) -> None:
        self.space = build_space({d.name: prior(d) for d in problem.dimensions})
        self.names = [f"g{i}" for i in range(problem.n_constraints)]
        constraints = [{"name": name, "upper": 0.0} for name in self.names]
        self.algorithm = create_algorithm(name, self.space, seed=seed, constraints=constraints)
        self.numbers = itertools.count()
        self.waiting: int | None = None

    def ask(self) -> tuple[int, Params] | None:
        number = next(self.numbers) if self.waiting is None else self.waiting
        params = self.algorithm.suggest(self.algorithm.problem.stream(number), number)
        if isinstance(params, Signal):
            self.waiting = number
            return None
        self.waiting = None
        self.algorithm.observe([self.trial(number, params, "reserved")])
        return number, params

    def tell(self, token: int, params: Params, evaluation: Evaluation) -> None:
        self.algorithm.observe([self.finished(token, params, evaluation)])

    def fill(self, trials: list[tuple[Params, Evaluation]]) -> None:
        """Take in trials as if they had been asked for."""
        self.algorithm.observe(
            self.finished(next(self.numbers), params, evaluation) for params, evaluation in trials
        )

    def finished(self, token: int, params: Params, evaluation: Evaluation) -> Trial:
        if not math.isfinite(evaluation.objective):
            return self.trial(token, params, "broken")
        results: list[dict[str, Any]] = [
            {"name": "objective", "type": "objective", "value": evaluation.objective}
        ]
        results += [
            {"name": name, "type": "constraint", "value": value}
            for name, value in zip(self.names, evaluation.constraints, strict=True)
        ]
        if evaluation.gradient is not None:
            gradient = dict(evaluation.gradient)
            results.append({"name": "gradient", "type": "gradient", "value": gradient})
        return self.trial(token, params, "completed", results)

    def trial(
        self, number: int, params: Params, status: str, results: Sequence[dict[str, Any]] = ()
    ) -> Trial:
        return Trial.from_document(
            {
                "experiment": 1,
                "number": number,
                "status": status,
                "params": self.space.to_document(params),
                "results": results,
            }
        )
