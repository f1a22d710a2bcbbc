"""Hyperband and ASHA: rungs, and promotions read off the trials."""

import itertools
import math
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from orion_like.algo import Continued, Exhausted, Wait, create_algorithm
from orion_like.algo.hyperband import bracket_sizes
from orion_like.algo.rungs import rung_fidelities
from orion_like.client import build_experiment
from orion_like.errors import AlgorithmError
from orion_like.space import Fidelity, build_space
from orion_like.testing.algorithms import (
    SPACES,
    completed,
    drive,
    make_trial,
    suggestions,
)

ALGORITHMS = ["asha", {"asha": {"num_brackets": 3}}, "bohb", "hyperband"]


def with_fidelity(name, low=1, high=27, base=3):
    space = SPACES[name]()
    priors = {**space.configuration, "epochs": f"fidelity({low}, {high}, base={base})"}
    return build_space(priors, constraints=space.constraints)


def curve(params):
    """Return a loss whose order of configurations changes a little with the fidelity."""
    return abs(params["x"] - 3) + 3 * math.sin(40 * params["x"]) / params["epochs"]


def run(configuration, n_trials, workers, space=None, loss=curve, seed=1):
    space = space or with_fidelity("real")
    algorithm = create_algorithm(configuration, space, seed=seed)
    return algorithm, list(drive(algorithm, loss, n_trials, workers))


def configuration_of(trial):
    return repr({name: v for name, v in trial.flat_params.items() if name != "epochs"})


def lineages(trials):
    """Return the fidelities of each configuration, in order of number."""
    found = defaultdict(list)
    for trial in sorted(trials, key=lambda trial: trial.number):
        found[configuration_of(trial)].append(trial.flat_params["epochs"])
    return found


class TestFidelitiesOfTheRungs:
    @pytest.mark.parametrize("low", [1, 2, 3, 7, 10])
    @pytest.mark.parametrize("high", [10, 27, 64, 81, 100, 1000, 12345])
    @pytest.mark.parametrize("base", [2, 3, 4, 2.5])
    def test_both_ends_are_exact_and_no_step_is_smaller_than_the_base(self, low, high, base):
        rungs = rung_fidelities(Fidelity("epochs", low, high, base))

        if high >= low * base:
            assert (rungs[0], rungs[-1]) == (low, high)
        assert rungs[-1] == high
        assert all(isinstance(rung, int) for rung in rungs)
        for a, b in itertools.pairwise(rungs):
            assert b >= math.floor(base * (a - 0.5) - 0.5)

    @pytest.mark.parametrize(
        ("low", "high", "base", "rungs"),
        [
            (1, 81, 3, (1, 3, 9, 27, 81)),
            (1, 1000, 10, (1, 10, 100, 1000)),
            (1, 64, 2, (1, 2, 4, 8, 16, 32, 64)),
            (100, 900, 3, (100, 300, 900)),
            (5, 5, 3, (5,)),
            (6, 10, 3, (10,)),
        ],
    )
    def test_powers_of_the_base_are_hit(self, low, high, base, rungs):
        assert rung_fidelities(Fidelity("epochs", low, high, base)) == rungs

    def test_more_rungs_than_whole_numbers_are_refused(self):
        with pytest.raises(AlgorithmError, match="no 6 different rungs between 1 and 4"):
            rung_fidelities(Fidelity("epochs", 1, 4), count=6)

    @pytest.mark.parametrize("name", ["asha", "hyperband"])
    def test_a_base_below_two_is_refused(self, name):
        with pytest.raises(AlgorithmError, match="at least 2"):
            create_algorithm(name, with_fidelity("real", base=1))

    @pytest.mark.parametrize("name", ["asha", "hyperband"])
    def test_a_space_without_fidelity_is_refused(self, name):
        with pytest.raises(AlgorithmError, match="needs a fidelity dimension"):
            create_algorithm(name, SPACES["real"]())


@pytest.mark.parametrize("configuration", ALGORITHMS, ids=str)
@pytest.mark.parametrize("workers", [1, 4, 16])
class TestLineages:
    def test_a_configuration_climbs_rung_by_rung_and_none_twice(self, configuration, workers):
        algorithm, trials = run(configuration, 150, workers)

        rungs = list(algorithm.fidelities)
        for fidelities in lineages(trials).values():
            start = rungs.index(fidelities[0])
            assert fidelities == rungs[start : start + len(fidelities)]
        assert max(trial.flat_params["epochs"] for trial in trials) == 27

    def test_a_promotion_names_the_finished_trial_that_it_continues(self, configuration, workers):
        algorithm, trials = run(configuration, 150, workers)

        by_id = {trial.id: trial for trial in trials}
        promoted = [trial for trial in trials if trial.parent is not None]
        assert len(promoted) > 20
        for trial in promoted:
            parent = by_id[trial.parent]
            assert parent.hash_params == trial.hash_params
            step = algorithm.fidelities.index(trial.flat_params["epochs"]) - 1
            assert parent.flat_params["epochs"] == algorithm.fidelities[step]

    def test_failed_trials_are_never_promoted(self, configuration, workers):
        def loss(params):
            return None if params["x"] < 0 else math.nan if params["x"] > 8 else curve(params)

        _, trials = run(configuration, 150, workers, loss=loss)

        for trial in trials:
            if trial.parent is not None:
                assert 0 <= trial.flat_params["x"] <= 8

    def test_every_sort_of_space_is_climbed(self, configuration, workers):
        for name in ("mixed", "conditional", "constrained", "shaped", "integer"):
            space = with_fidelity(name, 1, 9)

            algorithm, trials = run(
                configuration, 60, workers, space, lambda p: len(repr(p)) % 7 / p["epochs"]
            )

            fresh = create_algorithm(configuration, space, seed=1)
            fresh.observe(sorted(trials, key=lambda trial: -trial.number))
            assert suggestions(fresh, 60, 3) == suggestions(algorithm, 60, 3)
            for trial in trials:
                space.validate(trial.flat_params)


def due_by_brute_force(trials, rungs, base, number):
    """Return the promotion that algorithm 2 of the paper finds, or None."""
    for low, high in reversed(list(itertools.pairwise(rungs))):
        above = {configuration_of(t) for t in trials if t.flat_params["epochs"] == high}
        done = [t for t in trials if t.flat_params["epochs"] == low and t.status == "completed"]
        done.sort(key=lambda t: t.objective.value)
        for trial in done[: int(len(done) / base)]:
            if configuration_of(trial) not in above:
                return trial
    return None


@pytest.mark.parametrize("workers", [1, 4, 16])
def test_asha_promotes_what_a_brute_force_search_finds(workers):
    space = with_fidelity("real")
    algorithm = create_algorithm("asha", space, seed=2)
    trials, running = {}, []
    n_promotions = 0
    for number in range(200):
        due = due_by_brute_force(trials.values(), algorithm.fidelities, 3, number)
        [point] = suggestions(algorithm, number, 1)

        if due is None:
            assert not isinstance(point, Continued)
            assert point["epochs"] == 1
        else:
            n_promotions += 1
            assert point.parent == due.id
            assert configuration_of(due) == repr({k: v for k, v in point.items() if k != "epochs"})

        parent = getattr(point, "parent", None)
        trial = make_trial(space, point, number, parent=parent)
        trials[trial.id] = trial
        running.append(trial)
        algorithm.observe([trial])
        if len(running) == workers:
            ended = running.pop((7 * number) % workers)
            value = {"name": "o", "type": "objective", "value": curve(ended.flat_params)}
            done = make_trial(
                space, ended.flat_params, ended.number, "completed", [value], ended.parent
            )
            trials[done.id] = done
            algorithm.observe([done])
    assert n_promotions > 30


class TestHyperband:
    def test_the_brackets_are_those_of_the_paper(self):
        assert bracket_sizes(5, 3) == [
            [81, 27, 9, 3, 1],
            [34, 11, 3, 1],
            [15, 5, 1],
            [8, 2],
            [5],
        ]

    @pytest.mark.parametrize("workers", [1, 4, 16])
    def test_promotions_are_those_of_synchronous_halving(self, workers):
        algorithm, trials = run({"hyperband": {"repetitions": 2}}, 1000, workers)

        value = {(configuration_of(t), t.flat_params["epochs"]): t.objective.value for t in trials}
        entries = defaultdict(list)
        for name, fidelities in lineages(trials).items():
            entries[fidelities[0]].append(name)
        expected = set()
        for entry, sizes in enumerate(algorithm.sizes):
            started = entries[algorithm.fidelities[entry]]
            assert len(started) == 2 * sizes[0]
            for members in (started[: sizes[0]], started[sizes[0] :]):
                for fidelity, size in zip(algorithm.fidelities[entry:], sizes, strict=True):
                    expected.update((member, fidelity) for member in members[:size])
                    members = sorted(members[:size], key=lambda m: value[m, fidelity])
                    members = members[: size // 3]
        assert set(value) == expected

    def test_a_trial_that_a_user_inserted_on_a_higher_rung_is_no_obstacle(self):
        algorithm = create_algorithm({"hyperband": {"repetitions": 1}}, with_fidelity("real"))
        space = algorithm.space
        point = space.sample(algorithm.problem.stream(5))
        for epochs in (1, 9):
            inserted = {**point, "epochs": epochs}
            algorithm.observe([completed(space, inserted, None, -10.0)])

        trials = list(drive(algorithm, curve, 1000, 3))

        reached = Counter(trial.params["epochs"] for trial in trials if trial.parent is not None)
        assert reached[27] >= 3
        assert suggestions(algorithm, 1000, 1) == [Exhausted]

    def test_it_ends_after_its_repetitions(self):
        algorithm, trials = run({"hyperband": {"repetitions": 1}}, 1000, 3)

        assert len(trials) == sum(sum(sizes) for sizes in algorithm.sizes)
        assert suggestions(algorithm, 1000, 1) == [Exhausted]

    def test_who_has_nothing_to_do_in_the_last_bracket_waits(self):
        space = with_fidelity("real", 1, 3)
        algorithm = create_algorithm({"hyperband": {"repetitions": 1}}, space)
        for number in range(sum(sizes[0] for sizes in algorithm.sizes)):
            [point] = suggestions(algorithm, number, 1)
            algorithm.observe([make_trial(space, point, number)])

        assert suggestions(algorithm, 100, 1) == [Wait]


class TestBOHB:
    def test_the_model_finds_better_configurations_than_random_draws(self):
        def starts(name):
            _, trials = run(name, 120, 4, loss=lambda p: abs(p["x"] - 3) + abs(p["y"] - 5))
            return [trial.objective.value for trial in trials if trial.parent is None][60:]

        assert sum(starts("bohb")) < 0.75 * sum(starts("hyperband"))

    @pytest.mark.parametrize("sign", [1, -1])
    def test_it_learns_from_the_highest_rung_with_enough_trials(self, sign):
        space = with_fidelity("real", 1, 3)
        algorithm = create_algorithm({"bohb": {"random_fraction": 0.01}}, space, seed=1)
        points = [space.sample(algorithm.problem.stream(k)) for k in range(40)]

        for epochs, loss_of_x in ((1, -sign), (3, sign)):  # the lower rung misleads
            algorithm.observe(
                completed(space, {**point, "epochs": epochs}, k, loss_of_x * point["x"])
                for k, point in enumerate(points)
            )

        new = [point["x"] for point in suggestions(algorithm, 50, 40)]
        middle = sum(point["x"] for point in points) / 40
        assert sign * sum(new) / 40 < sign * middle - 1

    @pytest.mark.parametrize(
        "wrong", [{"random_fraction": 0}, {"top_n_percent": 101}, {"num_samples": 0}]
    )
    def test_numbers_out_of_range_are_refused(self, wrong):
        with pytest.raises(AlgorithmError, match=next(iter(wrong))):
            create_algorithm({"bohb": wrong}, with_fidelity("real"))


@pytest.mark.parametrize("name", ["asha", "bohb", "hyperband"])
class TestEnds:
    def test_a_finite_space_ends_when_no_configuration_is_left_to_start_or_promote(self, name):
        space = with_fidelity("finite", 1, 9)

        algorithm, trials = run(name, 500, 4, space, lambda p: p["n"] / p["epochs"])

        starts = Counter(configuration_of(trial) for trial in trials if trial.parent is None)
        assert len(starts) == 12
        assert set(starts.values()) == {1}
        assert suggestions(algorithm, 500, 1) == [Exhausted]

    def test_a_promotion_that_another_worker_made_is_not_made_again(self, name):
        space = with_fidelity("real", 1, 3)
        algorithm = create_algorithm(name, space, seed=1)
        number = 0
        for number in range(30):
            [point] = suggestions(algorithm, number, 1)
            if isinstance(point, Continued):
                break
            algorithm.observe([completed(space, point, number, curve(point))])
        rng = algorithm.problem.stream(number)
        first = algorithm.suggest(rng, number)

        algorithm.observe([make_trial(space, first, number + 1, parent=first.parent)])

        assert algorithm.suggest(rng, number) != first


def test_two_workers_that_see_the_same_trials_promote_different_ones(tmp_path):
    settings = {
        "space": {"x": "uniform(-5, 10)", "epochs": "fidelity(1, 3, base=3)"},
        "algorithm": "asha",
        "max_trials": 30,
        "seed": 1,
        "storage": str(tmp_path / "db.pkl"),
    }
    first = build_experiment("race", **settings)
    for trial in [first.suggest() for _ in range(9)]:
        first.observe(trial, trial.params["x"])
    second = build_experiment("race", **settings)

    taken = [(client, client.suggest()) for client in (first, second, first, second)]

    assert len({trial.id for _, trial in taken}) == 4
    done = first.fetch_trials_by_status("completed")
    best = sorted(done, key=lambda trial: trial.objective.value)
    assert [trial.parent for _, trial in taken] == [trial.id for trial in best[:3]] + [None]
    for client, trial in taken:
        client.release(trial)


def test_a_promotion_starts_from_the_files_of_the_trial_that_it_continues(tmp_path):
    experiment = build_experiment(
        "climb",
        space={"x": "uniform(-5, 10)", "epochs": "fidelity(1, 9, base=3)"},
        algorithm="asha",
        max_trials=20,
        seed=1,
        working_dir=str(tmp_path / "work"),
        storage=str(tmp_path / "db.pkl"),
    )

    def train(x, epochs, trial):
        log = Path(trial.working_dir) / "epochs.txt"
        log.parent.mkdir(exist_ok=True)
        log.write_text((log.read_text() if log.exists() else "") + f"{epochs} ")
        return x

    experiment.workon(train, trial_arg="trial")

    top = [trial for trial in experiment.fetch_trials() if trial.params["epochs"] == 9]
    assert top
    for trial in top:
        assert (Path(trial.working_dir) / "epochs.txt").read_text() == "1 3 9 "
