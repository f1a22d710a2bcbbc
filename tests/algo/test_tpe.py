import math
import time

import numpy as np
import pytest

from orion_like.algo import Exhausted, create_algorithm
from orion_like.algo.outcome import Kind, judge
from orion_like.algo.problem import Problem
from orion_like.errors import AlgorithmError
from orion_like.space import build_space
from orion_like.testing.algorithms import completed, drive, make_trial, suggestions


def best_of(algorithm, space, loss, n_trials=60, seed=1, **options):
    running = create_algorithm(algorithm, space, seed=seed)
    return min(loss(trial.flat_params) for trial in drive(running, loss, n_trials, **options))


def median_best(algorithm, space, loss, **options):
    return np.median([best_of(algorithm, space, loss, seed=s, **options) for s in range(5)])


def objective(name, value):
    return {"name": name, "type": "objective", "value": value}


def constraint(name, value):
    return {"name": name, "type": "constraint", "value": value}


def run(algorithm, results_of, n_trials):
    """Run an algorithm on a problem with named results, and return its trials."""
    trials = []
    for number in range(n_trials):
        params = algorithm.suggest(algorithm.problem.stream(number), number)
        trial = make_trial(algorithm.space, params, number, "completed", results_of(params))
        algorithm.observe([trial])
        trials.append(trial)
    return trials


@pytest.fixture
def line():
    return build_space({"x": "uniform(0, 1)", "y": "uniform(0, 1)"})


class TestQuality:
    def test_it_beats_random_search_on_a_smooth_function(self):
        space = build_space({f"x{i}": "uniform(-5, 5)" for i in range(4)})

        def loss(params):
            return sum((value - 1.5) ** 2 for value in params.values())

        assert median_best("tpe", space, loss) < median_best("random", space, loss) / 10

    def test_it_beats_random_search_on_logarithms_integers_and_categories(self):
        space = build_space(
            {
                "lr": "loguniform(1e-6, 1)",
                "depth": "uniform(1, 20, discrete=True)",
                "kind": "choices(['a', 'b', 'c', 'd', 'e'])",
                "flag": "choices([True, False])",
            }
        )

        def loss(params):
            return (
                (math.log10(params["lr"]) + 3) ** 2
                + abs(params["depth"] - 13) / 3
                + "cdbae".index(params["kind"])
                + params["flag"]
            )

        assert median_best("tpe", space, loss) < median_best("random", space, loss) / 3

    def test_it_beats_random_search_on_a_conditional_space(self):
        space = build_space(
            {
                "model": "choices(['linear', 'forest'])",
                "ridge": "loguniform(1e-6, 1e3) if model == 'linear'",
                "trees": "uniform(1, 500, discrete=True) if model == 'forest'",
                "share": "uniform(0, 1) if model == 'forest'",
            }
        )

        def loss(params):
            if params["model"] == "linear":
                return 1 + abs(math.log10(params["ridge"]))
            return abs(params["trees"] - 137) / 100 + 5 * (params["share"] - 0.7) ** 2

        assert median_best("tpe", space, loss) < median_best("random", space, loss) / 2

    def test_eight_workers_still_beat_random_search(self):
        space = build_space({f"x{i}": "uniform(-5, 5)" for i in range(4)})

        def loss(params):
            return sum((value - 1.5) ** 2 for value in params.values())

        parallel = median_best("tpe", space, loss, workers=8)
        assert parallel < median_best("random", space, loss) / 3

    def test_it_converges_in_a_long_run(self, line):
        def loss(params):
            return (params["x"] - 0.3) ** 2 + (params["y"] - 0.8) ** 2

        assert best_of("tpe", line, loss, n_trials=300) < 1e-5


class TestInitialPoints:
    def test_the_first_points_are_those_of_a_sobol_sequence(self, line):
        tpe = create_algorithm({"tpe": {"n_initial_points": 7}}, line, seed=4)
        sobol = create_algorithm("sobol", line, seed=4)

        visited = [t.flat_params for t in drive(tpe, lambda p: p["x"], 9)]

        assert visited[:7] == suggestions(sobol, 0, 7)
        assert visited[7:] != suggestions(sobol, 7, 2)

    def test_they_go_on_while_nothing_succeeds(self, line):
        tpe = create_algorithm("tpe", line, seed=4)

        visited = [trial.flat_params for trial in drive(tpe, lambda _: None, 30)]

        assert visited == suggestions(create_algorithm("sobol", line, seed=4), 0, 30)

    def test_trials_that_a_user_inserted_count(self, line):
        rng = np.random.default_rng(1)
        tpe = create_algorithm("tpe", line, seed=4)
        points = [line.sample(rng) for _ in range(50)]

        tpe.observe([completed(line, p, None, abs(p["x"] - 0.5)) for p in points])

        nearness = [abs(point["x"] - 0.5) for point in suggestions(tpe, 0, 20)]
        assert np.median(nearness) < 0.1


class TestObjectives:
    def test_an_objective_can_be_maximized(self, line):
        tpe = create_algorithm(
            "tpe", line, objectives=[{"name": "accuracy", "direction": "maximize"}]
        )

        trials = run(tpe, lambda p: [objective("accuracy", p["x"] - p["y"])], 60)

        assert max(trial.objective.value for trial in trials) > 0.95

    def test_the_declared_name_decides_among_several_results(self, line):
        tpe = create_algorithm("tpe", line, objectives=[{"name": "wanted"}])

        trials = run(tpe, lambda p: [objective("other", -p["x"]), objective("wanted", p["x"])], 60)

        assert np.median([trial.flat_params["x"] for trial in trials[30:]]) < 0.1

    def test_a_single_objective_may_have_any_name(self, line):
        tpe = create_algorithm("tpe", line)

        trials = run(tpe, lambda p: [objective("my loss", p["x"])], 60)

        assert np.median([trial.flat_params["x"] for trial in trials[30:]]) < 0.1

    def test_several_objectives_spread_along_the_front(self, line):
        tpe = create_algorithm("tpe", line, objectives=[{"name": "a"}, {"name": "b"}])

        trials = run(
            tpe,
            lambda p: [objective("a", p["x"] + p["y"]), objective("b", 1 - p["x"] + p["y"])],
            100,
        )

        late = [trial.flat_params for trial in trials[40:]]
        assert np.median([point["y"] for point in late]) < 0.1
        assert np.std([point["x"] for point in late]) > 0.2

    def test_a_trial_without_one_of_the_objectives_has_failed(self, line):
        problem = Problem.build(line, objectives=[{"name": "a"}, {"name": "b"}])

        trial = make_trial(line, {"x": 0.5, "y": 0.5}, 0, "completed", [objective("a", 1.0)])

        assert judge(trial, problem).kind is Kind.FAILED


class TestConstraints:
    def test_feasible_points_are_sought(self, line):
        tpe = create_algorithm("tpe", line, constraints=[{"name": "weight", "upper": 1.4}])

        trials = run(
            tpe,
            lambda p: [
                objective("objective", -p["x"] - p["y"]),
                constraint("weight", p["x"] + 2 * p["y"]),
            ],
            80,
        )

        values = [trial.flat_params for trial in trials[40:]]
        assert np.mean([p["x"] + 2 * p["y"] <= 1.4 for p in values]) > 0.4
        assert max(p["x"] + p["y"] for p in values if p["x"] + 2 * p["y"] <= 1.4) > 1.1

    @pytest.mark.parametrize(
        ("declared", "value", "kind"),
        [
            ([], 0.0, Kind.FEASIBLE),
            ([], -0.1, Kind.INFEASIBLE),
            ([], math.nan, Kind.INFEASIBLE),
            ([{"name": "c", "upper": 1}], 1.0, Kind.FEASIBLE),
            ([{"name": "c", "upper": 1}], 1.1, Kind.INFEASIBLE),
            ([{"name": "c", "upper": 1, "tolerance": 0.2}], 1.1, Kind.FEASIBLE),
            ([{"name": "c", "lower": 0.5, "upper": 1}], 0.4, Kind.INFEASIBLE),
            ([{"name": "c", "lower": -2}], -1.0, Kind.FEASIBLE),
            ([{"name": "other", "lower": 0}], 1.0, Kind.INFEASIBLE),
        ],
    )
    def test_what_is_feasible(self, line, declared, value, kind):
        problem = Problem.build(line, constraints=declared)
        results = [objective("objective", 1.0), constraint("c", value)]

        trial = make_trial(line, {"x": 0.5, "y": 0.5}, 0, "completed", results)

        assert judge(trial, problem).kind is kind


class TestPendingTrials:
    def test_workers_keep_away_from_each_other(self):
        space = build_space({"x": "uniform(0, 1)"})
        alone = create_algorithm("tpe", space, seed=1)
        trials = list(drive(alone, lambda p: (p["x"] - 0.4) ** 2, 40))
        crowd = create_algorithm("tpe", space, seed=1)
        crowd.observe(trials)
        crowd.observe(
            [make_trial(space, {"x": 0.4 + i / 1e4}, 100 + i) for i in range(-60, 60) if i]
        )

        distances = [
            np.mean([abs(point["x"] - 0.4) for point in suggestions(tpe, 41, 30)])
            for tpe in (alone, crowd)
        ]

        assert distances[1] > 2 * distances[0]


class TestHistory:
    def test_trials_that_were_revised_leave_no_trace(self, line):
        rng = np.random.default_rng(2)
        points = [line.sample(rng) for _ in range(30)]
        final = [completed(line, p, k, p["x"]) for k, p in enumerate(points)]
        winding, straight = (create_algorithm("tpe", line, seed=3) for _ in range(2))
        for status in ("reserved", "broken", "new", "interrupted", "reserved"):
            winding.observe([make_trial(line, p, k, status) for k, p in enumerate(points)])
        winding.observe([completed(line, p, k, -p["y"]) for k, p in enumerate(points)])

        winding.observe(final)
        straight.observe(final)

        assert suggestions(winding, 30, 5) == suggestions(straight, 30, 5)

    def test_trials_below_the_highest_fidelity_do_not_mislead(self):
        space = build_space({"x": "uniform(0, 1)", "epochs": "fidelity(1, 10)"})
        rng = np.random.default_rng(2)
        points = [space.sample(rng) for _ in range(30)]
        tpe = create_algorithm("tpe", space, seed=3)
        full = [completed(space, p, k, p["x"]) for k, p in enumerate(points)]
        tpe.observe(full)
        before = suggestions(tpe, 30, 3)

        tpe.observe([completed(space, {**p, "epochs": 1}, None, -9 - p["x"]) for p in points])

        assert suggestions(tpe, 30, 3) == before


def test_a_finite_space_is_exhausted_by_the_model_too():
    space = build_space({"n": "uniform(1, 6, discrete=True)", "c": "choices(['a', 'b', 'c'])"})
    tpe = create_algorithm({"tpe": {"n_initial_points": 3}}, space)

    trials = list(drive(tpe, lambda p: p["n"], 100))

    assert len({repr(trial.flat_params) for trial in trials}) == len(trials) == 18
    assert suggestions(tpe, 18, 1) == [Exhausted]


@pytest.mark.parametrize("objectives", [None, [{"name": "a"}, {"name": "b"}]])
def test_ten_thousand_trials_cost_little_more_than_five_hundred(objectives):
    space = build_space(
        {
            **{f"x{i}": "uniform(0, 1)" for i in range(6)},
            **{f"n{i}": "uniform(1, 50, discrete=True)" for i in range(2)},
            **{f"c{i}": "choices(['a', 'b', 'c'])" for i in range(2)},
        }
    )
    names = ["objective"] if objectives is None else ["a", "b"]
    rng = np.random.default_rng(1)
    tpe = create_algorithm("tpe", space, objectives=objectives)
    costs = []

    for start, stop in ((0, 500), (500, 10_000)):
        batch = []
        for number in range(start, stop):
            results = [objective(name, float(rng.random())) for name in names]
            batch.append(make_trial(space, space.sample(rng), number, "completed", results))
        tpe.observe(batch)
        costs.append(min(step_cost(tpe, batch[-1 - i]) for i in range(10)))

    assert costs[1] < 4 * costs[0]


def step_cost(tpe, trial):
    before = time.process_time()
    tpe.suggest(tpe.problem.stream(trial.number), trial.number)
    tpe.observe([make_trial(tpe.space, trial.flat_params, trial.number, "broken")])
    return time.process_time() - before


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_initial_points": 0}, "n_initial_points must be an integer >= 1, not 0"),
        ({"n_ei_candidates": 2.5}, "n_ei_candidates must be an integer >= 1, not 2.5"),
        ({"gamma": 0}, "gamma must be above 0 and at most 1, not 0"),
        ({"gamma": 1.5}, "gamma must be above 0 and at most 1, not 1.5"),
        ({"prior_weight": -1}, "prior_weight must be a positive number, not -1"),
        ({"prior_weight": "heavy"}, "prior_weight must be a positive number, not 'heavy'"),
    ],
)
def test_impossible_parameters_are_refused(line, parameters, message):
    with pytest.raises(AlgorithmError, match=message):
        create_algorithm({"tpe": parameters}, line)
