import logging
import math

import numpy as np
import pytest

from orion_like.algo import create_algorithm
from orion_like.algo.local_search import are_consistent
from orion_like.errors import AlgorithmError
from orion_like.space import build_space
from orion_like.testing.algorithms import make_trial


def result(type_, value, name=None):
    return {"name": name or type_, "type": type_, "value": value}


def search(algorithm, evaluate, n_trials, workers=1):
    """Return the trials of a search in which `evaluate` gives all results of a point."""
    running, trials = [], []
    for number in range(n_trials):
        params = algorithm.suggest(algorithm.problem.stream(number), number)
        running.append(make_trial(algorithm.space, params, number))
        algorithm.observe(running[-1:])
        if len(running) == workers or number == n_trials - 1:
            ended = running.pop(number % len(running))
            results = evaluate(ended.flat_params)
            trials.append(
                make_trial(algorithm.space, ended.flat_params, ended.number, "completed", results)
            )
            algorithm.observe(trials[-1:])
    return trials


def lowest(trials):
    return min(trial.objective.value for trial in trials)


BOWL = build_space({"x": "uniform(-5, 10)", "lr": "loguniform(1e-5, 1)", "n": "normal(0, 3)"})


def bowl(params, factor=1.0):
    """Return results of a function whose minimum of 0 is at x = 3, lr = 1e-3, n = -2."""
    x, log_lr, n = params["x"] - 3, math.log10(params["lr"]) + 3, params["n"] + 2
    value = x**2 + x * log_lr + 2 * log_lr**2 + 0.5 * n**2 + 0.1 * n**4
    slope = {
        "x": 2 * x + log_lr,
        "lr": (x + 4 * log_lr) / (params["lr"] * math.log(10)),
        "n": n + 0.4 * n**3,
    }
    gradient = {name: factor * part for name, part in slope.items()}
    return [result("objective", value), result("gradient", gradient)]


def value_alone(params):
    return bowl(params)[:1]


def test_gradients_in_the_units_of_the_parameters_lead_to_the_minimum_in_few_trials():
    for seed in range(5):
        trials = search(create_algorithm("lbfgs", BOWL, seed=seed), bowl, 25)

        assert lowest(trials) < 1e-4


def test_without_gradients_the_minimum_takes_some_more_trials():
    for seed in range(3):
        trials = search(create_algorithm("lbfgs", BOWL, seed=seed), value_alone, 80)

        assert lowest(trials) < 1e-2


def test_derivatives_of_some_dimensions_help():
    def partly(params):
        objective, gradient = bowl(params)
        return [objective, result("gradient", {**gradient["value"], "lr": None})]

    def reached(evaluate):
        runs = [search(create_algorithm("lbfgs", BOWL, seed=s), evaluate, 20) for s in range(6)]
        return np.median([lowest(trials) for trials in runs])

    assert reached(partly) < reached(value_alone)


@pytest.mark.parametrize("factor", [-1.0, 0.01, 100.0])
def test_gradients_of_wrong_sign_or_size_do_not_lead_astray_and_are_told_once(factor, caplog):
    algorithm = create_algorithm("lbfgs", BOWL, seed=1)

    with caplog.at_level(logging.WARNING):
        trials = search(algorithm, lambda params: bowl(params, factor), 80)

    assert lowest(trials) < 1e-2
    [record] = caplog.records
    assert "gradients contradict the objective" in record.message
    assert ("ignored" in record.message) == (factor < 0)


def test_random_gradients_do_not_lead_astray_and_are_told_once(caplog):
    rng = np.random.default_rng(1)
    algorithm = create_algorithm("lbfgs", BOWL, seed=1)

    with caplog.at_level(logging.WARNING):
        trials = search(
            algorithm,
            lambda params: [*value_alone(params), result("gradient", rng.normal(size=3).tolist())],
            80,
        )

    assert lowest(trials) < 1e-2
    [record] = caplog.records
    assert "they are ignored" in record.message


def test_right_gradients_are_not_complained_about(caplog):
    search(create_algorithm("lbfgs", BOWL, seed=1), bowl, 60)

    assert caplog.records == []


def test_a_few_odd_ratios_do_not_make_gradients_wrong():
    assert are_consistent((1.0, 1.2, 0.8, -5.0, 1.0))
    assert are_consistent((-1.0,))
    assert not are_consistent((-1.0, -1.0, -1.0))
    assert not are_consistent((math.inf, -math.inf, 1.0))


def test_maximization_goes_up_the_gradient():
    def turned(params):
        objective, gradient = bowl(params, -1.0)
        return [result("objective", -objective["value"]), gradient]

    objectives = [{"name": "objective", "direction": "maximize"}]
    algorithm = create_algorithm("lbfgs", BOWL, seed=1, objectives=objectives)

    trials = search(algorithm, turned, 25)

    assert max(trial.objective.value for trial in trials) > -1e-4


@pytest.mark.parametrize(("workers", "least"), [(4, 1e-3), (16, 0.1)])
def test_several_workers_go_down_from_several_starts(workers, least):
    trials = search(create_algorithm("lbfgs", BOWL, seed=1), bowl, 80, workers)

    assert len({repr(trial.flat_params) for trial in trials}) == len(trials)
    assert lowest(trials) < least


def test_the_best_of_several_minima_is_found_by_starting_again():
    space = build_space({"x": "uniform(0, 10)"})

    def waves(params):
        x = params["x"]
        gradient = {"x": -math.sin(3 * x) * 3 + (x - 8) / 10}
        value = math.cos(3 * x) + (x - 8) ** 2 / 20
        return [result("objective", value), result("gradient", gradient)]

    for seed in range(3):
        trials = search(create_algorithm("lbfgs", space, seed=seed), waves, 60)

        assert lowest(trials) < -0.97  # the next is -0.90


def test_the_search_goes_along_its_bounds():
    space = build_space({"x": "uniform(0, 1)", "y": "uniform(0, 1)"})

    def tilted(params):
        x, y = params["x"], params["y"]
        return [
            result("objective", x + 2 * (y - 0.5) ** 2 - x * y),
            result("gradient", {"x": 1 - y, "y": 4 * (y - 0.5) - x}),
        ]

    trials = search(create_algorithm("lbfgs", space, seed=1), tilted, 30)

    assert lowest(trials) < 1e-4


def test_input_constraints_are_kept():
    space = build_space({"x": "uniform(0, 1)", "y": "uniform(0, 1)"}, constraints=["x + y <= 1"])

    def corner(params):
        x, y = params["x"], params["y"]
        return [
            result("objective", (x - 1) ** 2 + (y - 1) ** 2),
            result("gradient", {"x": 2 * (x - 1), "y": 2 * (y - 1)}),
        ]

    trials = search(create_algorithm("lbfgs", space, seed=1), corner, 60)

    assert all(trial.flat_params["x"] + trial.flat_params["y"] <= 1 for trial in trials)
    assert lowest(trials) < 0.56  # at best 0.5


def test_outcome_constraints_come_first():
    space = build_space({"x": "uniform(0, 1)", "y": "uniform(0, 1)"})
    constraints = [{"name": "c", "upper": 0.25}]

    def evaluate(params):
        x, y = params["x"], params["y"]
        return [
            result("objective", -x - y),
            result("gradient", {"x": -1.0, "y": -1.0}, "objective"),
            result("constraint", x**2 + y**2, "c"),
            result("gradient", {"x": 2 * x, "y": 2 * y}, "c"),
        ]

    algorithm = create_algorithm("lbfgs", space, seed=1, constraints=constraints)
    trials = search(algorithm, evaluate, 60)

    feasible = [trial for trial in trials if trial.constraints[0].value <= 0.25]
    assert lowest(feasible) < -0.65  # at best -0.707


def test_integers_and_categories_are_changed_one_by_one():
    space = build_space(
        {
            "x": "uniform(0, 1)",
            "n": "uniform(1, 200, discrete=True)",
            "few": "uniform(1, 5, discrete=True)",
            "kind": "choices(['a', 'b', 'c'])",
        }
    )

    def evaluate(params):
        x, n, few = params["x"] - 0.3, (params["n"] - 150) / 50, params["few"] - 4
        value = x**2 + n**2 + 0.1 * few**2 + 0.1 * (params["kind"] != "b")
        gradient = {"x": 2 * x, "n": 2 * n / 50, "few": 0.2 * few}
        return [result("objective", value), result("gradient", gradient)]

    trials = search(create_algorithm("lbfgs", space, seed=1), evaluate, 60)

    best = min(trials, key=lambda trial: trial.objective.value).flat_params
    assert (best["n"], best["few"], best["kind"]) == (150, 4, "b")


@pytest.mark.filterwarnings("error")
def test_huge_and_tiny_values_and_gradients_do_no_harm():
    odd = [0.0, 1.0, 1e308, -1e308, 5e-324, 1e-300, 1e150, -1e150, math.nan, math.inf]
    rng = np.random.default_rng(1)

    def evaluate(params):
        gradient = {name: float(rng.choice(odd)) for name in params}
        return [result("objective", float(rng.choice(odd))), result("gradient", gradient)]

    trials = search(create_algorithm("lbfgs", BOWL, seed=1), evaluate, 60, workers=3)

    for trial in trials:
        BOWL.validate(trial.flat_params)


def test_several_objectives_are_refused():
    objectives = [{"name": "a"}, {"name": "b"}]

    with pytest.raises(AlgorithmError, match="at most 1 objective"):
        create_algorithm("lbfgs", BOWL, objectives=objectives)


def test_the_number_of_starts_is_a_positive_integer():
    with pytest.raises(AlgorithmError, match="n_starts must be an integer >= 1"):
        create_algorithm({"lbfgs": {"n_starts": 0}}, BOWL)


def test_trials_that_come_in_another_order_give_the_same_searches():
    trials = search(create_algorithm("lbfgs", BOWL, seed=1), bowl, 40, workers=5)
    one, other = (create_algorithm("lbfgs", BOWL, seed=1) for _ in range(2))
    one.observe(trials)

    for trial in reversed(trials):
        other.observe([trial])
        other.suggest(other.problem.stream(50), 50)

    assert other.suggest(other.problem.stream(50), 50) == one.suggest(one.problem.stream(50), 50)
