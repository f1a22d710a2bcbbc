from itertools import count, takewhile

import pytest

from orion_like.algo import Exhausted, create_algorithm
from orion_like.errors import AlgorithmError
from orion_like.space import build_space
from orion_like.testing.algorithms import completed, drive, suggestions


def grid(priors, n_values=100, **space):
    return create_algorithm({"gridsearch": {"n_values": n_values}}, build_space(priors, **space))


def points(algorithm):
    return list(takewhile(lambda point: point is not None, map(algorithm.point, count())))


def test_values_are_evenly_spaced_with_both_ends():
    assert points(grid({"x": "uniform(0, 10)"}, 5)) == [
        {"x": value} for value in (0.0, 2.5, 5.0, 7.5, 10.0)
    ]


def test_values_of_a_logarithmic_prior_are_evenly_spaced_in_logarithms():
    assert points(grid({"x": "loguniform(0.001, 1)"}, 4)) == [
        {"x": pytest.approx(value)} for value in (0.001, 0.01, 0.1, 1.0)
    ]


def test_values_of_an_unbounded_prior_are_evenly_spaced_in_probability():
    assert points(grid({"x": "normal(0, 1)"}, 2)) == [
        {"x": pytest.approx(value)} for value in (-0.6745, 0.6745)
    ]


def test_integers_are_not_visited_twice():
    assert points(grid({"n": "uniform(1, 3, discrete=True)"})) == [{"n": 1}, {"n": 2}, {"n": 3}]


def test_many_integers_are_spaced():
    assert points(grid({"n": "uniform(0, 100, discrete=True)"}, 3)) == [
        {"n": 0},
        {"n": 50},
        {"n": 100},
    ]


def test_every_category_is_visited_whatever_the_number_of_values():
    assert points(grid({"c": "choices(['a', 'b', 'c'])"}, 1)) == [{"c": c} for c in "abc"]


def test_a_fidelity_stays_at_its_highest():
    assert points(grid({"e": "fidelity(1, 9)", "n": "uniform(1, 2, discrete=True)"})) == [
        {"e": 9, "n": 1},
        {"e": 9, "n": 2},
    ]


def test_the_last_dimension_runs_fastest():
    visited = points(grid({"b": "choices([1, 2])", "a": "choices(['x', 'y'])"}))

    assert [tuple(point.values()) for point in visited] == [("x", 1), ("x", 2), ("y", 1), ("y", 2)]


def test_the_number_of_values_can_differ_by_dimension():
    assert len(points(grid({"x": "uniform(0, 1)", "y": "uniform(0, 1)"}, {"x": 3, "y": 7}))) == 21


def test_a_grid_that_would_be_too_large_is_coarser_but_has_two_values_everywhere():
    assert len(points(grid({f"x{i}": "uniform(0, 1)" for i in range(3)}))) == 21**3
    coarsest = grid({f"x{i}": "uniform(0, 1)" for i in range(70)})
    assert coarsest.point(2**70 - 1) == {f"x{i}": 1.0 for i in range(70)}
    assert coarsest.point(2**70) is None


def test_a_grid_asked_for_by_dimension_is_kept_and_costs_nothing_however_large():
    names = [f"x{i}" for i in range(12)]
    huge = grid(dict.fromkeys(names, "uniform(0, 1)"), dict.fromkeys(names, 1001))

    assert huge.point(1001**12 - 1) == dict.fromkeys(names, 1.0)
    assert huge.point(1001**12 // 2) == dict.fromkeys(names, 0.5)


def test_the_elements_of_an_array_are_dimensions_of_their_own():
    visited = points(grid({"x": "uniform(0, 1, shape=2)"}, 2))

    assert [point["x"] for point in visited] == [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]


def test_conditional_dimensions_are_varied_where_they_are_active_only():
    visited = points(
        grid(
            {
                "kind": "choices(['a', 'b'])",
                "m": "uniform(0, 1) if kind == 'a'",
                "n": "choices([1, 2, 3]) if kind == 'b'",
                "z": "choices(['u', 'v']) if n == 3",
            },
            2,
        )
    )

    assert visited == [
        {"kind": "a", "m": 0.0},
        {"kind": "a", "m": 1.0},
        {"kind": "b", "n": 1},
        {"kind": "b", "n": 2},
        {"kind": "b", "n": 3, "z": "u"},
        {"kind": "b", "n": 3, "z": "v"},
    ]


def test_points_that_break_a_constraint_are_left_out():
    algorithm = grid({"x": "uniform(0, 1)", "y": "uniform(0, 1)"}, 3, constraints=["x + y <= 1"])

    visited = [trial.flat_params for trial in drive(algorithm, lambda _: 0.0, 100)]

    assert len(visited) == 6
    assert all(point["x"] + point["y"] <= 1 for point in visited)


def test_it_ends_after_the_last_point():
    algorithm = grid({"x": "uniform(0, 1)"}, 7)

    trials = list(drive(algorithm, lambda _: 0.0, 100, workers=3))

    assert len(trials) == 7
    assert suggestions(algorithm, 7, 1) == [Exhausted]


def test_points_that_exist_already_are_passed_over():
    algorithm = grid({"x": "uniform(0, 1)"}, 3)
    algorithm.observe([completed(algorithm.space, {"x": 0.5}, None, 1.0)])

    visited = [trial.flat_params["x"] for trial in drive(algorithm, lambda _: 0.0, 100)]

    assert visited == [0.0, 1.0]


@pytest.mark.parametrize("n_values", [0, -3, 1.5, "many", True, {"x": 0}, None])
def test_a_number_of_values_that_is_none_is_refused(n_values):
    with pytest.raises(AlgorithmError, match="must be an integer >= 1"):
        grid({"x": "uniform(0, 1)"}, n_values)


def test_an_unknown_dimension_is_refused_with_a_guess():
    with pytest.raises(AlgorithmError, match=r"'momentun' \(did you mean 'momentum'\?\)"):
        grid({"momentum": "uniform(0, 1)"}, {"momentun": 3})


def test_conditions_on_too_many_combinations_are_refused():
    priors = {f"x{i}": "uniform(0, 1)" for i in range(6)}
    priors["y"] = "uniform(0, 1) if x0 + x1 + x2 + x3 + x4 + x5 > 3"

    with pytest.raises(AlgorithmError, match="conditions depend on 1000000 combinations of 'x0'"):
        grid(priors, dict.fromkeys([*priors], 10))
