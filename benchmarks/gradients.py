"""How many trials reported gradients save, and what wrong ones cost.

    python -m benchmarks.gradients --solvers gp lbfgs --seeds 15

For each algorithm and function, without gradients, with them, and with wrong ones (of opposite
sign, of any direction, ten times too long): the median over seeds of the trials to a regret of 1e-4
of that of a random point; and the geometric mean of the regret after all trials, as a multiple of
that without gradients.
"""

from __future__ import annotations

import argparse
import logging
import math
import os
from collections.abc import Callable, Mapping

import numpy as np

from benchmarks.quality.classical import TUNING
from benchmarks.quality.problem import Problem
from benchmarks.quality.run import run
from benchmarks.quality.solvers import creator
from benchmarks.quality.wrappers import differentiated

FUNCTIONS = ("branin", "rosenbrock4", "hartmann6")
TARGET = 1e-4
SMALLEST = 1e-6


VARIANTS: Mapping[str, Callable[[Problem], Problem]] = {
    "without": lambda problem: problem,
    "with": differentiated,
    "sign": lambda problem: differentiated(problem, "sign"),
    "direction": lambda problem: differentiated(problem, "direction"),
    "size": lambda problem: differentiated(problem, "size"),
}


def measure(solver: str, problem: Problem, seed: int, trials: int) -> tuple[float, float]:
    """Return the trials to the target, infinite if it was missed, and the last regret."""
    trace = run(creator(solver), problem, seed, trials).trace
    regrets = [(number, max(regret / problem.scale, SMALLEST)) for number, regret, _ in trace]
    reached = (number for number, regret in regrets if regret <= TARGET)
    return next(reached, math.inf), regrets[-1][1]


def row(solver: str, function: str, seeds: int, trials: int) -> str:
    """Return a line of the table."""
    numbers, regrets = [], []
    for vary in VARIANTS.values():
        problem = vary(TUNING[function](0))
        runs = np.array([measure(solver, problem, seed, trials) for seed in range(seeds)])
        numbers.append(float(np.median(runs[:, 0])))
        regrets.append(float(np.exp(np.log(runs[:, 1]).mean())))
    counts = "".join(f"{'-' if math.isinf(n) else f'{n:g}':>10}" for n in numbers)
    costs = "".join(f"{regret / regrets[0]:>10.2g}" for regret in regrets[1:])
    return f"{solver:8}{function:13}{counts} |{costs}"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--solvers", nargs="*", default=["gp", "lbfgs"])
    parser.add_argument("--functions", nargs="*", default=list(FUNCTIONS), choices=list(TUNING))
    parser.add_argument("--seeds", type=int, default=15)
    parser.add_argument("--trials", type=int, default=100)
    options = parser.parse_args()
    os.nice(10)
    logging.disable()  # the warnings about wrong gradients
    names = [f"{name:>10}" for name in VARIANTS]
    print(f"{'':21}{'trials to the target':^50} |{'regret, without being 1':^40}")
    print(f"{'':21}{''.join(names)} |{''.join(names[1:])}")
    for solver in options.solvers:
        for function in options.functions:
            print(row(solver, function, options.seeds, options.trials), flush=True)


if __name__ == "__main__":
    main()
