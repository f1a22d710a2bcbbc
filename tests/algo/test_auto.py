import pytest

from orion_like.algo import create_algorithm
from orion_like.space import build_space
from orion_like.testing.algorithms import completed, suggestions

LINE = {"x": "uniform(0, 1)", "y": "uniform(0, 1)"}


def auto(priors, **problem):
    return create_algorithm("auto", build_space(priors), seed=1, **problem)


def stages(priors, **problem):
    return [(stage.first, stage.algorithm) for stage in auto(priors, **problem).stages]


@pytest.mark.parametrize(
    ("priors", "problem", "later"),
    [
        (LINE, {}, "cmaes"),
        ({**LINE, "c": "choices(['a', 'b'])"}, {}, "tpe"),
        ({**LINE, "z": "uniform(0, 1) if x > 0.5"}, {}, "tpe"),
        (LINE, {"constraints": [{"name": "memory", "upper": 8}]}, "tpe"),
        (LINE, {"objectives": [{"name": "error"}, {"name": "time"}]}, "nsga2"),
    ],
)
def test_a_model_comes_first_and_then_what_suits_the_problem(priors, problem, later):
    assert stages(priors, **problem) == [(0, "gp"), (200, later)]


def test_a_fidelity_is_made_use_of_unless_it_has_no_base():
    assert stages({**LINE, "epochs": "fidelity(1, 27, base=3)"}) == [(0, "bohb")]
    assert stages({**LINE, "epochs": "fidelity(1, 27, base=1)"}) == [(0, "gp"), (200, "cmaes")]


def test_a_model_lasts_longer_in_more_dimensions_but_not_for_ever():
    ten, hundred = ({f"x{i}": "uniform(0, 1)" for i in range(n)} for n in (10, 100))

    assert stages(ten) == [(0, "gp"), (300, "cmaes")]
    assert stages(hundred) == [(0, "gp"), (1000, "cmaes")]


@pytest.mark.parametrize(("number", "index"), [(50, 0), (199, 0), (200, 1), (5000, 1)])
def test_the_number_of_a_suggestion_decides_who_makes_it(number, index):
    algorithm = auto({**LINE, "c": "choices(['a', 'b'])"})
    alone = create_algorithm(algorithm.stages[index].algorithm, algorithm.space, seed=1)
    points = suggestions(create_algorithm("sobol", algorithm.space, seed=3), 0, 30)
    trials = [completed(algorithm.space, p, k, p["x"] ** 2) for k, p in enumerate(points)]
    for each in (algorithm, alone):
        each.observe(trials)

    assert suggestions(algorithm, number, 1) == suggestions(alone, number, 1)
