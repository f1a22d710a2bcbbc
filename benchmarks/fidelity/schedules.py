"""Schedules that populations find, beside random ones, where the best value changes with time.

The loss of a model falls at each epoch by a share that depends on how near the learning rate is to
the one that is best at that time, which falls by two to three orders of magnitude; momentum has its
own optimum, which rises.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from orion_like.algo import create_algorithm, parent_of
from orion_like.space import build_space
from orion_like.testing.algorithms import make_trial, objective

EPOCHS = 50
GENERATIONS = 10
PRIORS = {"lr": "loguniform(1e-5, 1)", "momentum": "uniform(0, 1)"}
NOISE = 0.02
SALT = 20171127


class ChangingOptimum:
    """A training whose best learning rate and momentum change.

    Parameters
    ----------
    seed
        Of the instance.
    """

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng([SALT, seed, 1])
        self._first = rng.uniform(-1.5, -0.5)
        self._fall = rng.uniform(2.0, 3.0)
        self._momentum = rng.uniform(0.1, 0.4)

    def train(self, loss: float, params: dict[str, Any], start: int, stop: int) -> float:
        """Return the loss after some epochs."""
        for epoch in range(start, stop):
            time = epoch / EPOCHS
            lr = self._first - self._fall * time
            away = ((math.log10(params["lr"]) - lr) / 1.0) ** 2
            away += ((params["momentum"] - self._momentum - 0.5 * time) / 0.4) ** 2
            # Far above the best learning rate, training goes backwards.
            loss *= 1 - 0.12 * math.exp(-away) + 0.02 * (math.log10(params["lr"]) > lr + 1.5)
        return loss


def population(name: str, size: int, seed: int) -> float:
    """Return the lowest loss, without noise, at the end of a population."""
    training, rng = ChangingOptimum(seed), np.random.default_rng([SALT, seed, 2])
    # A unit of fidelity is the part of the training between two levels.
    space = build_space({**PRIORS, "parts": f"fidelity(1, {GENERATIONS}, base=1)"})
    parameters: dict[str, Any] = {"population_size": size, "generations": GENERATIONS - 1}
    if name == "evolutiones":
        parameters = {"nums_population": size, "repetitions": 1}
    algorithm = create_algorithm({name: parameters}, space, seed=seed)
    trained: dict[str | None, tuple[float, int]] = {None: (1.0, 0)}
    number = 0
    while True:
        point = algorithm.suggest(algorithm.problem.stream(number), number)
        if not isinstance(point, dict):
            break
        parent = parent_of(point)
        loss, start = trained[parent]
        stop = point["parts"] * EPOCHS // GENERATIONS
        loss = training.train(loss, point, start, stop)
        seen = objective(math.log(loss) + NOISE * float(rng.standard_normal()))
        trial = make_trial(space, point, number, "completed", [seen], parent)
        algorithm.observe([trial])
        trained[trial.id] = loss, stop
        number += 1
    return min(loss for loss, stop in trained.values() if stop == EPOCHS)


def random_search(size: int, seed: int, *, changing: bool) -> float:
    """Return the lowest loss among as many trainings, constant or changed at random each time."""
    training, rng = ChangingOptimum(seed), np.random.default_rng([SALT, seed, 3])
    space = build_space(PRIORS)
    step = EPOCHS // GENERATIONS
    found = []
    for _ in range(size):
        loss, params = 1.0, space.sample(rng)
        for start in range(0, EPOCHS, step):
            loss = training.train(loss, params, start, start + step)
            params = space.sample(rng) if changing else params
        found.append(loss)
    return min(found)


SCHEDULES: dict[str, Callable[[int, int], float]] = {
    "pbt": lambda size, seed: population("pbt", size, seed),
    "pb2": lambda size, seed: population("pb2", size, seed),
    "evolutiones": lambda size, seed: population("evolutiones", size, seed),
    "random, constant": lambda size, seed: random_search(size, seed, changing=False),
    "random schedules": lambda size, seed: random_search(size, seed, changing=True),
}
