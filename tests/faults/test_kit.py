"""The kit itself: what it must notice, it notices."""

import random

import pytest

from orion_like.client import build_experiment
from orion_like.storage import Storage
from orion_like.storage.database import EphemeralDB
from orion_like.testing.chaos import Journal, Unsound, WitnessedStorage, assert_sound
from orion_like.testing.chaos.tails import torn_at_every_byte, with_flipped_bit


@pytest.fixture
def journal(tmp_path):
    return Journal(tmp_path / "journal.jsonl")


@pytest.fixture
def storage(journal):
    storage = WitnessedStorage(EphemeralDB(), journal)
    client = build_experiment(
        "chaos",
        space={"x": "uniform(0, 1)"},
        algorithm="random",
        seed=1,
        max_trials=3,
        storage=storage,
    )
    client.workon(lambda x: x)
    return storage


def test_a_sound_experiment_is_passed(storage, journal):
    trials = assert_sound(storage, "chaos", journal)

    assert len(trials) == len(journal) == 3


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"$set": {"results": []}}, "has other results"),
        ({"$set": {"worker": "another"}}, "belongs to another"),
        ({"$set": {"status": "reserved"}}, "is reserved"),
        ({"$set": {"status": "reserved"}}, "is stuck: reserved"),
        ({"$set": {"status": "reserved"}}, "2 trials are completed, not 3"),
    ],
)
def test_a_broken_promise_is_told(storage, journal, change, told):
    storage.database.find_one_and_update("trials", {"number": 1}, change)

    with pytest.raises(Unsound, match=told):
        assert_sound(storage, "chaos", journal)


def test_a_lost_trial_is_told(storage, journal):
    storage.database.remove("trials", {"number": 1})

    with pytest.raises(Unsound, match="is gone"):
        assert_sound(storage, "chaos", journal)


def test_a_result_acknowledged_twice_is_told(storage, journal):
    journal.add(journal.read()[0])

    with pytest.raises(Unsound, match="acknowledged twice"):
        assert_sound(storage, "chaos", journal)


def test_a_duplicate_is_told(storage, journal):
    copy = storage.database.find("trials", {"number": 1})[0]
    unprotected = Storage.__new__(Storage)
    unprotected.database = EphemeralDB()
    unprotected.database.insert_many("experiments", storage.database.find("experiments"))
    unprotected.database.insert_many("trials", storage.database.find("trials"))
    del copy["_id"]
    unprotected.database.insert("trials", copy)

    with pytest.raises(Unsound, match="2 trials have the number 1"):
        assert_sound(unprotected, "chaos", journal)


def test_a_late_result_that_is_gone_is_told(storage, journal):
    first = journal.read()[0]
    journal.add(type(first)("late", first.trial, "a slow one", 0, first.results))

    with pytest.raises(Unsound, match="came too late and was not kept"):
        assert_sound(storage, "chaos", journal)


def test_a_missing_experiment_is_told(storage, journal):
    with pytest.raises(Unsound, match="is gone"):
        assert_sound(storage, "another", journal)


def test_tears_and_flips_are_what_they_say():
    assert list(torn_at_every_byte(b"abcd", 2)) == [b"ab", b"abc", b"abcd"]

    damaged, position = with_flipped_bit(bytes(8), random.Random(1), first=4)
    assert position >= 4
    assert sum(byte.bit_count() for byte in damaged) == 1
    assert damaged[position]
