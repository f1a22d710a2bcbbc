"""Trying broken trials again: `ExperimentClient.retry`."""

import pytest

from orion_like.client import build_experiment, get_experiment
from orion_like.errors import BrokenExperiment, FailedUpdate, UnsupportedOperation
from orion_like.storage import Storage


@pytest.fixture
def client(database):
    return build_experiment(
        "demo",
        space={"x": "uniform(0, 1)"},
        algorithm="random",
        seed=1,
        max_trials=5,
        max_broken=3,
        storage=Storage(database),
    )


def fail(x):
    raise RuntimeError("out of luck")


@pytest.fixture
def broken(client):
    with pytest.raises(BrokenExperiment):
        client.workon(fail)
    return client.fetch_trials()


def test_a_retried_trial_keeps_its_number_and_counts_its_attempts_on(client, broken):
    number, ended = broken[0].number, broken[0].end_time
    client.retry(broken[:1])

    client.workon(lambda x: x)

    again = client.get_trial(uid=broken[0].id)
    assert (again.status, again.number, again.attempt) == ("completed", number, 2)
    assert again.end_time > ended


def test_the_budget_is_exact_whatever_is_retried(client, broken):
    client.max_broken = 10
    client.workon(lambda x: x, max_trials=4)
    client.retry()

    client.workon(lambda x: x)

    assert client.stats.trial_status_count == {"completed": 5, "new": 2}
    assert client.is_done


def test_all_broken_trials_are_retried_by_default(client, broken):
    assert client.is_broken

    retried = client.retry()

    assert [trial.id for trial in retried] == [trial.id for trial in broken]
    assert not client.is_broken
    assert client.workon(lambda x: x) == 5


def test_the_reason_of_the_last_attempt_is_kept_until_the_next(client, broken):
    (trial,) = client.retry(broken[:1])

    stored = client.get_trial(trial)
    assert stored.reason == "to be tried again: RuntimeError: out of luck"
    assert stored.end_time is None


def test_trials_that_others_took_meanwhile_are_left_out(client, broken):
    client.retry(client.fetch_trials()[:1])
    running = client.suggest()

    retried = client.retry(broken)

    assert running.id == broken[0].id
    assert [trial.id for trial in retried] == [trial.id for trial in broken[1:]]
    client.release(running)


def test_only_broken_and_interrupted_trials_can_be_retried(client):
    trial = client.suggest()
    with pytest.raises(FailedUpdate, match="is reserved; only trials that are broken"):
        client.retry([trial])
    client.release(trial)

    assert [t.id for t in client.retry([trial])] == [trial.id]


def test_retrying_needs_a_client_that_may_write(client, broken):
    reader = get_experiment("demo", storage=client.storage)

    with pytest.raises(UnsupportedOperation):
        reader.retry()
