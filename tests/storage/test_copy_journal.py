"""A copy that was cut short is gone on with, and copies nothing twice."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess

import pytest

from orion_like.errors import DatabaseError
from orion_like.storage import (
    PickledDB,
    Storage,
    copy_journal,
    new_worker_id,
    setup_storage,
    transfer,
)
from orion_like.storage.check import check
from orion_like.storage.copy_journal import COPIES, CopyJournal, unfinished
from orion_like.storage.transfer import copy
from orion_like.trial import Trial


@pytest.fixture
def source(tmp_path):
    """Two experiments of 25 trials, with metrics and a benchmark."""
    storage = Storage(PickledDB(tmp_path / "source.pkl"))
    for name in ("a", "b"):
        uid = storage.create_experiment({"name": name, "version": 1, "next_number": 25})["_id"]
        for number in range(25):
            add_trial(storage, uid, number)
        for trial in storage.fetch_trials(uid):
            metric = {"experiment": uid, "trial": trial._id, "number": trial.number}
            storage.database.insert("metrics", metric)
    storage.database.insert("benchmarks", {"name": "bench"})
    return storage


@pytest.fixture
def destination(database):
    return Storage(database)


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch):
    monkeypatch.setattr(transfer, "BATCH", 5)


def add_trial(storage, uid, number, salt=0.0):
    params = [{"name": "x", "type": "real", "value": number + salt}]
    storage.register_trial(Trial(experiment=uid, number=number, params=params))


class Cut(BaseException):
    """The process ends here."""


def worker_id_of_the_dead():
    ended = subprocess.Popen(["true"])
    ended.wait()
    place, _, token = new_worker_id().rsplit("-", 2)
    return f"{place}-{ended.pid}-{token}"


def cut_after(monkeypatch, database, writes):
    """Let a database end the process instead of its n-th write."""
    with monkeypatch.context() as patch:
        patch.setattr(copy_journal, "new_worker_id", worker_id_of_the_dead)
        left = [writes]

        def limited(name):
            verb = getattr(database, name)

            def write(*args, **kwargs):
                if not left[0]:
                    raise Cut
                left[0] -= 1
                return verb(*args, **kwargs)

            return write

        for name in ("insert", "insert_many", "update", "remove"):
            patch.setattr(database, name, limited(name))
        yield


def assert_equal_copies(source, destination):
    assert [doc["name"] for doc in destination.fetch_experiments()] == ["a", "b"]
    for name in ("a", "b"):
        old, new = (storage.fetch_experiment(name) for storage in (source, destination))
        trials = destination.fetch_trials(new["_id"])
        assert [t.id for t in trials] == [t.id for t in source.fetch_trials(old["_id"])]
        metrics = destination.database.find("metrics", {"experiment": new["_id"]})
        numbers = {trial._id: trial.number for trial in trials}
        assert sorted(metric["number"] for metric in metrics) == list(range(25))
        assert all(numbers[metric["trial"]] == metric["number"] for metric in metrics)
    assert destination.database.count("benchmarks") == 1
    assert destination.database.count(COPIES) == 0


@pytest.mark.parametrize("writes", [*range(0, 30, 2), 31, 33, 35, 37])
def test_a_copy_cut_short_at_any_write_is_gone_on_with(source, writes, monkeypatch, tmp_path):
    destination = Storage(PickledDB(tmp_path / "destination.pkl"))
    for _ in cut_after(monkeypatch, destination.database, writes):
        with pytest.raises(Cut):
            copy(source, destination, resumable=True)

    again = copy(source, destination, resumable=True)

    assert_equal_copies(source, destination)
    assert len(again.before) + len(again.experiments) == 2


def test_a_copy_cut_short_is_gone_on_with_in_every_database(source, destination, monkeypatch):
    for _ in cut_after(monkeypatch, destination.database, 20):
        with pytest.raises(Cut):
            copy(source, destination, resumable=True)
    assert unfinished(destination.database) == [source.url]
    assert [f.place for f in check(destination.database).findings if f.severity == "note"][-1:] == [
        "copies"
    ]

    copy(source, destination, resumable=True)

    assert_equal_copies(source, destination)


def kill_myself_after(writes, source, target):
    destination = setup_storage(target)
    for name in ("insert", "insert_many"):

        def write(*args, verb=getattr(destination.database, name), left=[writes], **kwargs):  # noqa: B006, B008
            left[0] -= 1
            if left[0] < 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return verb(*args, **kwargs)

        setattr(destination.database, name, write)
    copy(setup_storage(source), destination, resumable=True)


def test_a_killed_copy_is_gone_on_with_at_once(source, destination, tmp_path):
    target = str(tmp_path / "destination.pkl")
    process = multiprocessing.get_context("fork").Process(
        target=kill_myself_after, args=(7, str(source.database.path), target)
    )
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL

    destination = setup_storage(target)
    copy(source, destination, resumable=True)

    assert_equal_copies(source, destination)


def test_what_changed_at_the_source_meanwhile_is_copied(source, destination, monkeypatch):
    uid = source.fetch_experiment("a")["_id"]
    for _ in cut_after(monkeypatch, destination.database, 6):
        with pytest.raises(Cut):
            copy(source, destination, resumable=True)

    source.set_trial_status(source.fetch_trials(uid, {"number": 2})[0], "suspended")
    source.delete_trials(uid, {"number": 3})
    add_trial(source, uid, 3, salt=0.5)
    copy(source, destination, resumable=True)

    new = destination.fetch_experiment("a")["_id"]
    assert [(t.id, t.status) for t in destination.fetch_trials(new)] == [
        (t.id, t.status) for t in source.fetch_trials(uid)
    ]


def test_trials_of_workers_that_run_during_the_copy_are_copied(source, destination):
    uid = source.fetch_experiment("a")["_id"]

    def work(title, done, total):
        if (title, done) == ("a-v1", 10):
            source.take_number(uid, float("inf"), None)
            add_trial(source, uid, 25)
            source.set_trial_status(source.fetch_trials(uid, {"number": 0})[0], "suspended")

    source.update_experiment(uid, max_trials=None)
    copy(source, destination, resumable=True, on_progress=work)

    copied = destination.fetch_experiment("a")
    assert [(t.number, t.status) for t in destination.fetch_trials(copied["_id"])] == [
        (t.number, t.status) for t in source.fetch_trials(uid)
    ]
    assert copied["next_number"] == 26


def test_progress_is_told(source, destination):
    told = []

    copy(source, destination, resumable=True, on_progress=lambda *words: told.append(words))

    assert told[:3] == [("a-v1", 0, 25), ("a-v1", 5, 25), ("a-v1", 10, 25)]
    assert told[-1] == ("b-v1", 25, 25)


def test_two_processes_do_not_copy_the_same(source, destination):
    CopyJournal(destination.database, source.url)

    with pytest.raises(DatabaseError, match="another process is copying"):
        copy(source, destination, resumable=True)


def test_a_complete_copy_leaves_nothing_behind_but_the_copy(source, destination):
    copy(source, destination, resumable=True)

    assert_equal_copies(source, destination)
    assert unfinished(destination.database) == []
