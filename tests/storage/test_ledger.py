"""A worker's mirror of the trials."""

import pytest

from orion_like.storage import EphemeralDB, Ledger, Storage
from orion_like.trial import Trial, to_results

ME = "me-1-00000000"


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def storage():
    return Storage(EphemeralDB())


@pytest.fixture
def experiment(storage):
    return storage.create_experiment({"name": "demo", "version": 1, "max_trials": 4})["_id"]


def add(storage, experiment, number, status="reserved"):
    params = [{"name": "x", "type": "integer", "value": number}]
    trial = Trial(experiment=experiment, number=number, params=params)
    return storage.register_trial(trial, status, ME)


def refresh(ledger):
    ledger.refresh_budget()
    return list(ledger.refresh_trials())


def test_a_refresh_reads_only_what_changed(storage, experiment):
    ledger = Ledger(storage, experiment)
    _, second = add(storage, experiment, 0), add(storage, experiment, 1)
    assert {doc["number"] for doc in ledger.refresh_trials()} == {0, 1}

    storage.complete_trial(second, to_results(1.0))
    changed = [doc["number"] for doc in ledger.refresh_trials()]

    assert changed == [1]
    assert ledger.counts == {"reserved": 1, "completed": 1}
    assert len(ledger) == 2


def test_deletions_make_it_read_everything_anew(storage, experiment):
    ledger = Ledger(storage, experiment)
    add(storage, experiment, 0, "new")
    add(storage, experiment, 1)
    refresh(ledger)

    storage.delete_trials(experiment, {"status": "new"})
    changed = refresh(ledger)

    assert ledger.generation == 1
    assert [doc["number"] for doc in changed] == [1]
    assert ledger.counts == {"reserved": 1}


def test_a_deletion_that_was_cut_short_is_seen_too(storage, experiment, monkeypatch):
    ledger = Ledger(storage, experiment)
    add(storage, experiment, 0, "new")
    add(storage, experiment, 1)
    refresh(ledger)

    def be_killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(storage, "_free_numbers_of_deleted", be_killed)
    with pytest.raises(KeyboardInterrupt):
        storage.delete_trials(experiment, {"status": "new"})
    refresh(ledger)

    assert ledger.counts == {"reserved": 1}
    assert len(ledger) == 1


def test_broken_trials_make_room_for_more(storage, experiment):
    ledger = Ledger(storage, experiment)
    trials = [add(storage, experiment, number) for number in range(4)]
    refresh(ledger)
    assert not ledger.has_room

    storage.release_trial(trials[0], "broken")
    refresh(ledger)

    assert ledger.has_room
    assert ledger.number_limit == 5


def test_a_gap_is_overdue_only_after_its_grace(storage, experiment):
    clock = Clock()
    ledger = Ledger(storage, experiment, clock)
    for _ in range(3):
        storage.take_number(experiment, 4, 4)
    add(storage, experiment, 0)
    add(storage, experiment, 2)
    refresh(ledger)

    assert ledger.overdue_gap(grace=3) is None
    clock.now = 3
    assert ledger.overdue_gap(grace=3) == 1

    storage.hand_back_number(experiment, 1)
    refresh(ledger)
    assert ledger.overdue_gap(grace=3) is None
