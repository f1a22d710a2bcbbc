"""How many trials reported gradients save, and what wrong ones cost.

    python -m benchmarks.gradients --solvers gp lbfgs --seeds 10

For each algorithm and function: the median over seeds of the trials to a regret of 1e-4 of that
of a random point, without gradients, with them, and with wrong ones of the right length; and the
geometric mean of the regret after all trials, with wrong ones as a multiple of that without.
"""

from __future__ import annotations

import argparse
import math
import os
from collections.abc import Mapping

import numpy as np

from benchmarks.quality.classical import TUNING
from benchmarks.quality.problem import Problem
from benchmarks.quality.run import run
from benchmarks.quality.solvers import creator
from benchmarks.quality.wrappers import differentiated

FUNCTIONS = ("branin", "rosenbrock4", "hartmann6")
TARGET = 1e-4
SMALLEST = 1e-6


def variants(problem: Problem) -> Mapping[str, Problem]:
    return {
        "without": problem,
        "with": differentiated(problem),
        "wrong": differentiated(problem, wrong=True),
    }


def measure(solver: str, problem: Problem, seed: int, trials: int) -> tuple[float, float]:
    """Return the trials to the target, infinite if it was missed, and the last regret."""
    trace = run(creator(solver), problem, seed, trials).trace
    regrets = [(number, max(regret / problem.scale, SMALLEST)) for number, regret, _ in trace]
    reached = (number for number, regret in regrets if regret <= TARGET)
    return next(reached, math.inf), regrets[-1][1]


def row(solver: str, function: str, seeds: int, trials: int) -> str:
    """Return a line of the table."""
    numbers, regrets = {}, {}
    for name, problem in variants(TUNING[function](0)).items():
        runs = np.array([measure(solver, problem, seed, trials) for seed in range(seeds)])
        numbers[name] = float(np.median(runs[:, 0]))
        regrets[name] = float(np.exp(np.log(runs[:, 1]).mean()))
    texts = ("-" if math.isinf(n) else f"{n:g}" for n in numbers.values())
    cost = regrets["wrong"] / regrets["without"]
    return f"{solver:12}{function:14}" + "".join(f"{t:>9}" for t in texts) + f"{cost:12.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--solvers", nargs="*", default=["gp", "lbfgs"])
    parser.add_argument("--functions", nargs="*", default=list(FUNCTIONS), choices=list(TUNING))
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--trials", type=int, default=100)
    options = parser.parse_args()
    os.nice(10)
    print(f"{'':26}{'without':>9}{'with':>9}{'wrong':>9}{'regret wrong':>14}")
    for solver in options.solvers:
        for function in options.functions:
            print(row(solver, function, options.seeds, options.trials), flush=True)


if __name__ == "__main__":
    main()
