from collections import Counter

import pytest

from orion_like.algo import Exhausted, create_algorithm
from orion_like.errors import SpaceError
from orion_like.space import build_space
from orion_like.testing.algorithms import drive, make_trial, suggestions

ROOMY = {f"x{i}": "uniform(0, 1)" for i in range(3)}
COARSE = {"x": "uniform(0, 1)"}
FINITE = {"n": "uniform(1, 50, discrete=True)"}


def visited(space, workers, n_trials=40):
    algorithm = create_algorithm("random", space, seed=3)
    trials = drive(algorithm, lambda _: 0.0, n_trials, workers)
    return sorted(repr(trial.flat_params) for trial in trials)


@pytest.mark.parametrize("priors", [ROOMY, COARSE, FINITE])
def test_one_and_six_workers_visit_the_same_points(priors):
    space = build_space(priors)

    assert visited(space, workers=1) == visited(space, workers=6)


@pytest.mark.parametrize("priors", [ROOMY, COARSE, FINITE])
def test_a_number_means_the_same_point_to_a_worker_that_has_seen_nothing(priors):
    space = build_space(priors)
    busy = create_algorithm("random", space, seed=3)
    points = [trial.flat_params for trial in drive(busy, lambda _: 0.0, 20)]

    late = create_algorithm("random", space, seed=3)

    assert suggestions(late, 13, 1) == [points[13]]


def test_a_roomy_space_needs_no_observations():
    assert not create_algorithm("random", build_space(ROOMY)).uses_trials
    assert create_algorithm("random", build_space(COARSE)).uses_trials


def test_draws_of_a_coarse_dimension_do_not_repeat():
    points = visited(build_space(COARSE), workers=1, n_trials=500)

    assert len(set(points)) == 500


def test_draws_follow_the_prior():
    space = build_space({"c": "choices({'a': 0.7, 'b': 0.3})", **ROOMY})
    algorithm = create_algorithm("random", space)

    counts = Counter(point["c"] for point in suggestions(algorithm, 0, 1000))

    assert 630 < counts["a"] < 770


def test_a_point_that_a_user_inserted_is_passed_over_and_comes_from_the_rest():
    space = build_space(FINITE)
    algorithm = create_algorithm("random", space)
    [first, second] = suggestions(algorithm, 0, 2)

    algorithm.observe([make_trial(space, first, None)])

    assert suggestions(algorithm, 0, 1) == [second]


def test_points_that_draws_hardly_ever_hit_are_visited_too():
    space = build_space({"c": "choices({'often': 0.999999, 'hardly': 0.000001})"})
    algorithm = create_algorithm("random", space)

    points = [trial.flat_params["c"] for trial in drive(algorithm, lambda _: 0.0, 10)]

    assert points == ["often", "hardly"]


def test_a_finite_space_is_enumerated_when_draws_miss_its_few_allowed_points():
    space = build_space(
        dict.fromkeys("ab", "uniform(0, 99, discrete=True)"), constraints=["a * 100 + b <= 0"]
    )
    algorithm = create_algorithm("random", space)

    points = [trial.flat_params for trial in drive(algorithm, lambda _: 0.0, 10)]

    assert points == [{"a": 0, "b": 0}]
    assert suggestions(algorithm, 1, 1) == [Exhausted]


def test_constraints_that_nothing_satisfies_are_an_error_that_names_one():
    space = build_space({"x": "uniform(0, 1)", "y": "uniform(0, 1)"}, constraints=["x + y > 2"])

    with pytest.raises(SpaceError, match=r"x \+ y > 2"):
        suggestions(create_algorithm("random", space), 0, 1)
