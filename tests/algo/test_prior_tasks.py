"""Algorithms that start from what other searches have found."""

from typing import Any, ClassVar

import numpy as np
import pytest

from orion_like.algo import (
    Algorithm,
    PriorTask,
    Problem,
    available_algorithms,
    create_algorithm,
    find_algorithm,
)
from orion_like.algo.gp.embedding import Box, Embedding
from orion_like.algo.gp.models import Frame
from orion_like.algo.gp.regression import NoisePrior
from orion_like.algo.gp.transfer import RelatedTasks, WithTrend
from orion_like.algo.gp.warping import warp_losses
from orion_like.algo.relatedness import agreement
from orion_like.algo.warm_start import MOST_STARTS, STARTS_OF_ONE
from orion_like.space import Space, build_space
from orion_like.testing.algorithms import AlgorithmConformance, drive, make_trial, objective

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


# --- models of related tasks ----------------------------------------------------------------------


def bowl(centre, factor=1.0):
    return lambda params: factor * sum((params[n] - centre) ** 2 for n in ("x", "y"))


def best_after(name, prior, loss, n):
    """Return the lowest loss after some trials."""
    space = build_space({"x": "uniform(0, 1)", "y": "uniform(0, 1)"})
    algorithm = create_algorithm(name, space, seed=1, prior=prior)
    return min(
        loss(trial.flat_params)
        for trial in drive(algorithm, loss, n)
        if trial.status == "completed"
    )


def searched(loss, n=20, seed=3):
    """Return a task of random trials."""
    space = build_space({"x": "uniform(0, 1)", "y": "uniform(0, 1)"})
    points = [space.sample(Problem(space, seed).stream(number)) for number in range(n)]
    return task(space, [(point, loss(point)) for point in points])


@pytest.mark.parametrize(("name", "n_trials"), [("gp", 9), ("tpe", 20)])
def test_a_related_task_on_another_scale_speeds_a_search_up(name, n_trials):
    loss = bowl(0.35)
    related = searched(lambda params: 1000 - 50 * (1 - bowl(0.4)(params)))

    warm, cold = (best_after(name, prior, loss, n_trials) for prior in ([related], []))
    assert warm < 0.5 * cold


def test_models_of_tasks_lose_their_influence_when_trials_contradict_them():
    space = build_space({"x": "uniform(0, 1)", "y": "uniform(0, 1)"})
    problem = Problem(
        space, prior=(searched(bowl(0.2)), searched(lambda params: -bowl(0.2)(params)))
    )
    embedding = Embedding(space.encoding())
    frame = Frame(embedding, Box.unit(2))
    points = [space.sample(problem.stream(number)) for number in range(12)]
    vectors = space.encoding().encode_many(points)
    targets, _ = warp_losses(np.array([bowl(0.25)(point) for point in points]), 1.0)
    noise = NoisePrior(1e-4, 1e-7)

    found = RelatedTasks(problem, embedding).explain(
        vectors, targets, noise, frame.model(vectors, targets, noise)
    )

    assert isinstance(found, WithTrend)
    assert len(found.trend.models) == 1  # the one that is not upside down
    means, _ = found.predict(frame.coordinates(vectors))
    assert np.allclose(means, targets, atol=0.1)


def test_the_gradient_of_a_process_with_a_trend_is_that_of_its_mean():
    space = build_space({"x": "uniform(0, 1)", "y": "uniform(0, 1)"})
    problem = Problem(space, prior=(searched(bowl(0.2)),))
    embedding = Embedding(space.encoding())
    frame = Frame(embedding, Box.unit(2))
    vectors = np.random.default_rng(0).random((8, 2))
    targets, _ = warp_losses(((vectors - 0.25) ** 2).sum(axis=1), 1.0)
    noise = NoisePrior(1e-4, 1e-7)
    alone = frame.model(vectors, targets, noise)
    process = RelatedTasks(problem, embedding).explain(vectors, targets, noise, alone)
    point, step = np.array([0.6, 0.3]), 1e-5

    _, _, gradient, _ = process.predict_with_gradient(point)

    ends = [process.predict(point + sign * step * np.eye(2))[0] for sign in (1, -1)]
    assert np.allclose(gradient, (ends[0] - ends[1]) / (2 * step), rtol=1e-3, atol=1e-4)


def test_the_factors_of_tasks_fall_with_the_trials_and_with_their_contradictions():
    space = build_space({"x": "uniform(0, 1)", "y": "uniform(0, 1)"})
    good, wrong = searched(bowl(0.2)), searched(lambda params: -bowl(0.2)(params))
    tpe = create_algorithm("tpe", space, seed=1, prior=[good, wrong]).algorithm
    points = [space.sample(Problem(space, 8).stream(number)) for number in range(20)]
    ordered = space.encoding().encode_many(sorted(points, key=bowl(0.2)))

    few, many = (tpe.prior_densities.factors(ordered, n) for n in (20, 2000))

    assert few[0] > 0
    assert few[1] == 0
    assert many == [0.0, 0.0]


def test_agreement_tells_how_many_pairs_of_trials_a_task_puts_in_their_order():
    space = build_space({"x": "uniform(0, 1)", "y": "uniform(0, 1)"})
    trials = searched(bowl(0.3), seed=9).trials

    related, opposite, unknown = (
        agreement(Problem(space), other, trials)
        for other in (
            searched(bowl(0.35), 40),
            searched(lambda params: -bowl(0.35)(params), 40),
            searched(bowl(0.35), 2),
        )
    )

    assert related > 0.75
    assert opposite < 0.25
    assert unknown is None
