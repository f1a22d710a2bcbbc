import math

import numpy as np
import pytest

from orion_like.algo import create_algorithm
from orion_like.errors import AlgorithmError
from orion_like.space import build_space
from orion_like.testing.algorithms import completed, drive, make_trial, suggestions


def objective(value, name="objective"):
    return {"name": name, "type": "objective", "value": value}


def constraint(name, value):
    return {"name": name, "type": "constraint", "value": value}


def run(algorithm, results_of, n_trials):
    """Run an algorithm on a problem with named results, and return its trials."""
    trials = []
    for number in range(n_trials):
        params = algorithm.suggest(algorithm.problem.stream(number), number)
        results = results_of(params)
        status = "broken" if results is None else "completed"
        trial = make_trial(algorithm.space, params, number, status, results or ())
        algorithm.observe([trial])
        trials.append(trial)
    return trials


def best_of(space, loss, n_trials, seed=1, **options):
    algorithm = create_algorithm("gp", space, seed=seed)
    return min(loss(trial.flat_params) for trial in drive(algorithm, loss, n_trials, **options))


@pytest.fixture
def square():
    return build_space({"x": "uniform(0, 1)", "y": "uniform(0, 1)"})


def bowl(params):
    return (params["x"] - 0.3) ** 2 + (params["y"] - 0.6) ** 2


class TestQuality:
    def test_it_ends_almost_exactly_at_the_minimum_of_a_smooth_function(self):
        space = build_space({f"x{i}": "uniform(-5, 5, precision=None)" for i in range(3)})

        def loss(params):
            return (
                sum((value - 1.5) ** 2 for value in params.values())
                + math.prod(params.values()) * 0.01
            )

        best = best_of(space, loss, 40)

        assert best < best_of(space, loss, 41, seed=2) + 1e-4
        assert best < 0.04

    def test_it_finds_the_best_combination_of_categories_integers_and_logarithms(self):
        space = build_space(
            {
                "lr": "loguniform(1e-6, 1)",
                "depth": "uniform(1, 12, discrete=True)",
                "act": "choices(['relu', 'tanh', 'gelu', 'sigmoid'])",
            }
        )

        def loss(params):
            worse = {"relu": 0.2, "tanh": 0.3, "gelu": 0.0, "sigmoid": 0.8}[params["act"]]
            return worse + (math.log10(params["lr"]) + 3) ** 2 + 0.1 * abs(params["depth"] - 5)

        assert best_of(space, loss, 40) < 1e-3

    def test_several_workers_lose_little(self, square):
        assert best_of(square, bowl, 40, workers=8) < 1e-4

    def test_noise_does_not_lead_it_astray(self, square):
        rng = np.random.default_rng(1)
        algorithm = create_algorithm("gp", square, seed=1)

        trials = list(drive(algorithm, lambda p: bowl(p) + 0.05 * rng.standard_normal(), 50))

        late = [bowl(trial.flat_params) for trial in trials[-20:]]
        assert np.median(late) < 0.05


class TestOutcomeConstraints:
    def test_it_finds_the_best_point_that_keeps_a_constraint(self, square):
        constraints = [{"name": "load", "upper": 0.5}]
        algorithm = create_algorithm("gp", square, seed=1, constraints=constraints)

        def results(params):
            return [objective(bowl(params)), constraint("load", params["x"] + params["y"])]

        trials = run(algorithm, results, 40)

        points = [trial.flat_params for trial in trials]
        best = min(bowl(p) for p in points if p["x"] + p["y"] <= 0.5)
        assert best == pytest.approx(0.08, rel=0.02)

    def test_an_equality_is_met_within_its_tolerance(self, square):
        constraints = [{"name": "sum", "lower": 1.2, "upper": 1.2, "tolerance": 1e-2}]
        algorithm = create_algorithm("gp", square, seed=1, constraints=constraints)

        def results(params):
            return [objective(bowl(params)), constraint("sum", params["x"] + params["y"])]

        trials = run(algorithm, results, 40)

        points = [trial.flat_params for trial in trials]
        feasible = [bowl(p) for p in points if abs(p["x"] + p["y"] - 1.2) <= 1e-2]
        assert min(feasible) == pytest.approx(0.045, abs=0.01)

    def test_a_small_feasible_region_is_found_by_the_violations(self):
        space = build_space({f"x{i}": "uniform(0, 1)" for i in range(4)})
        algorithm = create_algorithm("gp", space, seed=1)

        def results(params):
            distance = sum((value - 0.15) ** 2 for value in params.values())
            return [objective(params["x0"]), constraint("inside", 0.01 - distance)]

        trials = run(algorithm, results, 40)

        assert any(trial.constraints[0].value >= 0 for trial in trials)

    def test_the_bound_of_a_region_where_trials_break_is_found(self, square):
        algorithm = create_algorithm("gp", square, seed=1)

        def results(params):  # the slope leads into the region
            return None if params["x"] > 0.5 else [objective(-params["x"] + params["y"])]

        trials = run(algorithm, results, 40)

        best = min(t.objective.value for t in trials if t.status == "completed")
        assert best < -0.498


class TestSeveralObjectives:
    def test_the_front_is_covered(self, square):
        objectives = [{"name": "f"}, {"name": "g", "direction": "maximize"}]
        algorithm = create_algorithm("gp", square, seed=1, objectives=objectives)

        def results(params):
            x, y = params["x"], params["y"]
            return [objective(x + y, "f"), objective(2 * math.sqrt(x) - y, "g")]

        trials = run(algorithm, results, 40)

        # The front is where y is 0.
        front = [t.flat_params["x"] for t in trials[10:] if t.flat_params["y"] < 0.02]
        assert len(front) > 12
        assert min(front) < 0.2
        assert max(front) > 0.8


class TestState:
    def test_many_trials_are_thinned_out_and_still_lead_to_the_minimum(self, square):
        algorithm = create_algorithm("gp", square, seed=1)
        rng = np.random.default_rng(1)
        points = [square.sample(rng) for _ in range(500)]
        algorithm.observe([completed(square, p, n, bowl(p)) for n, p in enumerate(points)])

        losses = [bowl(params) for params in suggestions(algorithm, 500, 4)]

        assert min(losses) < 1e-3

    def test_running_trials_are_kept_away_from(self, square):
        algorithm = create_algorithm("gp", square, seed=1)
        rng = np.random.default_rng(1)
        points = [square.sample(rng) for _ in range(12)]
        algorithm.observe([completed(square, p, n, bowl(p)) for n, p in enumerate(points)])
        running = []

        for number in range(12, 18):
            params = algorithm.suggest(algorithm.problem.stream(number), number)
            algorithm.observe([make_trial(square, params, number)])
            running.append([params["x"], params["y"]])

        distances = [math.dist(a, b) for i, a in enumerate(running) for b in running[:i]]
        assert min(distances) > 1e-3


@pytest.mark.parametrize("value", [0, -1, 2.5, "ten"])
def test_a_number_of_initial_points_that_is_none_is_refused(square, value):
    with pytest.raises(AlgorithmError, match="n_initial_points must be an integer >= 1"):
        create_algorithm({"gp": {"n_initial_points": value}}, square)
