"""The suites bbob, bbob-mixint and bbob-constrained, through the package coco-experiment.

Hansen, Auger, Ros, Mersmann, Tušar and Brockhoff, *COCO: a platform for comparing continuous
optimizers in a black-box setting*, Optimization Methods and Software 36 (2021).
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from typing import Any

import numpy as np

from benchmarks.quality.problem import Dimension, Evaluation, Params, Problem

SCALE = 100.0
"""Targets go from 10² down, as in COCO."""


def coco_problem(suite: str, function: int, dimensions: int, instance: int) -> Problem:
    """Return a problem of COCO; its bounds of integers and numbers are those of the suite."""
    import cocoex

    handle = cocoex.Suite(suite, f"instances: {instance}", f"dimensions: {dimensions}")
    problem = handle.get_problem_by_function_dimension_instance(function, dimensions, instance)
    integers = problem.number_of_integer_variables
    space = tuple(
        Dimension(f"x{i}", float(low), float(high), integer=i < integers)
        for i, (low, high) in enumerate(
            zip(problem.lower_bounds, problem.upper_bounds, strict=True)
        )
    )
    names = [dimension.name for dimension in space]
    constrained = problem.number_of_constraints > 0

    def evaluate(params: Params, _rng: np.random.Generator, _suite: Any = handle) -> Evaluation:
        x = np.array([params[name] for name in names], dtype=float)
        constraints = tuple(map(float, problem.constraint(x))) if constrained else ()
        value = float(problem(x))
        return Evaluation(value, value, constraints)

    best = _best_parameter(problem)
    lowest = float(problem(best))
    return Problem(
        space,
        evaluate,
        lowest,
        SCALE,
        problem.number_of_constraints,
        dict(zip(names, map(float, best), strict=True)),
    )


def _best_parameter(problem: Any) -> Any:
    """Ask COCO for the best point, which it writes to a file in the working directory."""
    before = os.getcwd()
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        os.chdir(folder)
        stack.callback(os.chdir, before)
        problem._best_parameter("print")
        return np.loadtxt("._bbob_problem_best_parameter.txt", ndmin=1)
