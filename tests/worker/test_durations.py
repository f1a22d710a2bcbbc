"""How long a worker, and an experiment, may go on."""

import time

import pytest

from orion_like.client import build_experiment, get_experiment
from orion_like.errors import CompletedExperiment, ConfigurationError
from orion_like.storage import Storage


@pytest.fixture
def storage(database):
    return Storage(database)


def build(storage, **changes):
    options = {"space": {"x": "uniform(0, 1)"}, "algorithm": "random", "max_trials": 6, **changes}
    return build_experiment("demo", storage=storage, **options)


def test_a_worker_starts_nothing_after_its_duration_and_lets_running_trials_end(storage):
    client = build(storage)

    def function(x):
        time.sleep(0.2)
        return x

    executed = client.workon(function, max_duration=0.1)

    assert executed == 1
    assert client.stats.trial_status_count == {"completed": 1}
    assert not client.is_done


def test_a_worker_that_waits_ends_after_its_duration(storage):
    client = build(storage)
    client.pause()

    assert client.workon(lambda x: x, max_duration=0.2) == 0


def test_an_experiment_ends_so_long_after_its_first_trial_was_started(storage):
    client = build(storage, max_duration=0.2)

    def function(x):
        time.sleep(0.3)
        return x

    executed = client.workon(function)

    assert executed == 1
    assert client.is_done
    with pytest.raises(CompletedExperiment, match="max_duration"):
        client.suggest()


def test_the_duration_of_an_experiment_counts_from_its_first_trial_and_not_from_its_making(storage):
    client = build(storage, max_duration=0.2)
    time.sleep(0.3)

    assert not client.is_done
    client.release(client.suggest())


def test_workers_follow_a_changed_duration_of_the_experiment(storage):
    client = build(storage)
    somebody = get_experiment("demo", storage=storage, mode="w")

    def function(x, trial):
        if trial.number == 1:
            somebody.max_duration = 0.001
            time.sleep(0.5)  # for longer than workers look away
        return x

    executed = client.workon(function, trial_arg="trial")
    somebody.max_duration = None

    assert executed == 2
    assert not client.is_done


@pytest.mark.parametrize("wrong", [0, -1, "soon", True])
def test_a_duration_is_a_number_of_seconds(storage, wrong):
    with pytest.raises(ConfigurationError, match="max_duration"):
        build(storage, max_duration=wrong)
    client = build(storage)
    with pytest.raises(ConfigurationError, match="max_duration"):
        client.workon(lambda x: x, max_duration=wrong)


def test_resuming_changes_the_duration_only_if_it_is_mentioned(storage):
    build(storage, max_duration=60)

    assert build(storage).max_duration == 60
    assert build(storage, max_duration=30).max_duration == 30
    assert build(storage, max_duration=float("inf")).max_duration is None
