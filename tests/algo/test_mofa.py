import numpy as np
import pytest

from orion_like.algo import Wait, create_algorithm
from orion_like.algo.mofa import PRIMES
from orion_like.errors import AlgorithmError
from orion_like.space import build_space
from orion_like.testing.algorithms import completed, drive, make_trial, suggestions

SPACE = build_space(dict.fromkeys("abcd", "uniform(0, 1)"))


def loss(params):
    """Only two dimensions matter."""
    return (params["a"] - 0.3) ** 2 + (params["c"] - 0.8) ** 2 + 1e-6 * params["b"]


def spread(trials, name):
    return np.ptp([trial.flat_params[name] for trial in trials])


def test_a_round_visits_every_pair_of_levels():
    points = suggestions(create_algorithm("mofa", SPACE, seed=1), 0, 25)

    pairs = {(int(5 * point["a"]), int(5 * point["d"])) for point in points}
    assert len(pairs) == 25


def test_the_next_round_keeps_what_does_not_matter_and_narrows_what_does():
    trials = list(drive(create_algorithm("mofa", SPACE, seed=1), loss, 50))

    second = trials[25:]
    assert spread(second, "b") == spread(second, "d") == 0
    for name, best in (("a", 0.3), ("c", 0.8)):
        values = [trial.flat_params[name] for trial in second]
        assert 0.2 < np.ptp(values) <= 0.4
        assert min(values) < best < max(values)


def test_with_a_threshold_of_zero_everything_matters():
    algorithm = create_algorithm({"mofa": {"threshold": 0}}, SPACE, seed=1)

    second = list(drive(algorithm, loss, 50))[25:]

    assert all(0.15 < spread(second, name) <= 0.4 for name in "abcd")


def test_rounds_lead_to_the_best_point_and_then_begin_again():
    trials = list(drive(create_algorithm("mofa", SPACE, seed=1), loss, 250))

    assert min(map(loss, (trial.flat_params for trial in trials))) < 1e-4
    assert spread(trials[-100:], "b") > 0.5


def test_a_round_waits_for_the_running_trials_of_the_one_before():
    algorithm = create_algorithm("mofa", SPACE, seed=1)
    points = suggestions(algorithm, 0, 25)
    algorithm.observe([completed(SPACE, p, k, loss(p)) for k, p in enumerate(points[:-1])])
    algorithm.observe([make_trial(SPACE, points[-1], 24)])

    assert suggestions(algorithm, 25, 1) == [Wait]

    algorithm.observe([make_trial(SPACE, points[-1], 24, "broken")])
    assert isinstance(suggestions(algorithm, 25, 1)[0], dict)


def test_a_number_that_never_became_a_trial_stops_nothing():
    algorithm = create_algorithm("mofa", SPACE, seed=1)
    points = suggestions(algorithm, 0, 24)
    algorithm.observe([completed(SPACE, p, k, loss(p)) for k, p in enumerate(points)])

    assert isinstance(suggestions(algorithm, 25, 1)[0], dict)


def test_any_number_of_workers_visits_the_same_points():
    def visited(workers):
        algorithm = create_algorithm({"mofa": {"n_levels": 3}}, SPACE, seed=1)
        return sorted(repr(t.flat_params) for t in drive(algorithm, loss, 40, workers))

    assert visited(1) == visited(7)


def test_broken_trials_count_as_worst():
    space = build_space({"x": "uniform(0, 1)", "y": "uniform(0, 1)"})
    algorithm = create_algorithm("mofa", space, seed=1)

    trials = list(drive(algorithm, lambda p: None if p["x"] < 0.6 else p["x"], 50))

    assert min(trial.flat_params["x"] for trial in trials[25:]) > 0.4


def test_several_objectives_are_ranked_by_domination():
    objectives = [{"name": "one"}, {"name": "two", "direction": "maximize"}]
    algorithm = create_algorithm("mofa", SPACE, seed=1, objectives=objectives)
    points = suggestions(algorithm, 0, 25)
    algorithm.observe(
        [
            make_trial(
                SPACE,
                point,
                number,
                "completed",
                [
                    {"name": "one", "type": "objective", "value": loss(point)},
                    {"name": "two", "type": "objective", "value": -loss(point)},
                ],
            )
            for number, point in enumerate(points)
        ]
    )

    second = suggestions(algorithm, 25, 25)

    assert np.ptp([point["d"] for point in second]) == 0
    assert np.ptp([point["a"] for point in second]) > 0.2


def test_more_factors_than_an_array_has_columns_raise_the_number_of_levels():
    space = build_space({f"x{i}": "uniform(0, 1)" for i in range(8)})

    points = suggestions(create_algorithm("mofa", space, seed=1), 0, 49)

    assert len({(int(7 * point["x0"]), int(7 * point["x7"])) for point in points}) == 49


@pytest.mark.parametrize(
    ("parameter", "bad", "message"),
    [
        ("n_levels", 4, f"one of {', '.join(map(str, PRIMES))}, not 4"),
        ("n_levels", 23, "not 23"),
        ("strength", 3, "strength must be 1 or 2, not 3"),
        ("index", 0, "index must be an integer >= 1"),
        ("threshold", -0.1, "threshold must be from 0 to 1"),
    ],
)
def test_parameters_out_of_range_are_refused(parameter, bad, message):
    with pytest.raises(AlgorithmError, match=message):
        create_algorithm({"mofa": {parameter: bad}}, SPACE)
