"""PBT, PB2 and EvolutionES: populations read off the trials."""

import itertools
import math
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from orion_like.algo import Continued, Exhausted, Wait, create_algorithm
from orion_like.algo.population import population_levels
from orion_like.client import build_experiment, get_experiment
from orion_like.errors import AlgorithmError
from orion_like.space import Fidelity, build_space
from orion_like.testing.algorithms import (
    SPACES,
    completed,
    drive,
    make_trial,
    objective,
    suggestions,
)

SMALL = {"population_size": 8, "generations": 4}
ALGORITHMS = [{"pbt": SMALL}, {"pb2": SMALL}, {"evolutiones": {"nums_population": 8}}]
LEVELS = [10, 20, 30, 40, 50]


def with_fidelity(name="real", prior="fidelity(10, 50, base=1)"):
    space = SPACES[name]()
    priors = {**space.configuration, "epochs": prior}
    return build_space(priors, constraints=space.constraints)


def loss(params):
    return abs(params["x"] - 3) + abs(params["y"] - 10) + 10 / params["epochs"]


def create(configuration, space=None, seed=1):
    return create_algorithm(configuration, space or with_fidelity(), seed=seed)


def run(configuration, workers=1, space=None, loss=loss, n_trials=1000, seed=1):
    if space is None and "evolutiones" in configuration:
        configuration = {"evolutiones": {**configuration["evolutiones"], "repetitions": 1}}
        space = with_fidelity(prior="fidelity(1, 5, base=1)")
    algorithm = create(configuration, space, seed)
    trials = list(drive(algorithm, loss, n_trials, workers))
    return algorithm, sorted(trials, key=lambda trial: trial.number)


def by_level(trials):
    levels = defaultdict(list)
    for trial in trials:
        levels[trial.flat_params["epochs"]].append(trial)
    return dict(sorted(levels.items()))


class TestLevels:
    @pytest.mark.parametrize("low", [1, 2, 7])
    @pytest.mark.parametrize("high", [10, 64, 100, 12345])
    @pytest.mark.parametrize("base", [1, 1.5, 2, 3, 10])
    @pytest.mark.parametrize("generations", [1, 3, 10, 40])
    def test_both_ends_are_exact_and_all_are_whole_numbers(self, low, high, base, generations):
        levels = population_levels(Fidelity("epochs", low, high, base), generations)

        assert (levels[0], levels[-1]) == (low, high)
        assert all(isinstance(level, int) for level in levels)
        assert sorted(set(levels)) == list(levels)
        assert len(levels) <= generations + 1
        steps = [b - a for a, b in itertools.pairwise(levels)]
        if base == 1 and high - low >= generations:
            assert len(levels) == generations + 1
            assert max(steps) - min(steps) <= 2

    def test_a_fidelity_of_one_value_has_one_level(self):
        assert population_levels(Fidelity("epochs", 5, 5, 1), 10) == (5,)

    def test_evolution_has_a_level_for_each_power_of_the_base(self):
        space = with_fidelity(prior="fidelity(1, 64, base=4)")

        assert create("evolutiones", space).levels == (1, 4, 16, 64)


@pytest.mark.parametrize("configuration", ALGORITHMS, ids=lambda c: next(iter(c)))
@pytest.mark.parametrize("workers", [1, 4, 16])
class TestGenerations:
    def test_each_level_has_the_whole_population_and_then_it_ends(self, configuration, workers):
        algorithm, trials = run(configuration, workers)

        assert {level: len(found) for level, found in by_level(trials).items()} == dict.fromkeys(
            algorithm.levels, 8
        )
        assert suggestions(algorithm, len(trials), 1) == [Exhausted]
        assert len({trial.id for trial in trials}) == len(trials)

    def test_children_go_on_from_finished_trials_of_lower_levels(self, configuration, workers):
        _, trials = run(configuration, workers)

        by_id = {trial.id: trial for trial in trials}
        changed = 0
        for level, found in by_level(trials).items():
            for trial in found:
                if trial.parent is None:
                    assert level == min(by_level(trials))
                    continue
                parent = by_id[trial.parent]
                assert parent.flat_params["epochs"] < level
                changed += parent.hash_params != trial.hash_params
        assert changed >= 4

    def test_nobody_goes_on_twice(self, configuration, workers):
        _, trials = run(configuration, workers)

        by_id = {trial.id: trial for trial in trials}
        gone_on = Counter(
            trial.parent
            for trial in trials
            if trial.parent and by_id[trial.parent].hash_params == trial.hash_params
        )
        assert set(gone_on.values()) == {1}

    def test_failed_members_are_replaced_and_are_nobodys_parents(self, configuration, workers):
        def fragile(params):
            return None if params["x"] > 6 else math.nan if params["x"] < -3 else loss(params)

        algorithm, trials = run(configuration, workers, loss=fragile)

        by_id = {trial.id: trial for trial in trials}
        for found in by_level(trials).values():
            assert sum(-3 <= trial.flat_params["x"] <= 6 for trial in found) == 8
        for trial in trials:
            if trial.parent:
                assert -3 <= by_id[trial.parent].flat_params["x"] <= 6
        assert any(not -3 <= trial.flat_params["x"] <= 6 for trial in trials)
        assert suggestions(algorithm, len(trials), 1) == [Exhausted]

    def test_every_sort_of_space_is_searched(self, configuration, workers):
        for name in ("mixed", "conditional", "constrained", "shaped", "integer", "normal"):
            space = with_fidelity(name, "fidelity(1, 9, base=3)")

            algorithm, trials = run(
                configuration, workers, space, lambda p: len(repr(p)) % 7 / p["epochs"], 60
            )

            fresh = create(configuration, space)
            fresh.observe(reversed(trials))
            assert suggestions(fresh, 60, 2) == suggestions(algorithm, 60, 2)
            for trial in trials:
                space.validate(trial.flat_params)


@pytest.mark.parametrize("configuration", ALGORITHMS, ids=lambda c: next(iter(c)))
def test_a_slot_gets_the_same_trial_whoever_fills_it(configuration):
    _, trials = run(configuration)
    space = with_fidelity() if "evolutiones" not in configuration else None
    space = space or with_fidelity(prior="fidelity(1, 5, base=1)")
    known = {trial.id for trial in trials}

    for end in range(0, 40, 3):
        algorithm = create(configuration, space)
        algorithm.observe(trials[:end])
        for child in suggestions(algorithm, 100, 12):
            if child is not Wait:
                parent = child.parent if isinstance(child, Continued) else None
                assert make_trial(space, child, None, parent=parent).id in known


def fill(algorithm, start, n):
    """Return what is due for some workers, one after the other."""
    children = []
    for number in range(start, start + n):
        child = algorithm.suggest(algorithm.problem.stream(number), number)
        children.append(child)
        algorithm.observe([make_trial(algorithm.space, child, number, parent=child.parent)])
    return children


def by_x(trials):
    return {trial.flat_params["x"]: trial.id for trial in trials}


class TestPBT:
    def test_the_worst_are_replaced_by_children_of_the_best(self):
        space = with_fidelity()
        algorithm = create({"pbt": {"population_size": 10, "exploit": "truncate"}}, space)
        founders = [{"x": float(k), "y": 1.0, "epochs": 10} for k in range(-5, 5)]
        ranked = [completed(space, p, k, k) for k, p in enumerate(founders)]
        algorithm.observe(ranked)

        children = fill(algorithm, 10, 10)

        went_on = {c["x"]: c for c in children if c.parent == by_x(ranked).get(c["x"])}
        assert sorted(went_on) == [p["x"] for p in founders[:8]]
        for child in children:
            assert child["epochs"] == 14
            if child["x"] not in went_on:
                assert child.parent in {trial.id for trial in ranked[:2]}
        assert suggestions(algorithm, 20, 1) == [Wait]

    def test_those_go_on_at_once_that_will_whatever_is_still_to_come(self):
        space = with_fidelity()
        algorithm = create({"pbt": {"population_size": 10, "generations": 4}}, space)
        points = [{"x": float(k), "y": 1.0, "epochs": 10} for k in range(-5, 5)]
        algorithm.observe([make_trial(space, p, k) for k, p in enumerate(points)])

        algorithm.observe([completed(space, p, k, k) for k, p in enumerate(points[:2])])
        two = suggestions(algorithm, 10, 1)
        algorithm.observe([completed(space, points[2], 2, 2)])
        (three,) = fill(algorithm, 10, 1)
        afterwards = suggestions(algorithm, 11, 1)

        assert two == [Wait]
        assert three["x"] == -5.0
        assert afterwards == [Wait]

    def test_small_populations_keep_everybody_if_forking_needs_more(self):
        space = with_fidelity()
        population = {"population_size": 4, "generations": 4, "exploit": "truncate"}
        algorithm = create({"pbt": population}, space)
        points = [{"x": float(k), "y": 1.0, "epochs": 10} for k in range(4)]
        algorithm.observe([completed(space, p, k, k) for k, p in enumerate(points)])

        children = fill(algorithm, 4, 4)

        assert sorted(child["x"] for child in children) == [0.0, 1.0, 2.0, 3.0]

    def test_backtracking_goes_on_from_the_best_of_former_levels(self):
        space = with_fidelity()
        configuration = {"pbt": {"population_size": 5, "generations": 4, "exploit": "backtrack"}}
        algorithm = create(configuration, space)
        points = [{"x": float(k), "y": 1.0, "epochs": 10} for k in range(5)]
        first = [completed(space, p, k, k) for k, p in enumerate(points)]
        algorithm.observe(first)
        # Training makes all of them worse.
        second = [
            make_trial(space, child, k, "completed", [objective(10 + k)], child.parent)
            for k, child in enumerate(fill(algorithm, 5, 5))
        ]
        algorithm.observe(second)

        third = fill(algorithm, 10, 5)

        parents = sorted(child.parent for child in third)
        assert parents == sorted([first[0].id, *(trial.id for trial in second[:4])])
        assert {child["epochs"] for child in third} == {30}

    def test_perturbed_numbers_are_multiplied_or_divided_by_the_factor(self):
        space = build_space({"lr": "loguniform(1e-6, 1)", "epochs": "fidelity(1, 9, base=3)"})
        explore = {"of_type": "PerturbExplore", "factor": 2}
        configuration = {"pbt": {"population_size": 10, "generations": 2, "explore": explore}}

        _, trials = run(configuration, space=space, loss=lambda p: abs(p["lr"] - 1e-3))

        by_id = {trial.id: trial for trial in trials}
        ratios = {
            round(trial.flat_params["lr"] / by_id[trial.parent].flat_params["lr"], 2)
            for trial in trials
            if trial.parent
        }
        assert ratios == {0.5, 1.0, 2.0}

    @pytest.mark.parametrize("value", [1, 10])
    def test_a_small_factor_still_changes_integers(self, value):
        space = build_space(
            {"n": "uniform(1, 10, discrete=True)", "epochs": "fidelity(1, 9, base=3)"}
        )
        explore = {"of_type": "perturb", "factor": 1.01}
        exploit = {"of_type": "truncate", "min_forking_population": 2}
        population = {"population_size": 2, "generations": 1}
        configuration = {"pbt": {**population, "explore": explore, "exploit": exploit}}
        algorithm = create(configuration, space)
        other = 5
        algorithm.observe(
            [completed(space, {"n": n, "epochs": 1}, k, k) for k, n in enumerate([value, other])]
        )
        children = fill(algorithm, 2, 2)

        values = {child["n"] for child in children} - {value}
        assert {abs(n - value) for n in values} == {1}

    def test_an_orion_configuration_is_understood_and_kept(self):
        pipeline = {
            "population_size": 5,
            "generations": 3,
            "exploit": {
                "of_type": "PipelineExploit",
                "exploit_configs": [
                    {"of_type": "BacktrackExploit", "min_forking_population": 3},
                    {"of_type": "TruncateExploit", "truncation_quantile": 0.7},
                ],
            },
            "explore": {
                "of_type": "PipelineExplore",
                "explore_configs": [
                    {"of_type": "ResampleExplore", "probability": 0.3},
                    {"of_type": "PerturbExplore", "factor": 1.5, "volatility": 0.001},
                ],
            },
            "fork_timeout": 60,
        }

        stored = create({"PBT": pipeline}).configuration["pbt"]

        assert stored["exploit"]["exploit_configs"] == [
            {
                "of_type": "BacktrackExploit",
                "min_forking_population": 3,
                "truncation_quantile": 0.9,
                "candidate_pool_ratio": 0.2,
            },
            {
                "of_type": "TruncateExploit",
                "min_forking_population": 5,
                "truncation_quantile": 0.7,
                "candidate_pool_ratio": 0.2,
            },
        ]
        assert stored["explore"] == pipeline["explore"]

    @pytest.mark.parametrize(
        ("parameters", "message"),
        [
            ({"population_sise": 5}, "did you mean 'population_size'"),
            ({"population_size": 0}, "population_size must be an integer >= 1, not 0"),
            ({"generations": 2.5}, "generations must be an integer >= 1, not 2.5"),
            ({"exploit": "TruncatExploit"}, "did you mean 'TruncateExploit'"),
            ({"exploit": []}, "exploit must name rules"),
            ({"exploit": 3}, "exploit must name rules"),
            ({"explore": {"of_type": "PerturbExplore", "facter": 2}}, "did you mean 'factor'"),
            ({"explore": {"of_type": "perturb", "factor": 0.5}}, "factor must be a number"),
            ({"explore": {"of_type": "resample", "probability": 2}}, "probability must be"),
            ({"exploit": {"of_type": "truncate", "truncation_quantile": 0}}, "truncation_quantile"),
        ],
    )
    def test_wrong_parameters_are_refused_with_what_would_be_right(self, parameters, message):
        with pytest.raises(AlgorithmError, match=message):
            create({"pbt": parameters})

    @pytest.mark.parametrize("name", ["pbt", "pb2", "evolutiones"])
    def test_a_space_without_fidelity_is_refused(self, name):
        with pytest.raises(AlgorithmError, match="needs a fidelity dimension"):
            create(name, SPACES["real"]())

    def test_a_misspelt_name_is_refused_with_the_right_one(self):
        with pytest.raises(AlgorithmError, match="did you mean 'evolutiones'"):
            create("EvolutionEZ")

    def test_trials_that_users_insert_on_the_lowest_level_join_the_population(self):
        space = with_fidelity()
        algorithm = create({"pbt": {"population_size": 8, "generations": 4}}, space)
        best = completed(space, {"x": 3.0, "y": 10.0, "epochs": 10}, None, -100.0)
        algorithm.observe([best])

        trials = list(drive(algorithm, loss, 15))

        founders = [trial for trial in trials if trial.parent is None]
        assert len(founders) == 7
        assert best.id in {trial.parent for trial in trials}


def falling(params):
    """Return a loss that falls the faster the nearer x is to 0.8."""
    return -params["epochs"] * (1 - abs(params["x"] - 0.8))


class TestPB2:
    def test_replacements_come_where_members_improved_most(self):
        space = build_space({"x": "uniform(0, 1)", "epochs": "fidelity(1, 11, base=1)"})
        configuration = {"pb2": {"population_size": 8, "generations": 10}}

        distances = []
        for seed in range(3):
            _, trials = run(configuration, space=space, loss=falling, seed=seed)
            by_id = {trial.id: trial for trial in trials}
            distances += [
                abs(trial.flat_params["x"] - 0.8)
                for trial in trials
                if trial.flat_params["epochs"] > 5
                and trial.parent
                and by_id[trial.parent].hash_params != trial.hash_params
            ]

        assert len(distances) > 15
        assert sorted(distances)[len(distances) // 2] < 0.15  # 0.31 by chance

    def test_explore_rules_are_refused(self):
        with pytest.raises(AlgorithmError, match="has no parameter 'explore'"):
            create({"pb2": {"explore": "perturb"}})


def half(dimension, rng, value, *, share=2):
    del dimension, rng
    return value / share


class TestEvolution:
    def test_of_two_that_meet_the_winner_goes_on_and_is_mutated_in_place_of_the_loser(self):
        space = with_fidelity(prior="fidelity(1, 2, base=1)")
        algorithm = create({"evolutiones": {"nums_population": 2}}, space)
        founders = [{"x": float(k), "y": 5.0, "epochs": 1} for k in range(2)]
        loser, winner = (completed(space, p, k, -k) for k, p in enumerate(founders))
        algorithm.observe([loser, winner])

        first, second = sorted(
            fill(algorithm, 2, 2), key=lambda child: (child["x"], child["y"]) != (1.0, 5.0)
        )

        assert first == {"x": 1.0, "y": 5.0, "epochs": 2}
        assert first.parent == second.parent == winner.id
        assert second["epochs"] == 2
        assert (second["x"] == 1.0) != (second["y"] == 5.0)

    def test_a_function_of_ones_own_mutates(self):
        mutate = {"function": f"{__name__}.half", "share": 4}
        space = build_space({"x": "uniform(0, 1)", "epochs": "fidelity(1, 4, base=2)"})
        configuration = {"evolutiones": {"nums_population": 4, "mutate": mutate, "repetitions": 1}}

        algorithm, trials = run(configuration, space=space, loss=lambda p: p["x"])

        by_id = {trial.id: trial for trial in trials}
        ratios = {
            round(trial.flat_params["x"] / by_id[trial.parent].flat_params["x"], 3)
            for trial in trials
            if trial.parent
        }
        assert ratios == {0.25, 1.0}
        assert algorithm.configuration["evolutiones"]["mutate"] == mutate

    @pytest.mark.parametrize(
        ("mutate", "message"),
        [
            ("default_mutat", "did you mean 'default_mutate'"),
            ({"multiply": 2.0}, "mutate has no entry 'multiply'"),
            ({"multiply_factor": "a"}, "multiply_factor must be a number"),
            ("no_such_module.mutate", "cannot be loaded"),
            ("math.pi", "must be 'default_mutate' or the path of a function"),
            (3, "mutate must be a dict"),
        ],
    )
    def test_wrong_mutations_are_refused(self, mutate, message):
        with pytest.raises(AlgorithmError, match=message):
            create({"evolutiones": {"mutate": mutate}})

    def test_populations_follow_one_another(self):
        space = with_fidelity(prior="fidelity(1, 4, base=2)")

        _, trials = run({"evolutiones": {"nums_population": 4}}, 4, space, n_trials=36)

        assert {level: len(found) for level, found in by_level(trials).items()} == {
            1: 12,
            2: 12,
            4: 12,
        }


def test_functions_go_on_from_a_copy_of_what_their_parents_saved(tmp_path):
    client = build_experiment(
        "demo",
        space={"x": "uniform(0, 1)", "epochs": "fidelity(1, 4, base=2)"},
        algorithm={"pbt": {"population_size": 5, "generations": 2, "exploit": "truncate"}},
        storage="memory://",
        working_dir=str(tmp_path),
        seed=1,
    )

    def train(x, epochs, trial):
        found = trial.latest_checkpoint
        history = Path(found, "history").read_text() if found else ""
        history += f"{trial.id} "
        with trial.save_checkpoint(epochs) as path:
            Path(path, "history").write_text(history)
        return x

    client.workon(train, trial_arg="trial")

    trials = {trial.id: trial for trial in client.fetch_trials()}
    assert len(trials) == 15
    for trial in trials.values():
        lineage = [trial.id]
        while trials[lineage[0]].parent:
            lineage.insert(0, trials[lineage[0]].parent)
        (last,) = (tmp_path / trial.id / "checkpoints").glob(
            f"**/step-{trial.params['epochs']:09d}*"
        )
        assert (last / "history").read_text().split() == lineage


def test_an_experiment_is_done_when_its_population_is_trained(tmp_path):
    storage = str(tmp_path / "db.pkl")
    client = build_experiment(
        "demo",
        space={"x": "uniform(0, 1)", "epochs": "fidelity(1, 4, base=2)"},
        algorithm={"pbt": {"population_size": 3, "generations": 2}},
        storage=storage,
        max_trials=100,
        seed=1,
    )

    undone = get_experiment("demo", storage=storage).is_done
    while not client.is_done:
        trial = client.suggest()
        undone = undone or get_experiment("demo", storage=storage).is_done
        client.observe(trial, trial.params["x"])

    assert not undone
    assert len(client.fetch_trials()) == 9
    assert get_experiment("demo", storage=storage).is_done
