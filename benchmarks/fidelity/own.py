"""Time until an algorithm of this package has found a good configuration."""

from __future__ import annotations

import math
from typing import Any

from benchmarks.fidelity.clock import simulate
from benchmarks.fidelity.curves import BASE, DIMENSIONS, EPOCHS, Curves
from orion_like.algo import create_algorithm, parent_of
from orion_like.space import build_space
from orion_like.testing.algorithms import make_trial, objective
from orion_like.trial import Trial

NAMES = [f"x{k}" for k in range(DIMENSIONS)]


def time_to_target(solver: str, curves: Curves, workers: int, horizon: float) -> float:
    """Return when the target was reached, infinite if it was not before the horizon.

    A promotion takes the epochs that it trains more than the trial that it continues.
    """
    priors = dict.fromkeys(NAMES, "uniform(0, 1)")
    space = build_space({**priors, "epochs": f"fidelity(1, {EPOCHS}, base={BASE})"})
    algorithm = create_algorithm(solver, space, seed=curves.seed)
    epochs: dict[str, int] = {}
    best = math.inf
    number = 0

    def start() -> tuple[float, Trial] | None:
        nonlocal number
        point = algorithm.suggest(algorithm.problem.stream(number), number)
        if not isinstance(point, dict):
            return None
        trial = make_trial(space, point, number, parent=parent_of(point))
        algorithm.observe([trial])
        number += 1
        epochs[trial.id] = point["epochs"]
        trained = epochs.get(trial.parent or "", 0)
        return (point["epochs"] - trained) * curves.seconds_per_epoch(vector(point)), trial

    def finish(now: float, trial: Trial) -> None:
        nonlocal best
        del now
        point = trial.flat_params
        result = [objective(curves.loss(vector(point), point["epochs"]))]
        assert trial.number is not None
        algorithm.observe(
            [make_trial(space, point, trial.number, "completed", result, trial.parent)]
        )
        if point["epochs"] == EPOCHS:
            best = min(best, curves.final(vector(point)))

    for now in simulate(start, finish, workers, horizon):
        if best <= curves.target:
            return now
    return math.inf


def vector(point: dict[str, Any]) -> list[float]:
    """Return the coordinates of a configuration."""
    return [point[name] for name in NAMES]
