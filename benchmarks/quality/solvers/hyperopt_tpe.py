"""The tree-structured Parzen estimator of hyperopt."""

from __future__ import annotations

import logging
import math
from typing import Any

import hyperopt
import numpy as np
from hyperopt import hp

from benchmarks.quality.problem import Dimension, Evaluation, Params, Problem
from benchmarks.quality.solvers import Create, penalized


def creator(_variant: str) -> Create:
    logging.getLogger("hyperopt").setLevel(logging.ERROR)
    return lambda problem, seed, _trials, _workers: Hyperopt(problem, seed)


class Hyperopt:
    """Drive hyperopt through its documents; it gets a penalty for broken constraints."""

    def __init__(self, problem: Problem, seed: int) -> None:
        self.problem = problem
        self.trials = hyperopt.Trials()
        self.domain = hyperopt.Domain(lambda params: params, space(problem))
        self.rng = np.random.default_rng(seed)

    def ask(self) -> tuple[int, Params]:
        (tid,) = self.trials.new_trial_ids(1)
        self.trials.refresh()
        seed = int(self.rng.integers(2**31 - 1))
        (document,) = hyperopt.tpe.suggest([tid], self.domain, self.trials, seed)
        self.trials.insert_trial_doc(document)
        self.trials.refresh()
        drawn = {name: values[0] for name, values in document["misc"]["vals"].items() if values}
        params: Params = {}
        for dimension in self.problem.dimensions:
            if dimension.active(params):
                params[dimension.name] = value(dimension, drawn[dimension.name])
        return tid, params

    def tell(self, token: int, _params: Params, evaluation: Evaluation) -> None:
        document = next(d for d in reversed(self.trials._dynamic_trials) if d["tid"] == token)
        document["state"] = hyperopt.JOB_STATE_DONE
        loss = penalized(self.problem, evaluation)
        document["result"] = {"status": hyperopt.STATUS_OK, "loss": loss}
        self.trials.refresh()


def space(problem: Problem) -> dict[str, Any]:
    """Return the search space, conditional dimensions below the category they belong to."""
    children: dict[tuple[str, Any], dict[str, Any]] = {}
    top: dict[str, Any] = {}
    for dimension in reversed(problem.dimensions):
        if dimension.choices:
            branches = [children.get((dimension.name, c), {}) for c in dimension.choices]
            made = hp.choice(dimension.name, branches)
        elif dimension.log:
            made = hp.loguniform(dimension.name, math.log(dimension.low), math.log(dimension.high))
        elif dimension.integer:
            made = hp.uniformint(dimension.name, dimension.low, dimension.high)
        else:
            made = hp.uniform(dimension.name, dimension.low, dimension.high)
        if dimension.condition is None:
            top[dimension.name] = made
        else:
            children.setdefault(dimension.condition, {})[dimension.name] = made
    return top


def value(dimension: Dimension, drawn: Any) -> Any:
    if dimension.choices:
        return dimension.choices[int(drawn)]
    if dimension.integer:
        return round(float(drawn))
    return min(max(float(drawn), dimension.low), dimension.high)
