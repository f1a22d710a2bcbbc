"""Hosts whose clocks are wrong: a file database has no other clock than theirs."""

from datetime import timedelta
from functools import partial

import pytest

from orion_like.client import build_experiment
from orion_like.storage import Ledger, Storage
from orion_like.storage.database import EphemeralDB
from orion_like.testing.chaos import skew_clock, skewed_clock

HOUR = 3600  # seconds
THRESHOLD = 60  # seconds


@pytest.fixture
def storage():
    return Storage(EphemeralDB())


def test_workers_whose_clocks_differ_by_an_hour_overwrite_nothing(tmp_path, make_crew):
    crew = make_crew(tmp_path / "db.pkl", seconds=(0, 0.02), heartbeat=30)
    crew.create(150)

    for hours in (-1, 0, 1):
        crew.start(2, conditions=(partial(skew_clock, HOUR * hours),))
    crew.finish()

    trials = crew.assert_sound()
    # A worker that has just started cannot know better; later it sees that the others live.
    assert sum(trial.attempt > 1 for trial in trials) < 75


def look_at(ledger):
    ledger.refresh_budget()
    list(ledger.refresh_trials())


def reserved_by_a_worker_whose_clock_is(storage, seconds):
    """Return the experiment, the trial, and a ledger that has seen how it was reserved."""
    with skewed_clock(seconds):
        client = build_experiment(
            "chaos", space={"x": "uniform(0, 1)"}, max_trials=2, storage=storage
        )
        ledger = Ledger(storage, client.id, clock=lambda: 0.0)
        look_at(ledger)
        trial = client.suggest()
    look_at(ledger)
    return client.id, trial, ledger


@pytest.mark.parametrize("skew", [-HOUR, HOUR])
def test_a_worker_that_is_seen_alive_keeps_its_trial_whatever_its_clock_says(storage, skew):
    uid, trial, ledger = reserved_by_a_worker_whose_clock_is(storage, skew)
    alive = ledger.seen_alive(THRESHOLD)

    assert alive == [trial._id]
    assert storage.reserve_lost_trial(uid, "another", THRESHOLD, alive) is None


@pytest.mark.parametrize("skew", [-HOUR, HOUR])
def test_the_trial_of_a_worker_that_is_silent_is_taken_whatever_its_clock_said(storage, skew):
    uid, trial, ledger = reserved_by_a_worker_whose_clock_is(storage, skew)
    ledger._clock = lambda: THRESHOLD + 1.0

    assert ledger.seen_alive(THRESHOLD) == []
    taken = storage.reserve_lost_trial(uid, "another", THRESHOLD, ledger.seen_alive(THRESHOLD))
    assert taken is not None
    assert (taken.id, taken.worker, taken.attempt) == (trial.id, "another", 2)


def test_a_skewed_clock_is_seen_by_the_package_only_as_long_as_it_is_skewed(storage):
    with skewed_clock(HOUR):
        storage.create_experiment({"name": "later", "version": 1})
        _, later, _ = reserved_by_a_worker_whose_clock_is(storage, 0)
    _, now, _ = reserved_by_a_worker_whose_clock_is(Storage(EphemeralDB()), 0)

    (stored,) = storage.fetch_trials(later.experiment)
    assert stored.heartbeat - now.heartbeat > timedelta(minutes=59)
