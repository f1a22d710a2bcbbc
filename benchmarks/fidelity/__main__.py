"""Time to a good configuration with a fidelity, and schedules found by populations.

    python -m benchmarks.fidelity --optuna /path/to/bin/python --seeds 15

prints two tables of medians. Time is in trainings to the highest fidelity on average, on a clock of
discrete events, up to a horizon; ``-`` says that the median was not reached.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import subprocess
from pathlib import Path

from benchmarks.fidelity import curves
from benchmarks.fidelity.curves import EPOCHS, Curves
from benchmarks.fidelity.own import time_to_target
from benchmarks.fidelity.schedules import SCHEDULES

ROOT = Path(__file__).parents[2]
OWN = ("asha", "hyperband", "bohb", "dehb", "random")
PEERS = ("tpe", "random")
WORKERS = (1, 4, 16)
TRAININGS = 150  # that all workers together can do until the horizon
SIZES = (8, 24)
FIRST_SEED = 1000


def main() -> None:
    """Run everything and print the tables."""
    options = parser().parse_args()
    seeds = range(FIRST_SEED, FIRST_SEED + options.seeds)
    for name in options.curves:
        print(f"\n{name}: time to the best {curves.SHARE:.0%}, in trainings")
        print(f"{'solver':28}" + "".join(f"{n:>8}" for n in WORKERS))
        for solver in OWN:
            show(solver, [[own(solver, name, seed, n) for seed in seeds] for n in WORKERS])
        if options.optuna:
            for sampler in PEERS:
                times = [peer(options.optuna, sampler, name, list(seeds), n) for n in WORKERS]
                show(f"Optuna Hyperband, {sampler}", times)
    print("\nschedules: median loss at the end")
    print(f"{'solver':28}" + "".join(f"{size:>12}" for size in SIZES))
    for solver, run in SCHEDULES.items():
        medians = [statistics.median(run(size, seed) for seed in seeds) for size in SIZES]
        print(f"{solver:28}" + "".join(f"{median:12.2e}" for median in medians), flush=True)


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    made = argparse.ArgumentParser(prog="python -m benchmarks.fidelity", description=__doc__)
    made.add_argument("--optuna", metavar="PYTHON", help="an interpreter that has Optuna")
    made.add_argument("--seeds", type=int, default=15)
    made.add_argument("--curves", nargs="*", default=curves.NAMES, choices=curves.NAMES)
    return made


def show(solver: str, times: list[list[float]]) -> None:
    """Print the medians of a solver in trainings."""
    medians = [statistics.median(each) / EPOCHS for each in times]
    words = ["-" if math.isinf(median) else f"{median:.1f}" for median in medians]
    print(f"{solver:28}" + "".join(f"{word:>8}" for word in words), flush=True)


def own(solver: str, name: str, seed: int, workers: int) -> float:
    """Return the time of an algorithm of this package."""
    return time_to_target(solver, Curves(name, seed), workers, horizon(workers))


def peer(python: str, sampler: str, name: str, seeds: list[int], workers: int) -> list[float]:
    """Return the times of Optuna."""
    words = [sampler, name, json.dumps(seeds), str(workers), str(horizon(workers))]
    done = subprocess.run(
        [python, "-m", "benchmarks.fidelity.optuna_hyperband", *words],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=True,
        capture_output=True,
        text=True,
    )
    return [float(line) for line in done.stdout.split()]


def horizon(workers: int) -> float:
    """Return when a run ends: all have the same work done by then."""
    return TRAININGS * EPOCHS / workers


if __name__ == "__main__":
    main()
