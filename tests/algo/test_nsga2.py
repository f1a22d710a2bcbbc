import numpy as np
import pytest

from orion_like.algo import create_algorithm
from orion_like.algo.hypervolume import hypervolume
from orion_like.errors import AlgorithmError
from orion_like.space import build_space
from orion_like.testing.algorithms import completed, drive, make_trial, suggestions

TWO = [{"name": "a"}, {"name": "b"}]


def box(n):
    return build_space({f"x{i}": "uniform(0, 1)" for i in range(n)})


def zdt1(params):
    """E. Zitzler, K. Deb and L. Thiele, Comparison of evolutionary algorithms, 2000."""
    x = np.array(list(params.values()))
    g = 1 + 9 * x[1:].mean()
    return x[0], g * (1 - np.sqrt(x[0] / g))


def results_of(losses, weight=None):
    results = [
        {"name": name, "type": "objective", "value": float(loss)}
        for name, loss in zip("ab", losses, strict=False)
    ]
    if weight is not None:
        results.append({"name": "weight", "type": "constraint", "value": weight})
    return results


def run(algorithm, losses_of, n_trials, weight_of=lambda _: None):
    """Run an algorithm alone, and return its points and their losses."""
    points, losses = [], []
    for number in range(n_trials):
        [params] = suggestions(algorithm, number, 1)
        points.append(params)
        losses.append(losses_of(params))
        results = results_of(losses[-1], weight_of(params))
        algorithm.observe([make_trial(algorithm.space, params, number, "completed", results)])
    return points, np.array(losses)


class TestSeveralObjectives:
    def test_it_comes_closer_to_the_front_than_random_search(self):
        volumes = {}
        for name in ("nsga2", "random"):
            algorithm = create_algorithm(name, box(5), seed=1, objectives=TWO)
            _, losses = run(algorithm, zdt1, 250)
            volumes[name] = hypervolume(losses, [1.1, 6.0])

        best = 1.1 * 6.0 - 1 / 3
        assert best - volumes["nsga2"] < (best - volumes["random"]) / 3

    def test_it_spreads_along_the_front(self):
        algorithm = create_algorithm("nsga2", box(3), seed=1, objectives=TWO)

        _, losses = run(algorithm, zdt1, 300)

        near = losses[np.array([1 - np.sqrt(a) + 0.1 > b for a, b in losses])]
        assert len(near) > 50
        assert np.ptp(near[:, 0]) > 0.8

    def test_outcome_constraints_are_kept(self):
        algorithm = create_algorithm(
            "nsga2", box(3), seed=1, objectives=TWO, constraints=[{"name": "weight", "upper": 1}]
        )

        points, _ = run(
            algorithm,
            lambda p: (-p["x0"], -p["x1"]),
            200,
            weight_of=lambda p: p["x0"] + p["x1"] + p["x2"],
        )

        late = [sum(p.values()) for p in points[100:]]
        assert np.mean(np.array(late) <= 1) > 0.5
        assert max(p["x0"] + p["x1"] for p in points if sum(p.values()) <= 1) > 0.9

    def test_every_objective_has_its_direction(self):
        algorithm = create_algorithm(
            "nsga2",
            box(2),
            seed=1,
            objectives=[{"name": "a", "direction": "maximize"}, {"name": "b"}],
        )

        points, _ = run(algorithm, lambda p: (p["x0"], p["x1"]), 150)

        late = points[100:]
        assert np.median([p["x0"] for p in late]) > 0.8
        assert np.median([p["x1"] for p in late]) < 0.2


class TestOneObjective:
    def test_it_is_a_genetic_algorithm_for_categories_and_numbers(self):
        space = build_space(
            {
                **{f"c{i}": "choices(['a', 'b', 'c', 'd'])" for i in range(4)},
                "n": "uniform(1, 50, discrete=True)",
                "x": "uniform(0, 1)",
            }
        )

        def loss(p):
            wrong = sum(p[f"c{i}"] != "abcd"[i] for i in range(4))
            return wrong + abs(p["n"] - 30) / 20 + abs(p["x"] - 0.4)

        best = {
            name: min(
                loss(t.flat_params)
                for t in drive(create_algorithm(name, space, seed=1), loss, 250, workers=4)
            )
            for name in ("nsga2", "random")
        }

        assert best["nsga2"] < best["random"] / 2


class TestPopulation:
    def test_it_begins_with_a_sequence_that_covers_the_space(self):
        space = box(2)
        nsga2 = create_algorithm({"nsga2": {"population_size": 8}}, space)

        visited = [t.flat_params for t in drive(nsga2, lambda p: p["x0"], 10)]

        expected = suggestions(create_algorithm("sobol", space), 0, 10)
        assert visited[:8] == expected[:8]
        assert visited[8:] != expected[8:]

    def test_inserted_trials_are_parents(self):
        space = box(2)
        nsga2 = create_algorithm({"nsga2": {"population_size": 10}}, space)
        rng = np.random.default_rng(1)
        points = [space.from_unit(rng.uniform(0.6, 0.7, 2)) for _ in range(10)]

        nsga2.observe([completed(space, p, None, p["x0"]) for p in points])

        children = suggestions(nsga2, 0, 20)
        assert np.median([abs(value - 0.65) for p in children for value in p.values()]) < 0.1

    def test_it_does_not_begin_while_every_trial_fails(self):
        space = box(2)
        nsga2 = create_algorithm({"nsga2": {"population_size": 4}}, space)

        visited = [t.flat_params for t in drive(nsga2, lambda _: None, 12)]

        assert visited == suggestions(create_algorithm("sobol", space), 0, 12)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"population_size": 1}, "population_size must be an integer >= 2, not 1"),
        ({"crossover_prob": 1.5}, "crossover_prob must be between 0 and 1, not 1.5"),
        ({"mutation_prob": -0.1}, "mutation_prob must be between 0 and 1, not -0.1"),
        ({"mutation_eta": "far"}, "mutation_eta must be between 0 and 1000, not 'far'"),
    ],
)
def test_impossible_parameters_are_refused(parameters, message):
    with pytest.raises(AlgorithmError, match=message):
        create_algorithm({"nsga2": parameters}, box(2))
