"""Algorithms that start from what other searches have found."""

from typing import Any, ClassVar

import pytest

from orion_like.algo import (
    Algorithm,
    PriorTask,
    Problem,
    available_algorithms,
    create_algorithm,
    find_algorithm,
)
from orion_like.algo.warm_start import MOST_STARTS, STARTS_OF_ONE
from orion_like.space import Space, build_space
from orion_like.testing.algorithms import AlgorithmConformance, make_trial, objective

SPACE = {"x": "uniform(0, 1)", "y": "loguniform(1e-3, 1)"}
OWN = [name for name in available_algorithms() if name != "nevergrad"]


def task(space, values, name="before", *, is_same=False):
    """Return a task whose trials have some params and objectives."""
    trials = [
        make_trial(space, params, None, "completed", [objective(value)]) for params, value in values
    ]
    return PriorTask(name, tuple(trials), is_same)


def scattered(space, n, best, seed=0):
    """Return random points of a space, whose objective grows with the distance from the best."""
    problem = Problem(space, seed)
    points = [space.sample(problem.stream(number)) for number in range(n)]
    return [(p, abs(p["x"] - best["x"]) + abs(p["y"] - best["y"])) for p in points]


def space_for(name):
    fidelity = (
        {"epochs": "fidelity(1, 9, base=3)"} if find_algorithm(name).requires.fidelity else {}
    )
    return build_space({**SPACE, **fidelity})


def first_suggestions(algorithm, n):
    stream = algorithm.problem.stream
    return [algorithm.suggest(stream(number), number) for number in range(n)]


@pytest.mark.parametrize("name", OWN)
def test_the_best_point_of_a_related_task_is_tried_first_whatever_the_algorithm(name):
    space = space_for(name)
    values = scattered(space, 20, {"x": 0.3, "y": 0.1})
    best = min(values, key=lambda pair: pair[1])[0]
    algorithm = create_algorithm(name, space, seed=1, prior=[task(space, values)])

    point = algorithm.suggest(algorithm.problem.stream(0), 0)

    has_design = find_algorithm(name).has_design
    assert ((point["x"], point["y"]) == (best["x"], best["y"])) is not has_design


def test_the_best_points_of_several_tasks_are_tried_by_turns_and_apart_from_each_other():
    space = build_space(SPACE)
    values = [
        scattered(space, 30, {"x": x, "y": 0.1}, seed) for seed, x in enumerate((0.1, 0.5, 0.9))
    ]
    tasks = [task(space, pairs, str(number)) for number, pairs in enumerate(values)]

    algorithm = create_algorithm("random", space, seed=1, prior=tasks)

    bests = [min(pairs, key=lambda pair: pair[1])[0] for pairs in values]
    assert first_suggestions(algorithm, STARTS_OF_ONE) == bests


def test_many_tasks_do_not_take_over_the_search():
    space = build_space(SPACE)
    tasks = [
        task(space, scattered(space, 30, {"x": seed / 20, "y": 0.1}, seed), str(seed))
        for seed in range(20)
    ]

    algorithm = create_algorithm("random", space, seed=1, prior=tasks)
    cold = create_algorithm("random", space, seed=1)

    warm, own = (first_suggestions(each, MOST_STARTS + 5) for each in (algorithm, cold))
    assert warm[MOST_STARTS:] == own[MOST_STARTS:]


@pytest.mark.parametrize("name", ["tpe", "gp", "cmaes", "auto"])
def test_trials_of_the_same_task_count_like_own_ones(name):
    space = build_space(SPACE)
    values = scattered(space, 30, {"x": 0.3, "y": 0.1})
    own = task(space, values, is_same=True)

    told = create_algorithm(name, space, seed=1, prior=[own])
    shown = create_algorithm(name, space, seed=1)
    shown.observe(own.trials)

    assert first_suggestions(told, 3) == first_suggestions(shown, 3)


def test_a_point_that_a_user_tried_already_is_not_suggested_again():
    space = build_space(SPACE)
    values = scattered(space, 20, {"x": 0.3, "y": 0.1})
    algorithm = create_algorithm("random", space, seed=1, prior=[task(space, values)])
    best = algorithm.suggest(algorithm.problem.stream(0), 0)

    algorithm.observe([make_trial(space, best, 5, "completed", [objective(1.0)])])

    assert algorithm.suggest(algorithm.problem.stream(0), 0) != best


def test_it_is_configured_as_the_algorithm_that_goes_on():
    space = build_space(SPACE)
    prior = [task(space, scattered(space, 5, {"x": 0.3, "y": 0.1}))]

    warm, cold = (create_algorithm("auto", space, seed=1, prior=each) for each in (prior, ()))

    assert warm.configuration == cold.configuration
    assert warm.stages == cold.stages
    assert str(warm) == str(cold)


class WarmConformance(AlgorithmConformance):
    """What every algorithm must do holds for those with prior tasks, too."""

    n_trials: ClassVar[int] = 15
    cost_at: ClassVar[tuple[int, int]] = (300, 1500)

    def create(self, space: Space, seed: int = 1, **problem: Any) -> Algorithm:
        points = [space.sample(Problem(space, 7).stream(number)) for number in range(8)]
        names = [each["name"] for each in problem.get("objectives") or [{"name": "objective"}]]
        trials = [
            make_trial(
                space,
                point,
                None,
                "completed",
                [{**objective(float(value)), "name": name} for name in names],
            )
            for value, point in enumerate(points)
        ]
        prior = [PriorTask("one", tuple(trials[:4])), PriorTask("other", tuple(trials[4:]))]
        return super().create(space, seed, **problem, prior=prior)


class TestWarmTPE(WarmConformance):
    configuration = "tpe"


class TestWarmASHA(WarmConformance):
    configuration: ClassVar[Any] = {"asha": {"num_brackets": 2}}
