import numpy as np
import pytest

from orion_like.algo import create_algorithm
from orion_like.errors import AlgorithmError
from orion_like.space import build_space
from orion_like.testing.algorithms import completed, drive, make_trial, suggestions


def box(n):
    return build_space({f"x{i}": "uniform(0, 1)" for i in range(n)})


def bowl(params):
    return sum(4**i * (value - 0.37) ** 2 for i, value in enumerate(params.values()))


def best_of(algorithm, space, loss, n_trials, seed=1, **options):
    running = create_algorithm(algorithm, space, seed=seed)
    return min(loss(trial.flat_params) for trial in drive(running, loss, n_trials, **options))


class TestQuality:
    @pytest.mark.parametrize("workers", [1, 8])
    def test_it_beats_random_search_with_one_and_with_many_workers(self, workers):
        evolved = best_of("de", box(4), bowl, 250, workers=workers)

        assert evolved < best_of("random", box(4), bowl, 250) / 10

    def test_integers_and_categories_evolve_too(self):
        space = build_space(
            {
                **{f"c{i}": "choices(['a', 'b', 'c', 'd'])" for i in range(3)},
                "n": "uniform(1, 100, discrete=True)",
                "width": "loguniform(8, 256, discrete=True)",
            }
        )

        def loss(p):
            wrong = sum(p[f"c{i}"] != "abc"[i] for i in range(3))
            return wrong + abs(p["n"] - 64) / 20 + abs(np.log2(p["width"] / 64))

        assert best_of("de", space, loss, 200) < best_of("random", space, loss, 200) / 2

    def test_a_minimum_in_a_corner_is_reached(self):
        assert best_of("de", box(3), lambda p: sum(p.values()), 250) < 0.05


class TestPopulation:
    def test_it_begins_with_a_sequence_that_covers_the_space(self):
        space = box(2)
        de = create_algorithm({"de": {"population_size": 8}}, space)

        visited = [t.flat_params for t in drive(de, lambda p: p["x0"], 10)]

        expected = suggestions(create_algorithm("sobol", space), 0, 10)
        assert visited[:8] == expected[:8]
        assert visited[8:] != expected[8:]

    def test_inserted_trials_join_it(self):
        space = box(2)
        de = create_algorithm({"de": {"population_size": 10}}, space)
        rng = np.random.default_rng(1)
        points = [space.from_unit(rng.uniform(0.6, 0.7, 2)) for _ in range(10)]

        de.observe([completed(space, p, None, p["x0"]) for p in points])

        challengers = suggestions(de, 10, 20)
        assert np.median([abs(v - 0.65) for p in challengers for v in p.values()]) < 0.1

    def test_a_trial_that_never_ends_holds_nothing_up(self):
        space = box(2)
        de = create_algorithm({"de": {"population_size": 8}}, space)
        losses = []
        for number in range(120):
            [params] = suggestions(de, number, 1)
            losses.append(bowl(params))
            ended = completed(space, params, number, losses[-1])
            de.observe([make_trial(space, params, number) if number % 10 == 3 else ended])

        assert np.median(losses[90:]) < np.median(losses[:30]) / 20

    def test_feasible_trials_replace_infeasible_ones(self):
        space = box(2)
        de = create_algorithm("de", space, constraints=[{"name": "c", "upper": 1}])
        totals = []

        for number in range(200):
            [params] = suggestions(de, number, 1)
            totals.append(sum(params.values()))
            results = [
                {"name": "objective", "type": "objective", "value": -totals[-1]},
                {"name": "c", "type": "constraint", "value": totals[-1]},
            ]
            de.observe([make_trial(space, params, number, "completed", results)])

        assert max(total for total in totals if total <= 1) > 0.99

    def test_it_does_not_begin_while_every_trial_fails(self):
        space = box(2)
        de = create_algorithm({"de": {"population_size": 4}}, space)

        visited = [t.flat_params for t in drive(de, lambda _: None, 12)]

        assert visited == suggestions(create_algorithm("sobol", space), 0, 12)

    def test_several_objectives_are_refused(self):
        with pytest.raises(AlgorithmError, match=r"at most 1 objective.* but 2 are declared"):
            create_algorithm("de", box(1), objectives=[{"name": "a"}, {"name": "b"}])


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"population_size": 3}, "population_size must be an integer >= 4, not 3"),
        ({"p_best": 0}, "p_best must be above 0 and at most 1, not 0"),
        ({"p_best": "some"}, "p_best must be above 0 and at most 1, not 'some'"),
    ],
)
def test_impossible_parameters_are_refused(parameters, message):
    with pytest.raises(AlgorithmError, match=message):
        create_algorithm({"de": parameters}, box(2))
