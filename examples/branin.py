"""Branin's function, minimized through the Python API in two ways.

Run it with::

    python examples/branin.py --max-trials 30
"""

from __future__ import annotations

import argparse
from math import cos, pi

from orion_like.client import build_experiment

SPACE = {"x": "uniform(-5, 10)", "y": "uniform(0, 15)"}


def branin(x: float, y: float) -> float:
    """Value of the function; its three minima are 0.398."""
    valley = y - 5.1 / (4 * pi**2) * x**2 + 5 / pi * x - 6
    return valley**2 + 10 * (1 - 1 / (8 * pi)) * cos(x) + 10


def main() -> None:
    """Run the first trials one by one, and leave the rest to `workon`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--storage", default="memory://", help="where documents live")
    parser.add_argument("--max-trials", type=int, default=30)
    arguments = parser.parse_args()

    experiment = build_experiment(
        "branin",
        space=SPACE,
        algorithm="tpe",
        max_trials=arguments.max_trials,
        storage=arguments.storage,
        seed=1,
    )
    for _ in range(min(5, arguments.max_trials)):
        with experiment.suggest() as trial:
            experiment.observe(trial, branin(**trial.params))

    experiment.workon(branin)

    stats = experiment.stats
    print(f"{stats.trials_completed} trials, best: {stats.best_evaluation:.4f}")


if __name__ == "__main__":
    main()
