"""The samplers of Optuna, with the settings that it recommends by its defaults."""

from __future__ import annotations

import warnings
from typing import Any

import optuna

from benchmarks.quality.problem import Dimension, Evaluation, Params, Problem
from benchmarks.quality.solvers import Create, penalized

CONSTRAINED = ("tpe", "gp", "nsga2")
"""Samplers that are told constraints; others get a penalty."""


def creator(variant: str) -> Create:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.filterwarnings("ignore", module="optuna")
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
    return lambda problem, seed, _trials, _workers: OptunaSampler(variant, problem, seed)


class OptunaSampler:
    """Drive a study by its interface of asking and telling."""

    def __init__(self, variant: str, problem: Problem, seed: int) -> None:
        self.problem = problem
        self.native = variant in CONSTRAINED and problem.n_constraints > 0
        options: dict[str, Any] = {"seed": seed}
        if self.native:
            options["constraints_func"] = lambda trial: trial.user_attrs["constraints"]
        conditional = any(d.condition is not None for d in problem.dimensions)
        if variant == "tpe":
            sampler: Any = optuna.samplers.TPESampler(group=conditional, **options)
        elif variant == "gp":
            sampler = optuna.samplers.GPSampler(**options)
        elif variant == "cmaes":
            # With conditions, the option fails as the dimensions change.
            mixed = any(d.integer for d in problem.dimensions) and not conditional
            sampler = optuna.samplers.CmaEsSampler(with_margin=mixed, **options)
        elif variant == "nsga2":
            sampler = optuna.samplers.NSGAIISampler(**options)
        else:
            sampler = optuna.samplers.RandomSampler(**options)
        self.study = optuna.create_study(sampler=sampler)

    def ask(self) -> tuple[Any, Params]:
        trial, params = self.study.ask(), {}
        for dimension in self.problem.dimensions:
            if dimension.active(params):
                params[dimension.name] = suggested(trial, dimension)
        return trial, params

    def tell(self, token: Any, _params: Params, evaluation: Evaluation) -> None:
        if evaluation.objective != evaluation.objective:
            self.study.tell(token, state=optuna.trial.TrialState.FAIL)
        elif self.native:
            token.set_user_attr("constraints", list(evaluation.constraints))
            self.study.tell(token, evaluation.objective)
        else:
            self.study.tell(token, penalized(self.problem, evaluation))

    def fill(self, trials: list[tuple[Params, Evaluation]]) -> None:
        """Take in trials as if they had been asked for."""
        space = {d.name: distribution(d) for d in self.problem.dimensions}
        self.study.add_trials(
            optuna.trial.create_trial(
                params=params,
                distributions={name: space[name] for name in params},
                value=evaluation.objective,
            )
            for params, evaluation in trials
        )


def distribution(dimension: Dimension) -> Any:
    if dimension.choices:
        return optuna.distributions.CategoricalDistribution(dimension.choices)
    if dimension.integer:
        low, high = int(dimension.low), int(dimension.high)
        return optuna.distributions.IntDistribution(low, high, log=dimension.log)
    return optuna.distributions.FloatDistribution(dimension.low, dimension.high, log=dimension.log)


def suggested(trial: Any, dimension: Dimension) -> Any:
    if dimension.choices:
        return trial.suggest_categorical(dimension.name, list(dimension.choices))
    suggest = trial.suggest_float
    low, high = dimension.low, dimension.high
    if dimension.integer:
        suggest, low, high = trial.suggest_int, int(low), int(high)
    return suggest(dimension.name, low, high, log=dimension.log)
