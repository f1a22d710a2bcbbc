"""Make a problem harder, or another of its kind, with the same minimum; wrappers compose."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from benchmarks.quality.problem import Dimension, Evaluation, Params, Problem

Wrong = Literal["sign", "direction", "size"]


def noisy(problem: Problem, share: float) -> Problem:
    """Add normal noise to what the solver is told.

    Parameters
    ----------
    problem
        The problem.
    share
        Standard deviation, as a share of the problem's scale.
    """

    def evaluate(params: Params, rng: np.random.Generator) -> Evaluation:
        done = problem.evaluate(params, rng)
        noise = share * problem.scale * rng.standard_normal()
        return replace(done, objective=done.objective + noise)

    return replace(problem, evaluate=evaluate)


def shifted(problem: Problem, seed: int, most: float = 0.5) -> Problem:
    """Move the minimum to another place in the ranges, by bending the axes of numbers.

    The share *u* of a range becomes *u* to a power between 2**-most and 2**most, so bounds and
    minimum stay what they are.
    """
    rng = np.random.default_rng([seed, 1])
    bent = {d.name: d for d in problem.dimensions if not d.choices and not d.integer}
    powers = {name: 2 ** rng.uniform(-most, most) for name in bent}

    def along(params: Params, inverse: bool) -> Params:
        moved = dict(params)
        for name, dimension in bent.items():
            if name in params:
                power = 1 / powers[name] if inverse else powers[name]
                share = min(max(dimension.share(params[name]), 0.0), 1.0)
                moved[name] = dimension.at(share**power)
        return moved

    return replace(
        problem,
        evaluate=lambda params, run: problem.evaluate(along(params, inverse=False), run),
        best=along(problem.best, inverse=True) if problem.best is not None else None,
    )


def infeasible(problem: Problem, seed: int, share: float) -> Problem:
    """Crash in a part of the space that solvers do not know, away from the best point.

    Parameters
    ----------
    problem
        A problem of numbers with a known best point.
    seed
        Which part.
    share
        About how much of the space crashes; less if the best point is in the way.
    """
    assert problem.best is not None
    dimensions = problem.dimensions
    rng = np.random.default_rng([seed, 2])
    waves = rng.standard_normal((4, len(dimensions))) * 2
    phases = rng.uniform(0, 2 * math.pi, 4)

    def height(points: Any) -> Any:
        return np.cos(points @ waves.T + phases).sum(axis=-1)

    def shares(params: Params) -> Any:
        return np.array([d.share(params[d.name]) for d in dimensions])

    heights = height(rng.random((1000, len(dimensions))))
    at_best = height(shares(problem.best))
    sign = 1.0 if at_best <= np.median(heights) else -1.0
    edge = max(np.quantile(sign * heights, 1 - share), sign * at_best + 0.1)

    def evaluate(params: Params, run: np.random.Generator) -> Evaluation:
        done = problem.evaluate(params, run)
        if sign * height(shares(params)) > edge:
            return replace(done, objective=math.nan, constraints=())
        return done

    return replace(problem, evaluate=evaluate)


def delayed(problem: Problem, spread: float) -> Problem:
    """Let evaluations take times that differ.

    Parameters
    ----------
    problem
        The problem.
    spread
        Standard deviation of the logarithm of the time, whose median is that of the problem.
    """

    def evaluate(params: Params, rng: np.random.Generator) -> Evaluation:
        done = problem.evaluate(params, rng)
        return replace(done, duration=done.duration * math.exp(spread * rng.standard_normal()))

    return replace(problem, evaluate=evaluate)


def permuted(problem: Problem, seed: int) -> Problem:
    """Shuffle categories and dimensions, conditional ones staying behind what they depend on."""
    rng = np.random.default_rng([seed, 3])
    order = [problem.dimensions[i] for i in rng.permutation(len(problem.dimensions))]
    order.sort(key=lambda d: d.condition is not None)

    def shuffled(dimension: Dimension) -> Dimension:
        chosen = tuple(dimension.choices[i] for i in rng.permutation(len(dimension.choices)))
        return replace(dimension, choices=chosen)

    return replace(problem, dimensions=tuple(shuffled(d) for d in order))


def differentiated(problem: Problem, wrong: Wrong | None = None) -> Problem:
    """Report the gradient, taken by central differences.

    Parameters
    ----------
    problem
        A problem of numbers, without noise.
    wrong
        How it is wrong: ``sign``, the opposite; ``direction``, any one, with its length
        unchanged; ``size``, ten times too long. Default None, not at all.
    """

    def slope(params: Params, dimension: Dimension, rng: np.random.Generator) -> float:
        step = 1e-6 * (dimension.high - dimension.low)
        ends = [{**params, dimension.name: params[dimension.name] + s * step} for s in (1, -1)]
        above, below = (problem.evaluate(end, rng).true for end in ends)
        return (above - below) / (2 * step)

    def evaluate(params: Params, rng: np.random.Generator) -> Evaluation:
        gradient = np.array([slope(params, d, rng) for d in problem.dimensions])
        if wrong == "direction":
            direction = rng.standard_normal(len(gradient))
            gradient = direction * (np.linalg.norm(gradient) / np.linalg.norm(direction))
        gradient = gradient * {"sign": -1.0, "size": 10.0}.get(wrong or "", 1.0)
        named = {d.name: float(g) for d, g in zip(problem.dimensions, gradient, strict=True)}
        return replace(problem.evaluate(params, rng), gradient=named)

    return replace(problem, evaluate=evaluate)
