"""Processor time and memory of choosing a point when there are many trials, beside peers.

    python -m benchmarks.latency --solvers tpe random optuna-tpe --peer-python optuna=PATH

For each solver and number of trials, in a process of its own: the mean processor time to ask for
a point and to tell its objective, and how much memory the process has gained, in ten dimensions
with one worker. The trials before were drawn at random and handed over at once where the solver
has a way to take them; other solvers chose them, up to a limit of time. The exponent is the one
of the power of the number of trials with which the time grows.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import resource
import subprocess
import sys
import time
from typing import Any

import numpy as np

from benchmarks.quality.problem import Dimension, Evaluation, Params, Problem, deterministic
from benchmarks.quality.runner import ONE_THREAD, ROOT, pairs
from benchmarks.quality.solvers import creator, package_of

DIMENSIONS = 10
NUMBERS = (100, 1_000, 10_000)
ROUNDS = 20
PATIENCE = 10
"""Seconds that a process may take for each one of processor time within the limit."""

CHOSEN = frozenset({"optuna-cmaes"})
"""Solvers that keep their state in the trials that they chose."""

UNKNOWN = {"milliseconds": math.nan, "megabytes": math.nan}


def bowl(params: Params) -> float:
    return float(sum((value - 0.3) ** 2 for value in params.values()))


PROBLEM = Problem(
    tuple(Dimension(f"x{i}") for i in range(DIMENSIONS)), deterministic(bowl), lowest=0.0
)


def memory() -> float:
    """Return the most memory that this process has had, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(name: str, number: int, limit: float) -> dict[str, Any]:
    """Return the milliseconds of a round after a number of trials, and the MB gained.

    Parameters
    ----------
    name
        The solver.
    number
        Number of trials before.
    limit
        Seconds of processor time within which a solver must choose them, if it has to; also
        how long rounds are repeated.
    """
    rng = np.random.default_rng(0)
    create = creator(name)
    solver: Any = create(PROBLEM, 0, number + ROUNDS + 1, 1)

    def evaluate(params: Params) -> Evaluation:
        return PROBLEM.evaluate(params, rng)

    def turn() -> float:
        began = time.process_time()
        token, params = solver.ask()
        solver.tell(token, params, evaluate(params))
        return time.process_time() - began

    turn()  # imports and the like
    before, began = memory(), time.process_time()
    if hasattr(solver, "fill") and name not in CHOSEN:
        points = [PROBLEM.at(point) for point in rng.random((number - 1, DIMENSIONS))]
        solver.fill([(params, evaluate(params)) for params in points])
    else:
        for _ in range(number - 1):
            turn()
            if time.process_time() - began > limit:
                return UNKNOWN
    turn()  # what was handed over at once is digested
    seconds: list[float] = []
    while len(seconds) < ROUNDS and sum(seconds) < limit:
        seconds.append(turn())
    return {"milliseconds": 1000 * float(np.mean(seconds)), "megabytes": memory() - before}


def in_process(python: str, name: str, number: int, limit: float) -> dict[str, Any]:
    """Measure in a process of its own, which is ended when it takes far too long."""
    command = [python, "-m", "benchmarks.latency", "--one", name, str(number), str(limit)]
    try:
        done = subprocess.run(
            command,
            cwd=ROOT,
            env={**os.environ, **ONE_THREAD},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            timeout=PATIENCE * limit,
        )
    except subprocess.TimeoutExpired:
        return UNKNOWN
    measured: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return measured


def exponent(milliseconds: list[float]) -> float:
    """Return the slope of a line through the logarithms of times and numbers."""
    known = [(n, t) for n, t in zip(NUMBERS, milliseconds, strict=True) if not math.isnan(t)]
    if len(known) < 2:
        return math.nan
    numbers, times = np.log(np.array(known)).T
    return float(np.polyfit(numbers, times, 1)[0])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--solvers", nargs="*", default=["tpe", "random"])
    parser.add_argument("--peer-python", nargs="*", default=[], metavar="PACKAGE=PATH")
    parser.add_argument("--limit", type=float, default=60, help="seconds to choose the trials")
    parser.add_argument("--one", nargs=3, metavar=("SOLVER", "NUMBER", "LIMIT"))
    options = parser.parse_args()
    if options.one:
        name, number, limit = options.one
        print(json.dumps(measure(name, int(number), float(limit))))
        return
    pythons = dict(pairs(options.peer_python))
    print(f"{'solver':18}" + "".join(f"{f'{n:,}':>10}" for n in NUMBERS) + "  ms; exponent; MB")
    for name in options.solvers:
        python = pythons.get(package_of(name), sys.executable)
        found = [in_process(python, name, number, options.limit) for number in NUMBERS]
        times = [one["milliseconds"] for one in found]
        cells = "".join(f"{'-':>10}" if math.isnan(t) else f"{t:10.2f}" for t in times)
        gained = "/".join("-" if math.isnan(m := f["megabytes"]) else f"{m:.0f}" for f in found)
        print(f"{name:18}{cells}  {exponent(times):8.2f}; {gained}", flush=True)


if __name__ == "__main__":
    main()
