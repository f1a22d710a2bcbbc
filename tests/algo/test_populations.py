"""PBT, PB2 and EvolutionES: populations read off the trials."""

import itertools
import math
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from orion_like.algo import Continued, Exhausted, Wait, create_algorithm
from orion_like.algo.population import population_levels
from orion_like.client import build_experiment
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
def test_two_workers_fill_a_place_with_the_same_trial(configuration):
    _, trials = run(configuration)
    pairs = 0

    for end in range(8, 30):
        ones, others = run_until(configuration, trials[:end])
        if isinstance(ones, Continued):
            assert (ones, ones.parent) == (others, others.parent)
            pairs += 1

    assert pairs == 22


def run_until(configuration, trials):
    space = with_fidelity() if "evolutiones" not in configuration else None
    space = space or with_fidelity(prior="fidelity(1, 5, base=1)")
    algorithm = create(configuration, space)
    algorithm.observe(trials)
    return [algorithm.suggest(algorithm.problem.stream(n), n) for n in (100, 101)]


class TestPBT:
    def test_the_worst_are_replaced_by_children_of_the_best(self):
        space = with_fidelity()
        algorithm = create({"pbt": {"population_size": 10, "exploit": "truncate"}}, space)
        founders = [{"x": float(k), "y": 1.0, "epochs": 10} for k in range(-5, 5)]
        ranked = [completed(space, p, k, k) for k, p in enumerate(founders)]
        algorithm.observe(ranked)

        children = []
        for number in range(10, 20):
            child = algorithm.suggest(algorithm.problem.stream(number), number)
            children.append(child)
            algorithm.observe([make_trial(space, child, number, parent=child.parent)])

        went_on = [child["x"] for child in children[:8]]
        assert went_on == [p["x"] for p in founders[:8]]
        for child in children[8:]:
            assert child.parent in {trial.id for trial in ranked[:2]}
            assert child["epochs"] == 14
        assert suggestions(algorithm, 20, 1) == [Wait]

    def test_nobody_is_given_up_before_enough_have_finished(self):
        space = with_fidelity()
        algorithm = create({"pbt": {"population_size": 6, "generations": 4}}, space)
        points = [{"x": float(k), "y": 1.0, "epochs": 10} for k in range(6)]
        algorithm.observe([make_trial(space, p, k) for k, p in enumerate(points)])

        algorithm.observe([completed(space, p, k, k) for k, p in enumerate(points[:4])])
        four = suggestions(algorithm, 6, 1)
        algorithm.observe([completed(space, points[4], 4, 4)])
        (five,) = suggestions(algorithm, 6, 1)

        assert four == [Wait]
        assert isinstance(five, Continued)

    def test_backtracking_goes_on_from_the_best_of_former_levels(self):
        space = with_fidelity()
        configuration = {"pbt": {"population_size": 5, "generations": 4, "exploit": "backtrack"}}
        algorithm = create(configuration, space)
        points = [{"x": float(k), "y": 1.0, "epochs": 10} for k in range(5)]
        first = [completed(space, p, k, k) for k, p in enumerate(points)]
        # Training makes all of them worse.
        second = [
            make_trial(
                space, {**p, "epochs": 20}, k + 5, "completed", [objective(k + 10)], first[k].id
            )
            for k, p in enumerate(points)
        ]

        algorithm.observe(first + second)
        third = []
        for number in range(10, 15):
            child = algorithm.suggest(algorithm.problem.stream(number), number)
            third.append(child)
            algorithm.observe([make_trial(space, child, number, parent=child.parent)])

        assert [child.parent for child in third[:4]] == [trial.id for trial in second[:4]]
        assert third[4].parent == first[0].id
        assert third[4]["epochs"] == 30

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
        configuration = {"pbt": {"population_size": 2, "generations": 1, "explore": explore}}
        algorithm = create(configuration, space)
        other = 5
        algorithm.observe(
            [completed(space, {"n": n, "epochs": 1}, k, k) for k, n in enumerate([value, other])]
        )
        kept = algorithm.suggest(algorithm.problem.stream(2), 2)
        algorithm.observe([make_trial(space, kept, 2, parent=kept.parent)])

        (child,) = suggestions(algorithm, 3, 1)

        assert abs(child["n"] - value) == 1

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
            ({"exploit": "TruncatExploit"}, "did you mean 'truncate'"),
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


class TestPB2:
    def test_replacements_come_where_members_improved_most(self):
        space = build_space({"x": "uniform(0, 1)", "epochs": "fidelity(1, 11, base=1)"})
        configuration = {"pb2": {"population_size": 8, "generations": 10}}

        distances = []
        for seed in range(3):
            gained = {}

            def learn(params, gained=gained):
                """Return a loss that falls the faster the nearer x is to 0.8."""
                gained[params["x"]] = gained.get(params["x"], 0) + 1
                return -params["epochs"] * (1 - abs(params["x"] - 0.8))

            _, trials = run(configuration, space=space, loss=learn, seed=seed)
            by_id = {trial.id: trial for trial in trials}
            distances += [
                abs(trial.flat_params["x"] - 0.8)
                for trial in trials
                if trial.flat_params["epochs"] > 5
                and trial.parent
                and by_id[trial.parent].hash_params != trial.hash_params
            ]

        assert len(distances) > 15
        assert sorted(distances)[len(distances) // 2] < 0.1

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

        first = algorithm.suggest(algorithm.problem.stream(2), 2)
        algorithm.observe([make_trial(space, first, 2, parent=first.parent)])
        second = algorithm.suggest(algorithm.problem.stream(3), 3)

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
