"""What a version learns from the versions that it was made from, while it runs."""

import pytest

from orion_like.algo.factory import available_algorithms
from orion_like.client import build_experiment
from orion_like.experiment.versions import heritage
from orion_like.storage import Storage

ON = {"enable": True}


@pytest.fixture
def storage(database):
    return Storage(database)


@pytest.fixture(autouse=True)
def _at_once(monkeypatch):
    """Look for news of ancestors at every occasion."""
    monkeypatch.setattr(heritage, "PERIOD", 0.0)


def build(storage, **changes):
    options = {"space": {"x": "uniform(0, 1)"}, "algorithm": "random", "seed": 1, **changes}
    return build_experiment("demo", storage=storage, branching=ON, **options)


def square(x):
    return (x - 0.3) ** 2


def test_a_point_that_an_ancestor_evaluated_is_not_suggested_again(storage):
    grid = {"space": {"x": "uniform(0, 4, discrete=True)"}, "algorithm": "gridsearch"}
    parent = build(storage, **grid)
    for value in (0, 2):
        parent.insert({"x": value}, results=1.0)

    child = build(storage, **grid, objectives=["loss"])
    same = build(storage, **grid, seed=2, objectives=["loss"])
    same.workon(lambda x: [{"name": "loss", "type": "objective", "value": x}])

    assert child.version == 2
    assert sorted(t.params["x"] for t in same.fetch_trials()) == [1, 3, 4]


def test_with_the_same_seed_a_version_goes_on_with_other_points(storage):
    build(storage, max_trials=5).workon(square)

    child = build(storage, space={"x": "uniform(0, 1, default_value=0.5)"}, max_trials=5)
    child.workon(square)

    assert child.version == 2
    assert len({trial.params["x"] for trial in child.fetch_trials(with_evc_tree=True)}) == 10


def test_inherited_trials_take_no_numbers_and_do_not_count(storage):
    build(storage, max_trials=5).workon(square)

    child = build(storage, space={"x": "uniform(0, 2)"}, algorithm="tpe", max_trials=3)
    child.workon(square)

    assert child.stats.trials_completed == 3
    assert sorted(trial.number for trial in child.fetch_trials()) == [0, 1, 2]
    assert child.is_done


def test_the_algorithm_begins_where_the_ancestors_ended(storage):
    parent = build(storage, max_trials=30)
    parent.workon(square)

    child = build(storage, algorithm={"tpe": {"n_initial_points": 10}}, max_trials=40)
    child.workon(square)

    trials = sorted(child.fetch_trials(), key=lambda trial: trial.number)
    later = [abs(trial.params["x"] - 0.3) for trial in trials[10:]]
    assert sum(later) / len(later) < 0.2


@pytest.mark.parametrize("algorithm", sorted(available_algorithms()))
def test_every_algorithm_takes_inherited_trials(make_database, algorithm):
    storage = Storage(make_database("ephemeral"))
    space = {"x": "uniform(0, 1)", "epochs": "fidelity(1, 9, base=3)"}
    options = {"space": space, "storage": storage, "seed": 1}
    parent = build_experiment("demo", algorithm="random", max_trials=6, **options)
    parent.workon(lambda x, epochs: square(x))

    child = build_experiment("demo", algorithm=algorithm, max_trials=6, branching=ON, **options)
    child.workon(lambda x, epochs: square(x), idle_timeout=10)

    assert child.stats.trials_completed == 6


def test_a_version_follows_what_its_ancestors_finish_while_it_runs(storage):
    parent = build(storage)
    child = build(storage, space={"x": "uniform(0, 2)"}, algorithm="tpe")
    with child.suggest() as trial:
        child.observe(trial, 1.0)

    parent.insert({"x": 0.25}, results=1.0)
    child.experiment.refresh()

    inherited = child.experiment.new_trial({"x": 0.25})
    assert child.experiment.heritage.ids == {inherited.id}


def test_what_ancestors_deleted_is_forgotten(storage):
    parent = build(storage)
    for value in (0.25, 0.75):
        parent.insert({"x": value}, results=1.0)
    child = build(storage, space={"x": "uniform(0, 2)"}, algorithm="tpe")
    child.insert({"x": 0.5}, results=1.0)
    child.experiment.refresh()
    before = child.experiment.algorithm

    gone = next(trial for trial in parent.fetch_trials() if trial.params["x"] == 0.25)
    storage.delete_trials(parent.id, {"id": gone.id})
    child.experiment.refresh()

    assert len(child.experiment.heritage.ids) == 1
    assert child.experiment.algorithm is not before
    assert child.stats.trials_completed == 1


def test_what_is_deleted_here_does_not_lose_what_was_inherited(storage):
    build(storage).insert({"x": 0.25}, results=1.0)
    child = build(storage, space={"x": "uniform(0, 2)"}, algorithm="tpe")
    child.insert({"x": 0.5}, results=1.0)
    child.experiment.refresh()

    storage.delete_trials(child.id)
    child.experiment.refresh()

    assert len(child.experiment.heritage.ids) == 1


def test_trials_that_did_not_finish_or_lack_the_objective_are_not_learnt_from(storage):
    parent = build(storage, space={"x": "uniform(0, 1)"}, max_broken=9)
    parent.insert({"x": 0.1})
    parent.insert({"x": 0.2}, results=1.0)

    child = build(storage, objectives=["loss", "cost"])
    child.experiment.refresh()

    assert child.experiment.heritage.ids == set()


def test_a_new_constraint_keeps_trials_that_break_it_from_the_algorithm(storage):
    parent = build(storage)
    for value in (0.25, 0.75):
        parent.insert({"x": value}, results=1.0)

    child = build(storage, constraints=["x <= 0.5"])
    child.experiment.refresh()

    assert len(child.experiment.heritage.ids) == 1
    assert len(child.fetch_trials(with_evc_tree=True)) == 2


def test_of_a_point_that_several_ancestors_have_the_result_of_the_nearest_counts(storage):
    for seed, result in ((1, 1.0), (2, 2.0)):
        build(storage, seed=seed).insert({"x": 0.25}, results=result)
    parent = build(storage, seed=2)
    parent.insert({"x": 0.75}, results=3.0)

    child = build(storage, seed=3)
    seen = {}
    child.experiment.algorithm.uses_trials = True
    child.experiment.algorithm.observe = lambda trials: seen.update(
        {trial.params["x"]: trial.objective.value for trial in trials}
    )
    child.experiment.refresh()

    assert seen == {0.25: 2.0, 0.75: 3.0}
