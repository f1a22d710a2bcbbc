"""Promotions of hyperband, beside those of a plain synchronous implementation."""

import itertools

import pytest

from benchmarks.fidelity.curves import BASE, DIMENSIONS, EPOCHS, Curves
from orion_like.algo import create_algorithm
from orion_like.space import build_space
from orion_like.testing.algorithms import drive

RUNGS = [1, 3, 9, 27]


def successive_halving(configurations, n_kept, rungs, loss):
    """Return what is trained for how long, rung after rung, each as a whole.

    Algorithm 1 of Li et al., JMLR 18 (2018), lines 5 to 9.
    """
    trained = []
    for rung, kept in itertools.zip_longest(rungs, n_kept):
        trained += [(x, rung) for x in configurations]
        configurations = sorted(configurations, key=lambda x: loss(x, rung))[:kept]
    return sorted(trained)


@pytest.mark.parametrize("name", ["aligned", "crossing"])
@pytest.mark.parametrize("workers", [1, 4, 16])
@pytest.mark.parametrize("seed", range(3))
def test_hyperband_promotes_what_a_synchronous_implementation_does(name, workers, seed):
    curves = Curves(name, seed)
    priors = {f"x{k}": "uniform(0, 1)" for k in range(DIMENSIONS)}
    space = build_space({**priors, "epochs": f"fidelity(1, {EPOCHS}, base={BASE})"})
    hyperband = create_algorithm({"hyperband": {"repetitions": 1}}, space, seed=seed)

    trials = list(
        drive(hyperband, lambda p: curves.loss(coordinates(p), p["epochs"]), 10**6, workers)
    )

    founders = sorted(
        (trial for trial in trials if trial.parent is None), key=lambda trial: trial.number
    )
    expected = []
    for entry, sizes in enumerate([[27, 9, 3, 1], [12, 4, 1], [6, 2], [4]]):
        started = [
            coordinates(trial.flat_params)
            for trial in founders
            if trial.flat_params["epochs"] == RUNGS[entry]
        ]
        assert len(started) == sizes[0]
        expected += successive_halving(started, sizes[1:], RUNGS[entry:], curves.loss)
    trained = [(coordinates(t.flat_params), t.flat_params["epochs"]) for t in trials]
    assert sorted(trained) == sorted(expected)


def coordinates(params):
    return [params[f"x{k}"] for k in range(DIMENSIONS)]
