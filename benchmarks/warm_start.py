"""What a warm start gains, and what a wrong one costs.

    python -m benchmarks.warm_start --algorithms auto tpe --seeds 10

Each problem is solved cold, and warm from two searches of 40 trials that ``tpe`` made cold: on the
function with its minimum moved and its values on another scale (*moved*), on a function that has
nothing to do with it (*unrelated*), and on the function upside down (*opposite*). Tasks of
scikit-learn start from the same model on other data (*data*). A line has, after some
numbers of trials, the geometric mean over problems and seeds of the regret, as a multiple of the
cold one; below 1 is better.
"""

from __future__ import annotations

import argparse
import math
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from benchmarks.quality.classical import REPORTING, TUNING
from benchmarks.quality.problem import Evaluation, Params, Problem
from benchmarks.quality.solvers.own import Own
from benchmarks.quality.tuning import GRIDS, tuning_problem
from orion_like.algo import PriorTask, create_algorithm
from orion_like.trial import Trial

SMALLEST = 1e-3
"""Regrets below this share of that of a random point count as equal."""

SOURCE_TRIALS = 40
N_SOURCES = 2
MOVE = 0.07
"""Standard deviation of the move of a minimum, in widths of the range."""

PARTS: Mapping[str, tuple[Mapping[str, Callable[[int], Problem]], Sequence[str], Sequence[str]]] = {
    "tuning": (
        TUNING,
        ("branin", "hartmann6", "rosenbrock4", "levy5", "styblinski8", "rastrigin4", "models"),
        ("svm wine", "neighbours wine"),
    ),
    "reporting": (
        REPORTING,
        ("camel", "goldstein-price", "hartmann3", "powell4 shifted", "michalewicz5",
         "network noisy", "pipeline"),
        ("svm digits", "svm breast cancer", "forest breast cancer", "neighbours digits"),
    ),
}  # fmt: skip
"""Of each part: its functions, which of them, and which tasks of scikit-learn."""


def moved(problem: Problem, seed: int) -> Problem:
    """Return a problem with its minimum elsewhere, and its values on another scale."""
    rng = np.random.default_rng([seed, 1])
    moves = {d.name: rng.normal(0.0, MOVE) for d in problem.dimensions if not d.choices}
    factor, offset = np.exp(rng.normal(0.0, 1.0)), rng.normal(0.0, 10.0) * problem.scale

    def evaluate(params: Params, stream: np.random.Generator) -> Evaluation:
        elsewhere = {}
        for dimension in problem.dimensions:
            if dimension.name in params:
                value = params[dimension.name]
                if dimension.name in moves:
                    share = dimension.share(value) + moves[dimension.name]
                    value = dimension.at(min(1.0, 1.0 - abs(1.0 - abs(share))))
                elsewhere[dimension.name] = value
        value = problem.evaluate(elsewhere, stream).objective
        return Evaluation(factor * value + offset, value)

    return replace(problem, evaluate=evaluate)


def unrelated(problem: Problem, seed: int) -> Problem:
    """Return a smooth random function on the same space: a sum of waves."""
    rng = np.random.default_rng([seed, 2])
    waves = rng.normal(0.0, 4.0, (20, len(problem.dimensions)))
    phases = rng.uniform(0.0, 2.0 * math.pi, 20)

    def evaluate(params: Params, _stream: np.random.Generator) -> Evaluation:
        shares = [
            0.5
            if d.name not in params
            else d.choices.index(params[d.name]) / len(d.choices)
            if d.choices
            else d.share(params[d.name])
            for d in problem.dimensions
        ]
        value = float(np.cos(waves @ np.array(shares) + phases).sum())
        return Evaluation(value, value)

    return replace(problem, evaluate=evaluate)


def opposite(problem: Problem, _seed: int) -> Problem:
    """Return the problem upside down."""

    def evaluate(params: Params, stream: np.random.Generator) -> Evaluation:
        value = -problem.evaluate(params, stream).objective
        return Evaluation(value, value)

    return replace(problem, evaluate=evaluate)


CHANGES: Mapping[str, Callable[[Problem, int], Problem]] = {
    "moved": moved,
    "unrelated": unrelated,
    "opposite": opposite,
}


class Warm(Own):
    """Drive an algorithm that starts from prior tasks."""

    def __init__(self, name: str, problem: Problem, seed: int, prior: Iterable[PriorTask]) -> None:
        super().__init__(name, problem, seed)
        self.algorithm = create_algorithm(name, self.space, seed=seed, prior=prior)


def solve(solver: Own, problem: Problem, seed: int, trials: int) -> tuple[list[float], list[Trial]]:
    """Return the lowest regret after each trial, as a share of the usual one, and the trials."""
    rng = np.random.default_rng([seed, trials])
    lowest, told, best = [], [], (math.inf, math.inf)
    for _ in range(trials):
        asked = solver.ask()
        if asked is None:
            break
        number, params = asked
        evaluation = problem.evaluate(params, rng)
        solver.tell(number, params, evaluation)
        told.append(replace_number(solver.finished(number, params, evaluation)))
        best = min(best, (evaluation.objective, evaluation.true))
        lowest.append(max((best[1] - problem.lowest) / problem.scale, SMALLEST))
    return lowest + lowest[-1:] * (trials - len(lowest)), told


def replace_number(trial: Trial) -> Trial:
    """Return a trial as one of another search, without a number."""
    trial.number = None
    return trial


def tasks(problems: Sequence[Problem], seed: int) -> list[PriorTask]:
    """Return what cold searches of problems find."""
    found = []
    for position, problem in enumerate(problems):
        own = 1000 * (seed + 1) + position
        _, trials = solve(Own("tpe", problem, own), problem, own, SOURCE_TRIALS)
        found.append(PriorTask(f"source {position}", tuple(trials)))
    return found


def relatives(name: str) -> list[Problem]:
    """Return the tasks of scikit-learn that tune the same model on other data."""
    model = name.partition(" ")[0]
    return [tuning_problem(o) for o in GRIDS if o != name and o.partition(" ")[0] == model]


def cases(part: str, kind: str) -> Iterable[tuple[str, Callable[[int], Problem]]]:
    functions, names, tables = PARTS[part]
    if kind == "data":
        return [(name, lambda _, name=name: tuning_problem(name)) for name in tables]
    return [(name, functions[name]) for name in names]


def sources(kind: str, name: str, problem: Problem, seed: int) -> list[Problem]:
    if kind == "data":
        return relatives(name)
    return [CHANGES[kind](problem, 10 * seed + i) for i in range(N_SOURCES)]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--part", choices=list(PARTS), default="reporting")
    parser.add_argument("--algorithms", nargs="*", default=["auto", "tpe", "random"])
    parser.add_argument("--kinds", nargs="*", default=["moved", "data", "unrelated", "opposite"])
    parser.add_argument("--problems", nargs="*", help="Only these.")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--details", action="store_true", help="A line for each problem, too.")
    options = parser.parse_args()
    os.nice(10)
    marks = [n for n in (5, 10, 20, 40, 80) if n <= options.trials]
    print(f"{'':32}" + "".join(f"{f'{n} trials':>11}" for n in marks))
    colds: dict[tuple[str, str, int], list[float]] = {}
    for kind in options.kinds:
        logs: dict[str, list[list[float]]] = {name: [] for name in options.algorithms}
        for name, make in cases(options.part, kind):
            if options.problems and name not in options.problems:
                continue
            own: dict[str, list[list[float]]] = {each: [] for each in options.algorithms}
            for seed in range(options.seeds):
                problem = make(seed)
                prior = tasks(sources(kind, name, problem, seed), seed)
                for algorithm in options.algorithms:
                    key = (algorithm, name, seed)
                    if key not in colds:
                        solver = Own(algorithm, problem, seed)
                        colds[key], _ = solve(solver, problem, seed, options.trials)
                    cold = colds[key]
                    warm, _ = solve(
                        Warm(algorithm, problem, seed, prior), problem, seed, options.trials
                    )
                    own[algorithm].append([math.log(warm[n - 1] / cold[n - 1]) for n in marks])
            for algorithm, rows in own.items():
                logs[algorithm] += rows
                if options.details:
                    print_row(f"  {kind} {algorithm} {name}", rows)
        for algorithm, rows in logs.items():
            print_row(f"{kind} {algorithm}", rows)


def print_row(title: str, rows: Sequence[Sequence[float]]) -> None:
    ratios = np.exp(np.mean(rows, axis=0))
    print(f"{title:32}" + "".join(f"{ratio:>11.2f}" for ratio in ratios), flush=True)


if __name__ == "__main__":
    main()
