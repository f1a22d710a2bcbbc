import numpy as np
import pytest

from orion_like.algo import create_algorithm
from orion_like.errors import AlgorithmError
from orion_like.space import build_space
from orion_like.testing.algorithms import completed, drive, make_trial, suggestions


def box(n, low=0, high=1):
    return build_space({f"x{i}": f"uniform({low}, {high}, precision=None)" for i in range(n)})


def bowl(params):
    """An ellipsoid with its minimum beside the middle."""
    return sum(10**i * (value - 0.37) ** 2 for i, value in enumerate(params.values()))


def best_of(algorithm, space, loss, n_trials, seed=1, **options):
    running = create_algorithm(algorithm, space, seed=seed)
    return min(loss(trial.flat_params) for trial in drive(running, loss, n_trials, **options))


def median_best(algorithm, space, loss, n_trials, **options):
    return np.median(
        [best_of(algorithm, space, loss, n_trials, seed=s, **options) for s in range(3)]
    )


class TestQuality:
    def test_it_learns_scales_that_differ(self):
        assert median_best("cmaes", box(3), bowl, 200) < 1e-4

    @pytest.mark.parametrize(
        "parameters",
        [
            {"population_size": 12},
            {"separable": True},
            {"lr_adapt": True},
            {"restarts": "bipop"},
            {"sigma0": 0.4},
        ],
    )
    def test_every_variant_converges(self, parameters):
        assert best_of({"cmaes": parameters}, box(2), bowl, 120) < 1e-3

    def test_integers_are_found_exactly(self):
        space = build_space(
            {
                "n": "uniform(1, 1000, discrete=True)",
                "few": "uniform(1, 6, discrete=True)",
                "width": "loguniform(8, 256, discrete=True)",
                "small": "loguniform(1, 16, discrete=True)",
                "x": "uniform(0, 1)",
            }
        )

        def loss(p):
            return (
                abs(p["n"] - 640) / 100
                + abs(p["few"] - 5)
                + abs(np.log2(p["width"] / 64))
                + abs(p["small"] - 3)
                + (p["x"] - 0.8) ** 2
            )

        assert median_best("cmaes", space, loss, 150) < 0.3

    def test_a_minimum_in_a_corner_is_hit_exactly(self):
        assert median_best("cmaes", box(4), lambda p: sum(p.values()), 150) == 0.0

    def test_a_minimum_beside_a_bound_is_not_missed(self):
        def loss(params):
            return sum((value - 0.02) ** 2 for value in params.values())

        assert median_best("cmaes", box(3), loss, 150) < 1e-3

    def test_categories_are_learned_together_with_numbers(self):
        space = build_space(
            {
                **{f"c{i}": "choices(['a', 'b', 'c', 'd'])" for i in range(4)},
                "x": "uniform(0, 1)",
                "y": "uniform(0, 1)",
            }
        )

        def loss(p):
            return sum(p[f"c{i}"] != "abcd"[i] for i in range(4)) + abs(p["x"] - p["y"] - 0.3)

        assert median_best("cmaes", space, loss, 150) < 0.3

    def test_categories_without_probability_are_never_drawn(self):
        space = build_space({"c": "choices({'a': 0, 'b': 0.5, 'd': 0.5})", "x": "uniform(0, 1)"})
        cmaes = create_algorithm("cmaes", space)

        chosen = {trial.flat_params["c"] for trial in drive(cmaes, bowl_of_x, 60)}

        assert chosen == {"b", "d"}


def bowl_of_x(params):
    return (params["x"] - 0.3) ** 2


class TestManyWorkers:
    def test_sixteen_workers_do_not_throw_each_other_back(self):
        space = box(3)

        parallel = median_best("cmaes", space, bowl, 120, workers=16)

        assert parallel < median_best("cmaes", space, bowl, 50)

    def test_a_trial_that_never_ends_holds_nothing_up(self):
        space = box(3)
        cmaes = create_algorithm("cmaes", space, seed=1)
        best = np.inf
        for number in range(120):
            [params] = suggestions(cmaes, number, 1)
            if number % 10 == 3:
                cmaes.observe([make_trial(space, params, number)])
            else:
                cmaes.observe([completed(space, params, number, bowl(params))])
                best = min(best, bowl(params))

        assert best < 1e-2


class TestWarmStart:
    def source(self, space, n=40):
        """Trials of a search that has come near the minimum."""
        rng = np.random.default_rng(1)
        points = [space.from_unit(rng.normal(0.37, 0.05, space.unit_width)) for _ in range(n)]
        return [completed(space, p, k, bowl(p)) for k, p in enumerate(points)]

    def test_trials_before_the_start_are_the_source(self):
        space = box(3)
        warm = create_algorithm({"cmaes": {"start": 40}}, space)

        warm.observe(self.source(space))

        distances = [abs(v - 0.37) for p in suggestions(warm, 40, 20) for v in p.values()]
        assert np.median(distances) < 0.12

    def test_until_the_start_a_sequence_covers_the_space(self):
        space = box(3)
        warm = create_algorithm({"cmaes": {"start": 40}}, space)

        assert suggestions(warm, 0, 9) == suggestions(create_algorithm("sobol", space), 0, 9)

    def test_a_start_beyond_all_trials_so_far_needs_no_source(self):
        space = box(2)

        [params] = suggestions(create_algorithm({"cmaes": {"start": 5}}, space), 5, 1)

        space.validate(params)

    def test_it_works_in_hundreds_of_dimensions(self):
        space = box(300)
        cmaes = create_algorithm({"cmaes": {"start": 40}}, space)

        cmaes.observe(self.source(space))

        [params] = suggestions(cmaes, 40, 1)
        assert np.std(list(params.values())) < 0.2

    def test_a_single_inserted_trial_is_where_it_begins(self):
        space = box(2)
        cmaes = create_algorithm({"cmaes": {"sigma0": 0.05}}, space)

        cmaes.observe([completed(space, {"x0": 0.9, "x1": 0.1}, None, 1.0)])

        first = suggestions(cmaes, 0, 20)
        assert np.median([abs(p["x0"] - 0.9) + abs(p["x1"] - 0.1) for p in first]) < 0.15

    def test_categories_of_good_trials_become_likelier(self):
        space = build_space({"c": "choices([0, 1, 2, 3])", "x": "uniform(0, 1)"})
        cmaes = create_algorithm({"cmaes": {"start": 60}}, space)
        rng = np.random.default_rng(1)
        points = [space.sample(rng) for _ in range(60)]

        cmaes.observe(completed(space, p, k, abs(p["c"] - 2)) for k, p in enumerate(points))

        assert sum(p["c"] == 2 for p in suggestions(cmaes, 60, 40)) > 20


class TestRestarts:
    @pytest.mark.parametrize("restarts", ["ipop", "bipop"])
    def test_a_converged_run_is_followed_by_one_elsewhere(self, restarts):
        space = box(2)
        cmaes = create_algorithm({"cmaes": {"restarts": restarts}}, space, seed=1)

        visited = [list(t.flat_params.values()) for t in drive(cmaes, bowl, 600, workers=3)]

        distances = np.abs(np.array(visited) - 0.37).max(axis=1)
        converged = np.flatnonzero(distances < 1e-7)
        assert len(converged) > 10
        assert np.any(distances[converged[0] :] > 0.2)

    def test_they_leave_a_local_minimum(self):
        def two_valleys(params):
            x = np.array(list(params.values()))
            return min(((x - 0.5) ** 2).sum() + 0.1, 10 * ((x - 0.05) ** 2).sum())

        assert best_of("cmaes", box(1), two_valleys, 500) < 0.01


class TestOutcomes:
    def test_feasible_points_come_first(self):
        space = box(2)
        cmaes = create_algorithm("cmaes", space, constraints=[{"name": "c", "upper": 1}])
        best = np.inf

        for number in range(120):
            [params] = suggestions(cmaes, number, 1)
            total = sum(params.values())
            results = [
                {"name": "objective", "type": "objective", "value": -total},
                {"name": "c", "type": "constraint", "value": total},
            ]
            cmaes.observe([make_trial(space, params, number, "completed", results)])
            if total <= 1:
                best = min(best, 1 - total)

        assert best < 1e-3

    def test_a_region_where_trials_break_is_avoided(self):
        def loss(params):
            return None if params["x0"] > 0.4 else bowl(params)

        trials = list(drive(create_algorithm("cmaes", box(2)), loss, 120))

        broken = [trial.status == "broken" for trial in trials]
        assert np.mean(broken[80:]) < 0.6
        assert min(bowl(t.flat_params) for t in trials if t.status == "completed") < 1e-3

    def test_several_objectives_are_refused(self):
        with pytest.raises(AlgorithmError, match=r"at most 1 objective.* but 2 are declared"):
            create_algorithm("cmaes", box(1), objectives=[{"name": "a"}, {"name": "b"}])


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"population_size": 3}, "population_size must be an integer >= 4, not 3"),
        ({"sigma0": 0}, "sigma0 must be above 0 and at most 1, not 0"),
        ({"restarts": "ipod"}, r"must be 'ipop' or 'bipop', not 'ipod' \(did you mean 'ipop'"),
        ({"lr_adapt": 1}, "lr_adapt must be true or false, not 1"),
        ({"separable": "yes"}, "separable must be true or false, not 'yes'"),
        ({"lr_adapt": True, "separable": True}, "exclude each other"),
        ({"start": -1}, "start must be an integer >= 0, not -1"),
    ],
)
def test_impossible_parameters_are_refused(parameters, message):
    with pytest.raises(AlgorithmError, match=message):
        create_algorithm({"cmaes": parameters}, box(2))
