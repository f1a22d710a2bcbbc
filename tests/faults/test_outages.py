"""A database that does not answer for a time, or any more: no result is lost with it."""

import json
import random
from functools import partial
from pathlib import Path

import pytest

from orion_like.client import build_experiment
from orion_like.errors import DatabaseError, DatabaseTimeout, WaitingForTrials
from orion_like.storage import Storage
from orion_like.storage.database import EphemeralDB
from orion_like.testing.chaos import Journal, WitnessedStorage, assert_sound, make_unreliable
from orion_like.testing.chaos.worker import SPACE, evaluate
from orion_like.worker.executor import SingleExecutor


def build(storage, **settings):
    return build_experiment(
        "chaos", space=SPACE, algorithm="random", seed=1, storage=storage, **settings
    )


@pytest.fixture
def storage():
    return Storage(EphemeralDB())


def sum_up(**params):
    return sum(params.values())


def away(*args, **options):
    raise DatabaseTimeout("no answer")


def full(*args, **options):
    raise DatabaseError("the disk is full")


def no_room(*args, **options):
    raise OSError("no space left")


def make_answerless(monkeypatch, storage, verb, times, error=DatabaseTimeout):
    """Have a verb fail so often, after it did what it was asked."""
    working, calls = getattr(storage, verb), []

    def answerless(*args, **options):
        calls.append(args)
        answer = working(*args, **options)
        if len(calls) <= times:
            raise error("no answer")
        return answer

    monkeypatch.setattr(storage, verb, answerless)


@pytest.mark.parametrize("seed", range(3))
def test_operations_that_fail_before_or_after_they_are_done_harm_nothing(seed, tmp_path):
    database, journal = EphemeralDB(), Journal(tmp_path / "journal.jsonl")
    client = build(WitnessedStorage(database, journal), max_trials=60, heartbeat=0.2)
    make_unreliable(database, random.Random(seed), 0.1)

    client.workon(partial(evaluate, (0, 0), None), n_workers=1)

    reliable = EphemeralDB()
    reliable._engine = database._engine
    assert_sound(Storage(reliable), "chaos", journal)


@pytest.mark.parametrize("verb", ["register_trial", "complete_trial", "take_number"])
def test_a_worker_asks_again_when_there_was_no_answer(storage, monkeypatch, verb):
    client = build(storage, max_trials=3)
    make_answerless(monkeypatch, storage, verb, times=2)

    client.workon(sum_up, n_workers=1)

    assert client.stats.trial_status_count == {"completed": 3}
    assert all(trial.attempt == 1 for trial in client.fetch_trials())


def test_a_trial_registered_without_an_answer_is_found_again(storage, monkeypatch):
    client = build(storage, max_trials=2)
    make_answerless(monkeypatch, storage, "register_trial", times=1)

    with pytest.raises(DatabaseTimeout):
        client.suggest()
    trial = client.suggest()

    assert trial.number == 0
    client.observe(trial, 1.0)
    assert client.stats.trial_status_count == {"completed": 1}


def test_a_worker_gives_up_in_the_end_and_keeps_the_result(storage, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("orion_like.worker.loop.OUTAGE_PATIENCE", 0.05)
    client = build(storage, max_trials=1)
    monkeypatch.setattr(storage, "complete_trial", away)
    monkeypatch.setattr(storage, "release_trial", away)

    with pytest.raises(DatabaseTimeout, match="was kept in") as failure:
        client.workon(sum_up, n_workers=1)

    (kept,) = json.loads(Path(str(failure.value).rpartition("kept in ")[2]).read_text())
    (trial,) = client.fetch_trials()
    assert kept["value"] == sum_up(**trial.params)


def test_a_result_that_can_be_kept_nowhere_is_told(storage, monkeypatch):
    client = build(storage, max_trials=1)
    monkeypatch.setattr(storage, "complete_trial", full)
    monkeypatch.setattr("orion_like.worker.loop.open", no_room, raising=False)

    with pytest.raises(DatabaseError, match=r'stored anywhere; it is .*"value": 0\.5'):
        client.workon(lambda **params: 0.5, n_workers=1)


class EndsTogether(SingleExecutor):
    """Runs its functions one after the other, and hands them over together."""

    def _progress(self, futures, timeout):
        for future in futures:
            future.wait()


def test_a_result_that_cannot_be_stored_keeps_no_other_from_it(storage, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    client = build(storage, max_trials=2, executor=EndsTogether(n_workers=2))
    complete = storage.complete_trial
    monkeypatch.setattr(
        storage,
        "complete_trial",
        lambda trial, results, **durable: (
            full() if trial.number == 0 else complete(trial, results, **durable)
        ),
    )

    with pytest.raises(DatabaseError, match="was kept in"):
        client.workon(sum_up)

    assert {trial.number: trial.status for trial in client.fetch_trials()}[1] == "completed"


def test_a_trial_that_cannot_be_released_does_not_hide_where_a_result_is(
    storage, monkeypatch, tmp_path
):
    monkeypatch.chdir(tmp_path)
    client = build(storage, max_trials=2, executor=SingleExecutor(n_workers=2))
    monkeypatch.setattr(storage, "complete_trial", full)
    monkeypatch.setattr(storage, "release_trial", full)

    with pytest.raises(DatabaseError, match="was kept in"):
        client.workon(sum_up)

    assert len(list(tmp_path.glob("*.results.json"))) == 1


def test_an_outage_does_not_count_as_idle_time(storage, monkeypatch):
    client, other = (build(storage, max_trials=1) for _ in range(2))
    running = other.suggest()
    acquire, seconds = client._producer.acquire, [0.0]

    def acquire_after_an_outage(**options):
        if seconds[0] < 100:
            seconds[0] += 40
            raise DatabaseTimeout("no answer")
        try:
            return acquire(**options)
        except WaitingForTrials:
            other.observe(running, 1.0)
            raise

    monkeypatch.setattr(client._producer, "acquire", acquire_after_an_outage)
    monkeypatch.setattr("orion_like.worker.loop.monotonic", lambda: seconds[0])

    assert client.workon(sum_up, n_workers=1, idle_timeout=60) == 0
    assert client.is_done
