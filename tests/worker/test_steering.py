"""Pausing, resuming and stopping an experiment, as its workers follow it."""

import time

import pytest

from orion_like.client import build_experiment, get_experiment
from orion_like.errors import (
    CompletedExperiment,
    PausedExperiment,
    StoppedExperiment,
    UnsupportedOperation,
)
from orion_like.experiment.producer import BUDGET_AGE
from orion_like.storage import Storage


@pytest.fixture
def storage(database):
    return Storage(database)


@pytest.fixture
def client(storage):
    return build_experiment(
        "demo", space={"x": "uniform(0, 1)"}, algorithm="random", max_trials=6, storage=storage
    )


@pytest.fixture
def somebody(storage, client):
    """The same experiment in other hands."""
    return get_experiment("demo", storage=storage, mode="w")


def at_trial(number, action):
    def function(x, trial):
        if trial.number == number:
            action()
            time.sleep(2 * BUDGET_AGE)  # the trial goes on for longer than workers look away
        return x

    return function


def test_workers_wait_while_it_is_paused_without_giving_up_and_then_go_on(client, somebody):
    waits = []

    def on_progress(progress):
        if progress.waiting:
            waits.append((progress.waiting, progress.stats.trials_completed))
            if len(waits) == 7:  # of more than 0.3 seconds in all
                somebody.resume()

    executed = client.workon(
        at_trial(2, somebody.pause), trial_arg="trial", idle_timeout=0.3, on_progress=on_progress
    )

    assert executed == 6
    assert [completed for _, completed in waits] == [3] * 7
    assert "orion-like resume -n demo" in waits[0][0]


def test_workers_end_when_it_is_stopped_and_others_finish_it_after_it_was_resumed(client, somebody):
    executed = client.workon(at_trial(2, somebody.stop), trial_arg="trial")

    assert executed == 3
    assert client.state == "stopping"
    assert not client.is_done
    assert client.workon(lambda x: x) == 0

    somebody.resume()

    assert client.workon(lambda x: x) == 3
    assert client.stats.trial_status_count == {"completed": 6}


def test_trials_that_run_while_it_is_paused_or_stopped_are_completed(client, somebody):
    first, second = client.suggest(), client.suggest()

    somebody.pause()
    client.observe(first, 1.0)
    somebody.stop()
    client.observe(second, 2.0)

    assert client.stats.trials_completed == 2


@pytest.mark.parametrize(
    ("action", "error"), [("pause", PausedExperiment), ("stop", StoppedExperiment)]
)
def test_nothing_is_suggested_and_the_error_says_how_to_go_on(client, somebody, action, error):
    getattr(somebody, action)()

    with pytest.raises(error, match="orion-like resume -n demo"):
        client.suggest()


def test_an_experiment_that_is_done_is_done_whatever_its_state(client, somebody):
    client.workon(lambda x: x)
    somebody.pause()

    assert client.is_done
    with pytest.raises(CompletedExperiment):
        client.suggest()
    assert client.workon(lambda x: x) == 0


def test_who_may_only_read_decides_nothing(storage, client):
    reader = get_experiment("demo", storage=storage)

    with pytest.raises(UnsupportedOperation):
        reader.pause()

    assert client.state == "active"
