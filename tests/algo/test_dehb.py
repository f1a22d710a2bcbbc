"""DEHB: subpopulations that evolve on the rungs of Hyperband."""

import math
from collections import Counter

import pytest

from orion_like.algo import create_algorithm
from orion_like.errors import AlgorithmError
from orion_like.space import build_space
from orion_like.testing.algorithms import SPACES, completed, drive, suggestions

SPACE = {f"x{k}": "uniform(0, 1)" for k in range(4)} | {"epochs": "fidelity(1, 9, base=3)"}
STRATEGIES = [
    {"mutation_strategy": mutation, "crossover_strategy": crossover, "boundary_fix_type": fix}
    for mutation in ("rand1", "rand2", "best1", "best2", "randtobest1", "currenttobest1")
    for crossover, fix in (("bin", "random"), ("exp", "clip"))
]


def loss(params):
    distance = sum((params[f"x{k}"] - 0.3) ** 2 for k in range(4))
    return distance + 0.1 * math.sin(30 * params["x0"]) / params["epochs"]


def run(n_trials, workers=1, loss=loss, seed=1, **parameters):
    algorithm = create_algorithm({"dehb": parameters}, build_space(SPACE), seed=seed)
    return algorithm, list(drive(algorithm, loss, n_trials, workers))


@pytest.mark.parametrize("workers", [1, 4, 16])
def test_rungs_have_as_many_trials_as_those_of_hyperband(workers):
    # Brackets of 9, 3, 1 and of 5, 1 and of 3 trials.
    _, trials = run(2 * 22, workers)

    by_iteration = [
        Counter(t.flat_params["epochs"] for t in trials if t.number // 22 == iteration)
        for iteration in range(2)
    ]
    assert by_iteration == [{1: 9, 3: 3 + 5, 9: 1 + 1 + 3}] * 2
    assert len({trial.id for trial in trials}) == len(trials)


def test_the_first_bracket_promotes_the_best_and_names_what_they_continue():
    _, trials = run(13)

    founders = sorted(trials[:9], key=lambda trial: trial.objective.value)
    second = sorted(trials[9:12], key=lambda trial: trial.objective.value)
    assert [trial.parent for trial in trials[9:12]] == [trial.id for trial in founders[:3]]
    assert trials[12].parent == second[0].id
    assert trials[12].hash_params == second[0].hash_params


def test_later_brackets_have_new_configurations():
    _, trials = run(60, 4)

    later = [trial for trial in trials if trial.number >= 13]
    assert all(trial.parent is None for trial in later)
    assert len({trial.hash_params for trial in later}) == len(later)


@pytest.mark.parametrize("parameters", STRATEGIES, ids=lambda p: "-".join(p.values()))
def test_every_strategy_comes_nearer_to_the_minimum_than_draws(parameters):
    space = build_space(SPACE)

    def best(configuration):
        trials = drive(create_algorithm(configuration, space, seed=1), loss, 440, 4)
        return min(t.objective.value for t in trials if t.flat_params["epochs"] == 9)

    assert best({"dehb": parameters}) < 0 < best("hyperband")


def test_of_a_slot_the_best_trial_is_the_holder_whatever_the_order_of_arrival():
    space = build_space(SPACE)
    points = [space.sample(space_rng) | {"epochs": 1} for space_rng in map(_rng, range(44))]
    trials = [completed(space, p, k, loss(p)) for k, p in enumerate(points)]
    one, other = (create_algorithm("dehb", space, seed=1) for _ in range(2))

    one.observe(trials)
    for trial in reversed(trials):
        other.observe([trial, trial])

    assert suggestions(one, 44, 6) == suggestions(other, 44, 6)


def _rng(seed):
    return create_algorithm("random", build_space(SPACE), seed=seed).problem.stream(0)


def test_failed_trials_hold_no_slot():
    _, trials = run(80, 4, lambda p: None if p["x0"] > 0.5 else loss(p))

    late = [trial for trial in trials if trial.number > 44]
    assert sum(trial.flat_params["x0"] > 0.5 for trial in late) < len(late) / 4


def test_clips_bound_the_trials_of_each_rung():
    algorithm, _ = run(0, min_clip=2, max_clip=6)

    assert algorithm.sizes == [[6, 3, 2], [5, 2], [3]]


def test_categories_and_conditions_are_inherited():
    space = build_space(
        {**SPACES["conditional"]().configuration, "epochs": "fidelity(1, 9, base=3)"}
    )
    algorithm = create_algorithm("dehb", space, seed=1)

    for trial in drive(algorithm, lambda p: (p["optimizer"] == "sgd") + p["lr"], 66, 4):
        space.validate(trial.flat_params)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"mutation_strategy": "rand3"}, "did you mean 'rand"),
        ({"crossover_strategy": "binary"}, "must be one of bin, exp"),
        ({"boundary_fix_type": "reflect"}, "must be one of random, clip"),
        ({"mutation_factor": -1}, "mutation_factor must be a number between 0 and 2"),
        ({"crossover_prob": 1.5}, "crossover_prob must be a number between 0 and 1"),
        ({"min_clip": 0}, "min_clip must be an integer >= 1"),
        ({"min_clip": 5, "max_clip": 3}, "min_clip 5 is above max_clip 3"),
        ({"mutation_facto": 1}, "did you mean 'mutation_factor'"),
    ],
)
def test_wrong_parameters_are_refused_with_what_would_be_right(parameters, message):
    with pytest.raises(AlgorithmError, match=message):
        create_algorithm({"DEHB": parameters}, build_space(SPACE))
